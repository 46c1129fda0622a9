"""What exists on the sandbox's account: media, comments, conversations, containers and files."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any


@dataclass(eq=False)
class Media:
    """A post of the account, or of somebody who mentions or tags it."""

    id: str
    owner: str
    """Who posted it; the account's id where it is its own."""
    caption: str
    created_at: datetime
    place: int
    type: str = "IMAGE"
    product: str = "FEED"
    is_called_for: bool = False
    """Whether a call of the API made it."""
    is_tagging: bool = False
    files: tuple[bytes, ...] = ()


@dataclass(eq=False)
class Comment:
    """A comment, or a reply to one."""

    id: str
    media_id: str
    parent_id: str | None
    author: str | None
    """None where nothing is shown of who wrote."""
    text: str
    created_at: datetime
    place: int
    is_hidden: bool = False


@dataclass(eq=False)
class Said:
    """A message in a conversation with a person."""

    id: str
    person: str
    author: str
    text: str
    sent_at: datetime
    place: int
    files: tuple[str, ...] = ()
    metadata: str = ""
    reply_to: str = ""
    story: dict[str, Any] = field(default_factory=dict)
    reactions: dict[str, str] = field(default_factory=dict)
    tag: str = ""


@dataclass(eq=False)
class File:
    """A file of a message."""

    id: str
    kind: str
    content: bytes = b""
    media_type: str = "application/octet-stream"
    url: str = ""


@dataclass(eq=False)
class Container:
    """What becomes a media when it is published."""

    id: str
    fields: dict[str, str]
    made_at: datetime
    content: bytes = b""
    status: str = "FINISHED"
    why: str = ""


@dataclass
class World:
    """The account, and everything on it."""

    now: Callable[[], datetime]
    account: str
    username: str
    scoped_id: str = "78000000000000001"
    """The account's id in this app."""
    media: dict[str, Media] = field(default_factory=dict)
    comments: dict[str, Comment] = field(default_factory=dict)
    said: dict[str, Said] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    containers: dict[str, Container] = field(default_factory=dict)
    answered: dict[str, str] = field(default_factory=dict)
    """Messages by the comment that they answer in private."""
    _count: Iterator[int] = field(default_factory=lambda: count(1))

    def post(self, caption: str = "", *, owner: str = "", **more: Any) -> Media:
        """Add a media, the account's own where no owner is named."""
        place = next(self._count)
        made = Media(f"1790{place:013}", owner or self.account, caption, self.now(), place, **more)
        self.media[made.id] = made
        return made

    def own_media(self) -> list[Media]:
        """Return the account's media, the newest first."""
        own = (media for media in self.media.values() if media.owner == self.account and media.product != "STORY")
        return sorted(own, key=lambda media: -media.place)

    def latest(self) -> Media:
        """Return the newest media; the first is made when it is asked for."""
        return next(iter(self.own_media()), None) or self.post("The first")

    def comment(self, author: str | None, text: str, under: str) -> Comment:
        """Add a comment below a media or a comment; one to a reply goes below what that replies to.

        Raises:
            KeyError: There is no such object.
        """
        parent = self.comments.get(under)
        media = self.media[parent.media_id if parent else under]
        place = next(self._count)
        top = (parent.parent_id or parent.id) if parent else None
        made = Comment(f"1780{place:013}", media.id, top, author, text, self.now(), place)
        self.comments[made.id] = made
        return made

    def below(self, media_id: str, parent_id: str | None = None) -> list[Comment]:
        """Return the comments of a media, or the replies to one of them, the newest first."""
        found = [each for each in self.comments.values() if (each.media_id, each.parent_id) == (media_id, parent_id)]
        return sorted(found, key=lambda comment: -comment.place)

    def remove(self, comment: Comment) -> None:
        """Remove a comment and what was replied to it."""
        for reply in [other for other in self.comments.values() if other.parent_id == comment.id]:
            self.remove(reply)
        del self.comments[comment.id]

    def say(self, person: str, author: str, text: str, **more: Any) -> Said:
        """Add a message to the conversation with a person."""
        place = next(self._count)
        made = Said(f"aWdf{place:09}", person, author, text, self.now(), place, **more)
        self.said[made.id] = made
        return made

    def conversation(self, person: str) -> list[Said]:
        """Return what was said with a person, the newest first."""
        found = [said for said in self.said.values() if said.person == person]
        return sorted(found, key=lambda said: -said.place)

    def file(self, kind: str, **more: Any) -> File:
        """Keep a file."""
        made = File(f"66{next(self._count):09}", kind, **more)
        self.files[made.id] = made
        return made

    def container(self, fields: dict[str, str], status: str) -> Container:
        """Make a container."""
        made = Container(f"1850{next(self._count):013}", fields, self.now(), status=status)
        self.containers[made.id] = made
        return made

    def person(self, name: str) -> str:
        """Return the id that a person has for this account."""
        digits = "".join(f"{byte:03}" for byte in name.encode())[:12]
        return name if name.isdecimal() else f"9{digits}"
