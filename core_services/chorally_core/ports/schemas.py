"""Kinds of documents that change with releases: what is stored in an earlier schema is read through steps.

A step turns the stored fields of one schema into those of the next, and knows no more: it is pure, it does not
look at the class, which may change again, and fields that have their default may be missing from what it is given.
What is stored in a later schema than the code knows is never guessed at.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

from chorally_core.ports.documents import Document

_SHOWN = 3


class TooNew(Exception):
    """Documents were stored by a later release; the message says which, and what to do."""

    def __init__(self, of: type[Document], stored: int) -> None:
        super().__init__(
            f"documents of the kind {of.kind} are stored in schema {stored}, this release knows {of.schema}:"
            " run the release that stored them, or a later one"
        )


class NotMigrated(Exception):
    """The store is not as this release needs it; the message says how it differs, and what to do."""

    def __init__(self, lacking: Sequence[str]) -> None:
        more = f"; and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
        told = "; ".join(lacking[:_SHOWN])
        super().__init__(f"the documents are not ready for this release, run chorally migrate: {told}{more}")


class CannotMigrate(Exception):
    """What is stored does not allow what this release needs; the message says what to do."""


class InvalidKind(TypeError):
    """A kind is declared so that it cannot be stored."""


@runtime_checkable
class Migrates(Protocol):
    """What a document store offers that must be made ready before kinds are stored in it."""

    async def lacking(self, kinds: Iterable[type[Document]]) -> list[str]:
        """Say what ``migrate`` would make or rewrite; nothing where the store is ready. Changes nothing.

        Raises:
            TooNew: A later release has stored documents.
        """

    async def migrate(self, kinds: Iterable[type[Document]]) -> list[str]:
        """Make what is missing, rewrite what is stored in an earlier schema, and say what was done.

        It may be repeated, be ended at any place and go on in another process, and run in several at once;
        processes of this release may store documents meanwhile.

        Raises:
            TooNew: A later release has stored documents.
        """


def upgraded(of: type[Document], stored: Any, since: int) -> Any:
    """Return the stored fields of a document as the newest schema has them.

    Args:
        of: The kind.
        stored: The fields as JSON types; they are not changed.
        since: The schema in which they were stored.

    Raises:
        TooNew: That schema is a later one.
    """
    if since > of.schema:
        raise TooNew(of, since)
    for step in of.upgrades[since - 1 :]:
        stored = step(dict(stored))
    return stored


def check(kinds: Iterable[type[Document]]) -> None:
    """Refuse kinds that contradict each other or themselves.

    Raises:
        InvalidKind: Two have one name, or one has not exactly one step for each schema but the first.
    """
    named: dict[str, type[Document]] = {}
    for of in kinds:
        other = named.setdefault(of.kind, of)
        if other is not of:
            raise InvalidKind(f"{other.__qualname__} and {of.__qualname__} both are of the kind {of.kind}")
        if len(of.upgrades) != of.schema - 1:
            raise InvalidKind(
                f"{of.__qualname__} is in schema {of.schema} and has {len(of.upgrades)} upgrades;"
                f" it needs {of.schema - 1}, one to each schema but the first"
            )
