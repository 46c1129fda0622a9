"""The shapes the Bot API documents, as far as they must be known; everything else of a message is kept as it came.

Source: Bot API 10.1 (2026-06-18). What an old or a coming version leaves out, such as ``is_bot``, has a default.
"""

from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import chorally_sdk as sdk

LAST = 253402300799
"""The last second of the year 9999."""


class Shape(BaseModel):
    """Fields we read; unknown ones are let through. An error, also as a cause in a traceback, shows nobody's words."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class User(Shape):
    """A person, or a bot."""

    id: int
    is_bot: bool = False
    first_name: str = ""
    last_name: str = ""
    username: str = ""
    language_code: str = ""

    @property
    def name(self) -> str:
        """As people see it."""
        return f"{self.first_name} {self.last_name}".strip() or self.username


class Chat(Shape):
    """A private chat, a group, a supergroup or a channel."""

    id: int
    type: str = ""
    title: str = ""
    username: str = ""


class Reference(Shape):
    """A message that is named by another."""

    message_id: int
    chat: Chat | None = None


class Topic(Shape):
    """A topic of a channel's direct messages."""

    topic_id: int


class Said(Shape):
    """A message, but for what it holds."""

    message_id: int
    date: int = Field(ge=0, le=LAST)
    chat: Chat
    sender: User | None = Field(default=None, alias="from")
    sender_chat: Chat | None = None
    edit_date: int | None = Field(default=None, ge=0, le=LAST)
    reply_to_message: Reference | None = None
    message_thread_id: int | None = None
    is_topic_message: bool = False
    direct_messages_topic: Topic | None = None
    business_connection_id: str = ""
    sender_business_bot: User | None = None
    is_automatic_forward: bool = False
    is_from_offline: bool = False
    guest_query_id: str = ""
    migrate_to_chat_id: int | None = None
    migrate_from_chat_id: int | None = None


class Removed(Shape):
    """Messages that were deleted from a business account."""

    business_connection_id: str
    chat: Chat
    message_ids: list[int]


class Reacted(Shape):
    """What somebody now thinks of a message."""

    chat: Chat
    message_id: int
    date: int = Field(ge=0, le=LAST)
    user: User | None = None
    actor_chat: Chat | None = None
    old_reaction: list[dict[str, Any]] = []
    new_reaction: list[dict[str, Any]] = []


class Pressed(Shape):
    """A button under a message that was pressed."""

    id: str = Field(min_length=1)
    sender: User = Field(alias="from")
    message: Reference | None = None
    data: str = ""
    game_short_name: str = ""


class Status(Shape):
    """How a member stands to a chat."""

    status: str = ""


class Member(Shape):
    """What changed about a member, or somebody who asks to become one."""

    chat: Chat
    sender: User = Field(alias="from")
    date: int = Field(ge=0, le=LAST)
    old_chat_member: Status = Status()
    new_chat_member: Status = Status()


class Me(Shape):
    """The bot."""

    id: int
    first_name: str = ""
    username: str = ""
    can_read_all_group_messages: bool = False


class File(Shape):
    """A file that can be read for an hour."""

    file_path: str = ""
    file_size: int | None = None


class WebhookInfo(Shape):
    """What Telegram knows of the webhook."""

    url: str = ""
    pending_update_count: int = 0
    last_error_date: int | None = None
    last_error_message: str = ""


T = TypeVar("T", bound=BaseModel)


def read(shape: type[T], value: object, what: str, raw: bytes = b"") -> T:
    """Return a value in its documented shape; ``raw`` is what it came in.

    Raises:
        Malformed: It is not; the message names the first field that is wrong, never a person's words.
    """
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise sdk.Malformed(f"{what}: {where}: {first['msg']}", raw) from error


def instant(seconds: int) -> datetime:
    """Return a time of the Bot API, which counts seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)
