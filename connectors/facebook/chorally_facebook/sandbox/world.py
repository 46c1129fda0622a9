"""What exists on the sandbox's page: posts and comments, in the order in which they changed."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from chorally_meta.sandbox import Owned


@dataclass
class Comment:
    """A comment, or a reply to one."""

    id: str
    post_id: str
    parent_id: str | None
    """The comment it replies to; None where it comments on the post."""
    author_id: str
    author_name: str
    message: str
    created_at: datetime
    place: int
    """Counts up with every comment, so that equal times are still in order."""
    is_hidden: bool = False
    is_liked: bool = False
    """By the page."""


@dataclass
class Post:
    """A post on the page: its own, or a visitor's."""

    id: str
    message: str
    created_at: datetime
    updated_at: datetime
    place: int
    """Counts up with every change of the post or its comments."""
    author_id: str = ""
    author_name: str = ""
    link: str = ""
    media: tuple[str, ...] = ()
    """Ids of its photos or its video."""
    publish_at: datetime | None = None
    """When a scheduled post is to be seen."""
    born: int = 0
    """Counts up with every post."""
    is_hidden: bool = False
    is_liked: bool = False
    is_called_for: bool = False
    """Whether a call of the API made it."""
    mentions: bool = False
    """Whether it is another's post, elsewhere, that mentions the page."""


@dataclass
class Said:
    """A message in a conversation with a person."""

    id: str
    person_id: str
    author_id: str
    message: str
    sent_at: datetime
    place: int
    files: tuple[str, ...] = ()
    """Ids of the files that hang on it."""
    metadata: str = ""
    reply_to: str = ""
    is_read: bool = False
    tag: str = ""
    """What opened the window, where it was closed."""


@dataclass
class File:
    """A photo, a video, or a file of a message."""

    id: str
    kind: str
    content: bytes = b""
    media_type: str = "application/octet-stream"
    url: str = ""
    """Where it was fetched from."""
    is_published: bool = False
    post_id: str = ""
    expected: int = 0
    """How many bytes an upload in pieces is to have."""


@dataclass
class World:
    """The page, and everything on it."""

    now: Callable[[], datetime]
    page: Owned
    posts: dict[str, Post] = field(default_factory=dict)
    comments: dict[str, Comment] = field(default_factory=dict)
    said: dict[str, Said] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)
    """Names by id."""
    answered: dict[str, str] = field(default_factory=dict)
    """Messages by the comment that they answer in private."""
    _count: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def page_id(self) -> str:
        """The page's id."""
        return self.page.id

    @page_id.setter
    def page_id(self, page_id: str) -> None:
        self.page.id = page_id

    @property
    def page_name(self) -> str:
        """The page's name."""
        return self.page.name

    @page_name.setter
    def page_name(self, name: str) -> None:
        self.page.name = name

    @property
    def access_token(self) -> str:
        """The page's own token."""
        return self.page.token

    @access_token.setter
    def access_token(self, token: str) -> None:
        self.page.token = token

    def post(self, message: str = "", **more: Any) -> Post:
        """Add a post, the page's own where no author is named."""
        place, at = next(self._count), self.now()
        who = {"author_id": self.page_id, "author_name": self.page_name} if not more.get("author_id") else {}
        made = Post(f"{self.page_id}_{place}", message or f"Post {place}", at, at, place, born=place, **{**more, **who})
        self.posts[made.id] = made
        return made

    def is_seen(self, post: Post) -> bool:
        """Whether people see a post now."""
        return post.publish_at is None or post.publish_at <= self.now()

    def say(self, person_id: str, author_id: str, message: str, **more: Any) -> Said:
        """Add a message to the conversation with a person."""
        place = next(self._count)
        made = Said(f"m_{self.page_id}_{place}", person_id, author_id, message, self.now(), place, **more)
        self.said[made.id] = made
        return made

    def conversation(self, person_id: str) -> list[Said]:
        """Return what was said with a person, the oldest first."""
        return [said for said in self.said.values() if said.person_id == person_id]

    def file(self, kind: str, **more: Any) -> File:
        """Keep a file."""
        made = File(f"{next(self._count)}{'0' * 9}", kind, **more)
        self.files[made.id] = made
        return made

    def latest_post(self) -> Post:
        """Return the newest post; the first is made when it is asked for."""
        seen = [post for post in self.posts.values() if self.is_seen(post) and not post.mentions]
        return max(seen, key=lambda post: post.created_at, default=None) or self.post()

    def comment(self, author_id: str, author_name: str, message: str, under: str) -> Comment:
        """Add a comment under a post or a comment.

        Raises:
            KeyError: There is no such object.
        """
        parent = self.comments.get(under)
        post = self.posts[parent.post_id if parent else under]
        place = next(self._count)
        made = Comment(
            id=f"{post.id.rpartition('_')[2]}_{place}",
            post_id=post.id,
            parent_id=parent.id if parent else None,
            author_id=author_id,
            author_name=author_name,
            message=message,
            created_at=self.now(),
            place=place,
        )
        self.comments[made.id] = made
        self.touch(made)
        return made

    def touch(self, comment: Comment) -> None:
        """Move the comment's post to the top of the feed."""
        post = self.posts[comment.post_id]
        post.updated_at, post.place = self.now(), next(self._count)

    def remove(self, comment: Comment) -> None:
        """Remove a comment and what was replied to it."""
        for reply in [other for other in self.comments.values() if other.parent_id == comment.id]:
            self.remove(reply)
        del self.comments[comment.id]

    def under(self, object_id: str, *, all_levels: bool) -> list[Comment]:
        """Return the comments under a post or a comment, oldest first.

        Raises:
            KeyError: There is no such object.
        """
        if object_id in self.posts:
            mine = [c for c in self.comments.values() if c.post_id == object_id and (all_levels or not c.parent_id)]
        else:
            above = {self.comments[object_id].id}
            mine = []
            for comment in self.comments.values():
                if comment.parent_id in above:
                    mine.append(comment)
                    above |= {comment.id} if all_levels else set()
        return sorted(mine, key=lambda comment: comment.place)

    def feed(self) -> list[Post]:
        """Return the posts that people see, the one that changed last first."""
        shown = (post for post in self.posts.values() if self.is_seen(post) and not post.mentions)
        return sorted(shown, key=lambda post: -post.place)

    def replies(self) -> dict[str, dict[str, int]]:
        """Count the page's own comments by what they answer and by their text."""
        copies: dict[str, Counter[str]] = {}
        for comment in self.comments.values():
            if comment.author_id == self.page_id:
                copies.setdefault(comment.parent_id or comment.post_id, Counter())[comment.message] += 1
        return {parent: dict(texts) for parent, texts in copies.items()}
