"""Where a message is: Telegram numbers messages within each chat, so our ids name the chat too.

``external_id`` is ``<chat>/<message>``, and ``<connection>/<chat>/<message>`` in the chats of a business account,
which may bear the same numbers as the bot's own. A conversation is a chat (``<chat>``), a topic of a forum
(``<chat>:<topic>``), a topic of a channel's direct messages (``<chat>:d<topic>``), or a chat of a business account
(``<connection>/<chat>``).
"""

import re
from dataclasses import dataclass, replace
from typing import Any, Self

import chorally_sdk as sdk

_NUMBER = re.compile(r"-?\d{1,20}")
_USERNAME = re.compile(r"@\w{1,64}", re.ASCII)


@dataclass(frozen=True)
class Place:
    """A chat, and what is known of where in it."""

    chat: int | str
    """The chat's number, or the ``@name`` of a public one."""
    message: int | None = None
    connection: str = ""
    """The business account's connection."""
    thread: int | None = None
    """Topic of a forum."""
    topic: int | None = None
    """Topic of a channel's direct messages."""

    @property
    def external_id(self) -> str:
        """The message's id."""
        return f"{self._before}{self.chat}/{self.message}"

    @property
    def conversation_id(self) -> str:
        """The thread that the message belongs to."""
        if self.topic is not None:
            return f"{self._before}{self.chat}:d{self.topic}"
        return f"{self._before}{self.chat}" + ("" if self.thread is None else f":{self.thread}")

    @property
    def _before(self) -> str:
        return f"{self.connection}/" if self.connection else ""

    @property
    def route(self) -> dict[str, Any]:
        """What an answer needs."""
        return {name: value for name, value in vars(self).items() if value not in (None, "")}

    def moved(self, chat: int) -> Self:
        """Return the same place after the group became a supergroup: its messages have other numbers there."""
        return replace(self, chat=chat, message=None, thread=None)

    @classmethod
    def of_message(cls, external_id: str) -> Self:
        """Read a message's id.

        Raises:
            Rejected: It is none of ours.
        """
        before, _, message = external_id.rpartition("/")
        connection, _, chat = before.rpartition("/")
        if not (_NUMBER.fullmatch(message) and _NUMBER.fullmatch(chat)):
            raise sdk.Rejected(f"{external_id[:60]!r} names no message that Telegram could change or answer")
        return cls(int(chat), int(message), connection)

    @classmethod
    def of_conversation(cls, conversation_id: str) -> Self:
        """Read a conversation's id; the id of a person is their private chat.

        Raises:
            Rejected: It is none of ours.
        """
        connection, _, rest = conversation_id.rpartition("/")
        chat, _, thread = rest.partition(":")
        if _USERNAME.fullmatch(chat):
            return cls(chat)
        number = thread.removeprefix("d")
        if not _NUMBER.fullmatch(chat) or (thread and not _NUMBER.fullmatch(number)):
            raise sdk.Rejected(f"{conversation_id[:60]!r} names no chat; give the number of one, or its @name")
        if thread.startswith("d"):
            return cls(int(chat), connection=connection, topic=int(number))
        return cls(int(chat), connection=connection, thread=int(number) if thread else None)
