"""The shapes the Graph API documents for pages, as far as we need them; anything beyond is ignored.

Sources: Graph API reference v25.0, nodes Comment and Page Post, and "Webhooks for Pages", field
``feed`` (read 2026-11-23). What they leave open, such as an attachment, stays untyped here and is
read leniently in ``translate``.
"""

from typing import Any

from chorally_meta.shapes import Id, Instant, Listing, Person, Reference, Shape
from pydantic import Field


class Comment(Shape):
    """A comment as the Graph API lists it; ``from`` is left out where the token may not see it."""

    id: Id
    author: Person | None = Field(default=None, alias="from")
    message: str | None = None
    created_time: Instant
    parent: Reference | None = None
    permalink_url: str | None = None
    attachment: Any = None
    object: Reference | None = None
    """What was commented on."""
    private_reply_conversation: Reference | None = None


class Post(Shape):
    """A post of the page with the first page of its comments; without comments the field is left out."""

    id: Id
    updated_time: Instant
    comments: Listing[Comment] | None = None


class Page(Shape):
    """A page as ``/me`` names it."""

    id: Id
    name: str = ""


class FeedComment(Shape):
    """A change of a comment."""

    verb: str
    comment_id: Id
    post_id: Id
    parent_id: Id | None = None
    author: Person | None = Field(default=None, alias="from")
    message: str | None = None
    created_time: Instant | None = None
    photo: Any = None
    video: Any = None


class Visit(Shape):
    """A post of a visitor, or one elsewhere that mentions the page; also a comment that does."""

    id: Id
    author: Person | None = Field(default=None, alias="from")
    message: str | None = None
    created_time: Instant
    updated_time: Instant | None = None
    permalink_url: str | None = None
    attachments: Any = None
    is_hidden: bool | None = None


class FeedPost(Shape):
    """A change of a post."""

    item: str
    verb: str
    post_id: Id
    author: Person | None = Field(default=None, alias="from")
    message: str | None = None
    created_time: Instant | None = None
    link: Any = None
    photos: Any = None
    published: Any = None


class Mention(Shape):
    """A change of the field ``mention``: only names what mentions the page."""

    post_id: str | None = None
    comment_id: str | None = None


class ThreadMessage(Shape):
    """A message of a conversation; only the newest twenty have more than their ids."""

    id: Id
    author: Person | None = Field(default=None, alias="from")
    to: Any = None
    message: str | None = None
    created_time: Instant | None = None
    attachments: Any = None
    reply_to: Any = None


class Conversation(Shape):
    """A conversation with a person, with the first page of its messages."""

    id: Id
    updated_time: Instant
    participants: Listing[Person] | None = None
    messages: Listing[ThreadMessage] | None = None


class Profile(Shape):
    """What a person shows of themselves to the page."""

    id: Id
    name: str = ""
    profile_pic: str | None = None


class Uploaded(Shape):
    """A file that Messenger keeps."""

    attachment_id: Id


class Upload(Shape):
    """An upload in pieces that was begun."""

    upload_session_id: Id
    video_id: Id
    start_offset: int
    end_offset: int


class Piece(Shape):
    """How an upload in pieces goes on."""

    start_offset: int
    end_offset: int


class Video(Shape):
    """A video, and the post that shows it once it is ready."""

    id: Id
    post_id: str | None = None
    permalink_url: str | None = None
