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
