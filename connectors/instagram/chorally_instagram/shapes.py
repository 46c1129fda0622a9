"""What Instagram sends, in its own words; unknown fields are let through."""

from typing import Any

from chorally_meta.shapes import Id, Instant, Listing, Person, Reference, Shape
from pydantic import Field


class Me(Shape):
    """The account that a token of Instagram Login belongs to."""

    id: str = ""
    user_id: Id
    """The professional account's id, that of webhooks."""
    username: str = ""


class Business(Shape):
    """The account that belongs to a page."""

    id: Id
    username: str = ""


class PageOfMe(Shape):
    """The page that a token of Facebook Login belongs to."""

    id: Id
    name: str = ""
    instagram_business_account: Business | None = None


class Commenter(Person):
    """Who commented."""

    self_ig_scoped_id: str | None = None


class MediaOf(Shape):
    """The media that a comment is about."""

    id: Id | None = None
    permalink: str | None = None


class Comment(Shape):
    """A comment, or a reply to one."""

    id: Id
    text: str | None = None
    timestamp: Instant
    username: str | None = None
    author: Commenter | None = Field(default=None, alias="from")
    parent_id: str | None = None
    media: MediaOf | None = None
    replies: "Listing[Comment] | None" = None


class Told(Shape):
    """A change of the field ``comments``: Instagram Login says ``id``, Facebook Login ``comment_id``."""

    id: str | None = None
    comment_id: str | None = None
    author: Commenter | None = Field(default=None, alias="from")
    text: str | None = None
    parent_id: str | None = None
    media: MediaOf | None = None


class Mention(Shape):
    """A change of the field ``mentions``: it names the media, and the comment where that has the mention."""

    media_id: Id
    comment_id: str | None = None


class Media(Shape):
    """A post: image, video, reel, story or carousel."""

    id: Id
    caption: str | None = None
    media_type: str = ""
    media_product_type: str = ""
    media_url: str | None = None
    permalink: str | None = None
    timestamp: Instant | None = None
    username: str | None = None
    owner: Reference | None = None
    comments: Listing[Comment] | None = None


class Mentioned(Shape):
    """What mentions the account, as it is asked for."""

    mentioned_comment: Comment | None = None
    mentioned_media: Media | None = None


class Container(Shape):
    """What becomes a post when it is published."""

    id: Id
    status_code: str = ""
    status: str = ""
    video_status: Any = None


class ThreadMessage(Shape):
    """A message of a conversation; older ones have no more than their id."""

    id: Id
    author: Person | None = Field(default=None, alias="from")
    to: Any = None
    message: str | None = None
    created_time: Instant | None = None
    attachments: Any = None
    reply_to: Any = None
    story: Any = None


class Conversation(Shape):
    """A conversation with a person, with the first page of its messages."""

    id: Id
    updated_time: Instant
    participants: Listing[Person] | None = None
    messages: Listing[ThreadMessage] | None = None


class Profile(Shape):
    """What a person who wrote shows of themselves."""

    id: str | None = None
    name: str | None = None
    username: str | None = None
    profile_pic: str | None = None
    follower_count: int | None = None


class Uploaded(Shape):
    """A file that is kept for messages."""

    attachment_id: Id
