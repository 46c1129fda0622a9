"""Activities as the Bot Framework describes them (protocol 3.1.12), as far as they must be known."""

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

import chorally_sdk as sdk

TEAMS_CHANNEL = "msteams"
"""What the Bot Framework calls Teams."""


class Shape(BaseModel):
    """Fields we read; unknown ones are let through, and null is as good as absent."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, told: Any) -> Any:
        return {name: value for name, value in told.items() if value is not None} if isinstance(told, dict) else told


class Person(Shape):
    """Who says something, or to whom."""

    id: str = ""
    name: str | None = None
    directory_id: str | None = Field(default=None, alias="aadObjectId")


class Conversation(Shape):
    """Where it is said."""

    id: str = Field(min_length=1)
    kind: str | None = Field(default=None, alias="conversationType")
    tenant: str | None = Field(default=None, alias="tenantId")
    name: str | None = None


class File(Shape):
    """A file, or a card."""

    media_type: str | None = Field(default=None, alias="contentType")
    url: str | None = Field(default=None, alias="contentUrl")
    name: str | None = None
    content: Any = None


class Activity(Shape):
    """Something that happened in a conversation."""

    type: str = Field(min_length=1)
    id: str | None = None
    at: datetime | None = Field(default=None, alias="timestamp")
    service_url: str = Field(default="", alias="serviceUrl")
    channel: str | None = Field(default=None, alias="channelId")
    sender: Person | None = Field(default=None, alias="from")
    conversation: Conversation
    recipient: Person | None = None
    text: str | None = None
    format: str | None = Field(default=None, alias="textFormat")
    locale: str | None = None
    files: tuple[File, ...] | None = Field(default=None, alias="attachments")
    entities: tuple[dict[str, Any], ...] | None = None
    channel_data: dict[str, Any] | None = Field(default=None, alias="channelData")
    reply_to: str | None = Field(default=None, alias="replyToId")
    name: str | None = None
    value: Any = None
    action: str | None = None

    @field_validator("at")
    @classmethod
    def _aware(cls, at: datetime | None) -> datetime | None:
        return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at

    @property
    def tenant(self) -> str:
        """The directory it is about, in lower case; empty where Teams does not say it.

        In other channels (web chat, Direct Line) whoever talks may claim any.
        """
        if self.channel != TEAMS_CHANNEL:
            return ""
        told = (self.channel_data or {}).get("tenant")
        named = told.get("id") if isinstance(told, dict) else None
        return (self.conversation.tenant or (named if isinstance(named, str) else "")).lower()

    @property
    def event(self) -> str:
        """What Teams calls it."""
        told = (self.channel_data or {}).get("eventType")
        return told if isinstance(told, str) else ""


def activity_of(told: object, raw: bytes) -> Activity:
    """Return an activity.

    Raises:
        Malformed: It is not in the documented shape.
    """
    try:
        return Activity.model_validate(told)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise sdk.Malformed(f"an activity: {where}: {first['msg']}", raw) from error
