"""What exists on the sandbox's page: posts and comments, in the order in which they changed."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count


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
    """A post of the page."""

    id: str
    message: str
    created_at: datetime
    updated_at: datetime
    place: int
    """Counts up with every change of the post or its comments."""


@dataclass
class World:
    """The page, and everything on it."""

    now: Callable[[], datetime]
    page_id: str = "100000000000001"
    page_name: str = "Sandbox Page"
    access_token: str = "sandbox-token"  # noqa: S105 - opens nothing but this sandbox
    posts: dict[str, Post] = field(default_factory=dict)
    comments: dict[str, Comment] = field(default_factory=dict)
    _count: Iterator[int] = field(default_factory=lambda: count(1))

    def post(self, message: str = "") -> Post:
        """Add a post."""
        place, at = next(self._count), self.now()
        made = Post(f"{self.page_id}_{place}", message or f"Post {place}", at, at, place)
        self.posts[made.id] = made
        return made

    def latest_post(self) -> Post:
        """Return the newest post; the first is made when it is asked for."""
        return max(self.posts.values(), key=lambda post: post.created_at, default=None) or self.post()

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
        """Return the posts, the one that changed last first."""
        return sorted(self.posts.values(), key=lambda post: -post.place)

    def replies(self) -> dict[str, dict[str, int]]:
        """Count the page's own comments by what they answer and by their text."""
        copies: dict[str, Counter[str]] = {}
        for comment in self.comments.values():
            if comment.author_id == self.page_id:
                copies.setdefault(comment.parent_id or comment.post_id, Counter())[comment.message] += 1
        return {parent: dict(texts) for parent, texts in copies.items()}
