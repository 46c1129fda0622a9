"""Links by which anybody can get a file for a while: sealed, so that nobody can make or change one.

A link says whose file it is and until when, under the installation's secret keys (AES and HMAC-SHA256, compared in
constant time): it tells nothing, cannot be guessed, and needs no record. It ends with its time, its file or its key.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from chorally_core.ports.files import File, shown_type
from chorally_core.ports.objects import Objects
from chorally_core.ports.secrets import Unopenable, Vault

PATH = "/media/v1/links/"
"""Where our own links are served."""

LONGEST = timedelta(days=7)
"""How long a link may last."""

_PURPOSE = "media-link"


def shown_path(path: str) -> str:
    """Return the path of a request as it may be logged: without what gives a file to whoever has it."""
    return f"{PATH}…" if path.startswith(PATH) else path


class Linked(NamedTuple):
    """What a link leads to."""

    tenant: str
    file_id: str


class Links:
    """Makes links, and reads them."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def made(self, tenant: str, file_id: str, until: datetime) -> str:
        """Return the part of a URL that leads to a file until a time."""
        return self._vault.seal({_PURPOSE: [tenant, file_id, int(until.timestamp())]})

    def read(self, said: str, now: datetime) -> Linked | None:
        """Return what a link leads to; None where it is none of ours, or has ended."""
        try:
            found = self._vault.open(said)
        except (Unopenable, ValueError):
            return None
        match found:
            case {"media-link": [str(tenant), str(file_id), int(until)]} if len(found) == 1:
                ends = datetime.fromtimestamp(until, UTC)
                return Linked(tenant, file_id) if now < ends else None
        return None


class Linking:
    """Makes URLs at which anybody can get a file for a while: the store's own where it has such, else ours."""

    def __init__(self, links: Links, objects: Objects, *, now: Callable[[], datetime]) -> None:
        self._links = links
        self._objects = objects
        self._now = now

    async def url(self, file: File, lasts: timedelta, base: str) -> str:
        """Return a URL of a file.

        Args:
            file: The file.
            lasts: How long it leads there; at most a week.
            base: Address of the system, without a slash at its end.

        Raises:
            Unavailable: The store cannot be asked now.
        """
        url = await self._objects.link(
            file.tenant, file.place, media_type=shown_type(file.media_type), saved_as=file.name, lasts=lasts
        )
        return url if url is not None else self.own(file, lasts, base)

    def own(self, file: File, lasts: timedelta, base: str) -> str:
        """Return a URL of a file that leads to us, whatever the store has."""
        return f"{base}{PATH}{self._links.made(file.tenant, file.id, self._now() + lasts)}"

    def read(self, said: str, now: datetime) -> Linked | None:
        """Return what a link of ours leads to; None where it is none, or has ended."""
        return self._links.read(said, now)
