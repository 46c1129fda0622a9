"""What exists at LinkedIn: pages, members, posts, comments and files, in the order in which they came."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

OURS = "urn:li:organization:2414183"
NAME = "Sandbox Ltd"
FIRST = 7_300_000_000_000_000_000


@dataclass
class Post:
    """A post; comments hang on its activity, whose number is another one."""

    urn: str
    activity: str
    author: str
    commentary: str
    created_at: datetime
    changed_at: datetime
    content: dict[str, Any] = field(default_factory=dict)
    is_called_for: bool = False
    """Whether it was made by a call."""


@dataclass
class Comment:
    """A comment, or an answer to one."""

    id: str
    post: Post
    parent: str | None
    """Number of the comment that it answers."""
    actor: str | None
    text: str
    created_at: datetime
    changed_at: datetime
    file: str = ""
    """URN of its picture."""

    @property
    def urn(self) -> str:
        """Its URN, under the activity."""
        return f"urn:li:comment:({self.post.activity},{self.id})"


@dataclass
class File:
    """A picture or a video."""

    urn: str
    content: bytes = b""
    expected: int | None = None
    """Bytes that were announced."""
    asked: int = 0
    """How often its status was asked for since it was whole."""
    is_whole: bool = False
    is_bad: bool = False


class World:
    """Everything."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._made = 0
        self.organizations: dict[str, str] = {OURS: NAME}
        """Name by URN."""
        self.posts: dict[str, Post] = {}
        self.comments: dict[str, Comment] = {}
        self.files: dict[str, File] = {}
        self.likes: set[str] = set()
        """What the page reacted to."""

    def number(self) -> str:
        """Return a number that nothing has."""
        self._made += 1
        return str(FIRST + self._made * 4096)

    def post(self, author: str, commentary: str, *, is_called_for: bool = False, **content: Any) -> Post:
        """Make a post."""
        at = self._now()
        urn, activity = f"urn:li:share:{self.number()}", f"urn:li:activity:{self.number()}"
        made = Post(urn, activity, author, commentary, at, at, content, is_called_for)
        self.posts[urn] = made
        return made

    def find(self, urn: str) -> Post:
        """Return a post by its own URN or by that of its activity.

        Raises:
            KeyError: There is none.
        """
        for post in self.posts.values():
            if urn in (post.urn, post.activity):
                return post
        raise KeyError(urn)

    def comment(
        self, actor: str | None, text: str, post: Post, parent: str | None = None, at: datetime | None = None
    ) -> Comment:
        """Make a comment; one that answers an answer goes beside it, as LinkedIn nests one level."""
        if parent is not None and (above := self.comments[parent]).parent:
            parent = above.parent
        at = at or self._now()
        made = Comment(self.number(), post, parent, actor, text, at, at)
        self.comments[made.id] = made
        return made

    def file(self, kind: str, expected: int | None = None) -> File:
        """Announce a file."""
        made = File(f"urn:li:{kind}:C4E{self.number()}", expected=expected)
        self.files[made.urn] = made
        return made


def member(name: str) -> str:
    """Return the URN of a member."""
    return f"urn:li:person:{name}" if name.isalnum() else f"urn:li:person:{name.encode().hex()}"


def ms(at: datetime) -> int:
    """Return a time as LinkedIn writes it."""
    return round(at.timestamp() * 1000)
