"""Files of a tenant: what people of ours uploaded to go out, and copies of what came in; the bytes are objects."""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from chorally_core.events.records import Attached
from chorally_core.ports.documents import Document
from chorally_core.ports.objects import THUMBNAILS

Kind = Literal["image", "video", "audio", "file"]

_PEOPLE = 200  # to whom a file went that are remembered


class File(Document, frozen=True, kw_only=True):
    """One file; its bytes are the object at ``place``."""

    kind = "file"
    indexes = (("expires_at",), ("created_at",))

    place: str
    name: str
    media_type: str
    size_bytes: int = 0
    sha256: str = ""
    """Of its bytes, in hexadecimal digits."""
    is_whole: bool = False
    """All its bytes are stored."""
    created_by: str = ""
    created_at: datetime
    expires_at: datetime
    """When it may be removed; later again at each use."""
    used_at: datetime | None = None
    people: tuple[str, ...] = ()
    """Ids of the authors to whom it went, or from whom it came: with the last of them it is erased."""
    is_public: bool = False
    """It went to everybody, with a post: it is erased with nobody."""
    is_ours: bool = True
    """It was uploaded to go out, and did not come in."""
    thumbnail: Literal["", "waiting", "made", "none"] = ""
    """Whether there is a small picture of it; ``none`` where it cannot be drawn."""

    @property
    def shape(self) -> Kind:
        """What kind of attachment it is."""
        return shape_of(self.media_type)

    @property
    def places(self) -> tuple[str, ...]:
        """Names of all its objects."""
        return (self.place, self.thumbnail_place) if self.thumbnail else (self.place,)

    @property
    def thumbnail_place(self) -> str:
        """Name of the object that its small picture is."""
        return f"{THUMBNAILS}{self.id}"

    @property
    def attached(self) -> Attached:
        """The file as a message names it."""
        return Attached(
            kind=self.shape, external_id=self.place, media_type=self.media_type, name=self.name,
            size_bytes=self.size_bytes, sha256=self.sha256,
        )  # fmt: skip

    def is_there(self, at: datetime) -> bool:
        """Whether it can be used now: it is whole, and is not removed soon."""
        return self.is_whole and self.expires_at > at

    def used(self, at: datetime, keeps: timedelta, person: str | None) -> "File":
        """Return the file after something that names it was written, to a person or to everybody."""
        people = self.people if person is None else tuple(dict.fromkeys((*self.people, person)))[-_PEOPLE:]
        return msgspec.structs.replace(
            self, used_at=at, expires_at=max(self.expires_at, at + keeps), people=people,
            is_public=self.is_public or person is None,
        )  # fmt: skip

    def without(self, person: str) -> "File | None":
        """Return the file without a person who is erased; None where it concerns nobody else."""
        rest = tuple(other for other in self.people if other != person)
        return msgspec.structs.replace(self, people=rest) if rest or self.is_public else None


ACTIVE = frozenset(
    {"text/html", "application/xhtml+xml", "image/svg+xml", "text/xml", "application/xml", "text/javascript",
     "application/javascript", "application/x-msdownload", "application/x-sh"}
)  # fmt: skip
"""Types that can do something where they are opened."""


def shown_type(media_type: str) -> str:
    """Return the type by which a file is given to anybody: of what can do something, only that it is bytes."""
    return "application/octet-stream" if media_type in ACTIVE else media_type


def shape_of(media_type: str) -> Kind:
    """Return what kind of attachment a media type is."""
    match media_type.partition("/")[0]:
        case "image":
            return "image"
        case "video":
            return "video"
        case "audio":
            return "audio"
    return "file"
