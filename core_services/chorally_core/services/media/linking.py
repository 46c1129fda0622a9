"""Where links lead: to the store itself where it has URLs of its own, else to us."""

from collections.abc import Callable
from datetime import datetime, timedelta

from chorally_core.ports.files import File, shown_type
from chorally_core.ports.objects import Objects
from chorally_core.services.media.links import Linked, Links

PATH = "/media/v1/links/"
"""Where our own links are served."""


class Linking:
    """Makes URLs at which anybody can get a file for a while."""

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
        if url is not None:
            return url
        return f"{base}{PATH}{self._links.made(file.tenant, file.id, self._now() + lasts)}"

    def read(self, said: str, now: datetime) -> Linked | None:
        """Return what a link of ours leads to; None where it is none, or has ended."""
        return self._links.read(said, now)
