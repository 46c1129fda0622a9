"""Files that an answer or a post names: looked up, checked, and kept longer because something uses them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from chorally_core.api.problem import Problem
from chorally_core.events.records import Attached
from chorally_core.ports.documents import Key
from chorally_core.ports.files import File
from chorally_core.ports.handlers import Found

FileIds = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=64)]],
    Field(title="Files", max_length=50, description="Ids of uploaded files (`/media/v1/files`), in their order."),
]
"""The field ``files`` of what goes out."""


@dataclass(frozen=True)
class Named:
    """The files that are named, and their records as they are once they are used."""

    attachments: tuple[Attached, ...]
    used: tuple[File, ...]


@dataclass(frozen=True)
class Files:
    """Knows how long used files are kept."""

    keeps: Callable[[str], timedelta]
    """By tenant."""

    def keys(self, ids: Sequence[str]) -> list[Key]:
        """Return the keys of the files' records."""
        return [Key.by_id(File, file_id) for file_id in dict.fromkeys(ids)]

    def named(
        self,
        found: Found,
        ids: Sequence[str],
        *,
        tenant: str,
        at: datetime,
        person: str | None,
        needed_at: datetime | None = None,
    ) -> Named:
        """Return the files, checked.

        Args:
            found: What was loaded by ``keys``.
            ids: The files' ids, in their order.
            tenant: Whose they must be.
            at: Now.
            person: The author to whom they go; None where they go to everybody.
            needed_at: When they go; now where None.

        Raises:
            Problem: 422; one is not there, or is named twice.
        """
        files: dict[str, File] = {}
        for place, file_id in enumerate(ids):
            file = found.get(File, file_id)
            why = ""
            if file_id in files:
                why = "the file is named twice"
            elif file is None or file.tenant != tenant or not file.is_ours or not file.is_there(at):
                why = "there is no such file; upload it, and name it before it is removed as unused"
            if file is None or why:
                raise Problem(422, why, code="invalid", errors=[{"field": f"/body/files/{place}", "message": why}])
            files[file_id] = file
        used = tuple(file.used(max(at, needed_at or at), self.keeps(tenant), person) for file in files.values())
        return Named(tuple(file.attached for file in files.values()), used)
