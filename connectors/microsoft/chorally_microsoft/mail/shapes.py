"""The shapes that Graph v1.0 documents, as far as they must be known; everything else is let through."""

from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

import chorally_sdk as sdk


class Shape(BaseModel):
    """Fields we read; unknown ones are let through, and null is as good as absent."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, told: Any) -> Any:
        return {name: value for name, value in told.items() if value is not None} if isinstance(told, dict) else told


class Address(Shape):
    """Who, with the name that the mail gives."""

    address: str | None = None
    name: str | None = None


class Recipient(Shape):
    """Somebody in a header."""

    address: Address | None = Field(default=None, alias="emailAddress")

    @property
    def email(self) -> str:
        """The address in lower case; empty where there is none."""
        return ((self.address.address if self.address else "") or "").strip().lower()

    @property
    def name(self) -> str:
        """The name that the mail gives."""
        return (self.address.name if self.address else "") or ""


class Body(Shape):
    """A text, plain or HTML."""

    kind: str | None = Field(default=None, alias="contentType")
    content: str | None = None


class Header(Shape):
    """A header of the mail."""

    name: str = ""
    value: str | None = None


class Mail(Shape):
    """A mail, or what is left of one that left its folder."""

    id: str = Field(min_length=1)
    removed: Any = Field(default=None, alias="@removed")
    odata_type: str | None = Field(default=None, alias="@odata.type")
    subject: str | None = None
    body: Body | None = None
    sender: Recipient | None = None
    author: Recipient | None = Field(default=None, alias="from")
    to: tuple[Recipient, ...] | None = Field(default=None, alias="toRecipients")
    cc: tuple[Recipient, ...] | None = Field(default=None, alias="ccRecipients")
    reply_to: tuple[Recipient, ...] | None = Field(default=None, alias="replyTo")
    conversation: str | None = Field(default=None, alias="conversationId")
    message_id: str | None = Field(default=None, alias="internetMessageId")
    headers: tuple[Header, ...] | None = Field(default=None, alias="internetMessageHeaders")
    received: str | None = Field(default=None, alias="receivedDateTime")
    sent: str | None = Field(default=None, alias="sentDateTime")
    created: str | None = Field(default=None, alias="createdDateTime")
    has_attachments: bool | None = Field(default=None, alias="hasAttachments")
    is_draft: bool | None = Field(default=None, alias="isDraft")
    folder: str | None = Field(default=None, alias="parentFolderId")
    url: str | None = Field(default=None, alias="webLink")

    @property
    def has_time(self) -> bool:
        """Whether it says when it was made, in a way that can be read."""
        return any(instant(each) for each in (self.received, self.sent, self.created))


class File(Shape):
    """What is attached."""

    id: str = Field(min_length=1)
    odata_type: str | None = Field(default=None, alias="@odata.type")
    name: str | None = None
    media_type: str | None = Field(default=None, alias="contentType")
    size_bytes: int | None = Field(default=None, alias="size")
    is_inline: bool | None = Field(default=None, alias="isInline")


class Listing(Shape):
    """A page of anything."""

    value: tuple[dict[str, Any], ...]
    next: str | None = Field(default=None, alias="@odata.nextLink")
    delta: str | None = Field(default=None, alias="@odata.deltaLink")


class User(Shape):
    """Whose mailbox it is."""

    id: str = Field(min_length=1)
    name: str | None = Field(default=None, alias="displayName")
    mail: str | None = None
    principal: str | None = Field(default=None, alias="userPrincipalName")

    @property
    def address(self) -> str:
        """The mailbox's address."""
        return (self.mail or self.principal or "").lower()


class Lease(Shape):
    """A subscription."""

    id: str = Field(min_length=1)
    expires: str = Field(alias="expirationDateTime")
    callback: str | None = Field(default=None, alias="notificationUrl")
    resource: str | None = None


class Session(Shape):
    """Where a large file is uploaded to."""

    url: str = Field(alias="uploadUrl", min_length=1)


_FIRST_YEAR = 1970
S = TypeVar("S", bound=Shape)


def read(shape: type[S], raw: bytes | str, what: str) -> S:
    """Return JSON in a documented shape.

    Raises:
        Malformed: It is not in that shape.
    """
    try:
        return shape.model_validate_json(raw)
    except ValidationError as error:
        raise _malformed(what, error, raw if isinstance(raw, bytes) else raw.encode()) from error


def shaped(shape: type[S], told: object, what: str, raw: bytes) -> S:
    """Return what was parsed already in a documented shape.

    Raises:
        Malformed: It is not in that shape.
    """
    try:
        return shape.model_validate(told)
    except ValidationError as error:
        raise _malformed(what, error, raw) from error


def _malformed(what: str, error: ValidationError, raw: bytes) -> sdk.Malformed:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return sdk.Malformed(f"{what}: {where}: {first['msg']}".replace(": : ", ": "), raw)


def instant(text: str | None) -> datetime | None:
    """Return a time as Graph writes it, in UTC; None where it is none, or the "never" of year 1."""
    try:
        at = datetime.fromisoformat(text) if text else None
        if at is None or at.year < _FIRST_YEAR:
            return None
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
