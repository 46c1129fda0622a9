"""The shapes of LinkedIn's answers and notifications, as far as we read them; what goes beyond is let through.

No official machine-readable description exists; the sources are the pages "Posts API", "Network Update Social Actions",
"Organization Social Action Notifications", "Images API", "Videos API" (read 2026-11-23).
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    StringConstraints,
    ValidationError,
    model_validator,
)

import chorally_sdk as sdk

Id = Annotated[str, StringConstraints(min_length=1)]


def instant(value: object) -> datetime:
    """Return a time in UTC from Unix milliseconds.

    Raises:
        ValueError: It is none.
    """
    if isinstance(value, datetime):
        return value
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise TypeError
        return datetime.fromtimestamp(int(value) / 1000, UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        raise ValueError("a time is Unix milliseconds") from None


Instant = Annotated[datetime, BeforeValidator(instant)]


class Shape(BaseModel):
    """Fields we read; numbers stand for text, unknown fields are let through, and a null is one that is left out."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, told: Any) -> Any:
        return {name: value for name, value in told.items() if value is not None} if isinstance(told, dict) else told


class Stamp(Shape):
    """When something was done."""

    time: Instant


class Link(Shape):
    """What leads to another page."""

    rel: str = ""
    href: str = ""


class Paging(Shape):
    """Where a page of a listing lies."""

    start: int = 0
    count: int = 0
    total: int | None = None
    links: tuple[Link, ...] = ()


E = TypeVar("E", bound=BaseModel)


class Listing(Shape, Generic[E]):
    """A page of a listing; LinkedIn leaves ``paging`` out of some."""

    elements: tuple[E, ...]
    paging: Paging = Paging()


class Text(Shape):
    """What was said."""

    text: str = ""
    attributes: tuple[Mapping[str, Any], ...] = ()


class Summary(Shape):
    """How many answers a comment has."""

    first_level: int = Field(default=0, validation_alias=AliasChoices("totalFirstLevelComments"))
    total: int = Field(default=0, validation_alias=AliasChoices("aggregatedTotalComments"))


class Comment(Shape):
    """A comment, or an answer to one."""

    id: Id
    urn: str = Field(default="", validation_alias=AliasChoices("$URN", "commentUrn"))
    actor: str | None = None
    created: Stamp
    modified: Stamp | None = Field(default=None, alias="lastModified")
    message: Text = Text()
    object: str = ""
    parent: str | None = Field(default=None, alias="parentComment")
    content: tuple[Mapping[str, Any], ...] = ()
    answers: Summary = Field(default=Summary(), alias="commentsSummary")


class Anything(RootModel[Any]):
    """An element as it came: one that cannot be read must not hold up the others."""


class NamedComment(Shape):
    """A comment of which nothing but its name can be read."""

    id: Id
    urn: str = Field(default="", validation_alias=AliasChoices("$URN", "commentUrn"))
    object: str = ""


class MadeComment(Shape):
    """The answer to a new comment."""

    id: str = ""
    urn: str = Field(default="", validation_alias=AliasChoices("commentUrn", "$URN"))


class Post(Shape):
    """A post."""

    id: Id
    author: str = ""
    commentary: str = ""
    created_at: Instant | None = Field(default=None, alias="createdAt")
    published_at: Instant | None = Field(default=None, alias="publishedAt")
    modified_at: Instant | None = Field(default=None, alias="lastModifiedAt")
    content: Mapping[str, Any] = {}

    @property
    def made_at(self) -> datetime | None:
        """When people could first see it, as far as LinkedIn says."""
        return self.published_at or self.created_at

    @property
    def changed_at(self) -> datetime | None:
        """When it was last changed, as far as LinkedIn says."""
        return self.modified_at or self.made_at


class Said(Shape):
    """A comment or a post as a notification shows it; the text stands in one of two places."""

    owner: str | None = None
    entity: str = ""
    object: str = ""
    text: str = ""
    message: Text = Text()

    @property
    def words(self) -> str:
        """What was said."""
        return self.text or self.message.text


class Generated(Shape):
    """What somebody made."""

    comment: Said | None = None
    share: Said | None = None


class Notification(Shape):
    """What happened to a page or its posts."""

    id: str = Field(default="", alias="notificationId")
    organization: Id = Field(alias="organizationalEntity")
    action: str = ""
    source: str = Field(default="", alias="sourcePost")
    source_shown: Said | None = Field(default=None, alias="decoratedSourcePost")
    made: str = Field(default="", alias="generatedActivity")
    made_shown: Generated | None = Field(default=None, alias="decoratedGeneratedActivity")
    at: Instant | None = Field(default=None, alias="lastModifiedAt")


class Envelope(Shape):
    """What a webhook brings."""

    type: str = ""
    notifications: tuple[Mapping[str, Any], ...] = ()


class Acl(Shape):
    """What a person may do on a page."""

    organization: str = Field(default="", validation_alias=AliasChoices("organization", "organizationalTarget"))
    role: str = ""
    state: str = "APPROVED"
    assignee: str = Field(default="", alias="roleAssignee")


class Organization(Shape):
    """A page."""

    id: Id
    name: str = Field(default="", validation_alias=AliasChoices("localizedName", "vanityName"))


class Subscription(Shape):
    """What LinkedIn holds so as to call us."""

    webhook: str = ""
    expires_at: Instant | None = Field(default=None, alias="expiresAt")


class Introspected(Shape):
    """What LinkedIn says of a token."""

    active: bool = False
    scope: str = ""


R = TypeVar("R", bound=BaseModel)


def read(shape: type[R], raw: bytes, what: str) -> R:
    """Return JSON in its documented shape.

    Raises:
        Malformed: It is not; the message names the first field that is wrong, and never what was said.
    """
    try:
        return shape.model_validate_json(raw)
    except ValidationError as error:
        raise sdk.Malformed(f"{what}: {_first(error)}", raw) from error


def read_value(shape: type[R], value: object, what: str, raw: bytes = b"") -> R:
    """Return a part of read JSON in its documented shape.

    Raises:
        Malformed: It is not.
    """
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        raise sdk.Malformed(f"{what}: {_first(error)}", raw) from error


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'the whole'}: {first['msg']}"
