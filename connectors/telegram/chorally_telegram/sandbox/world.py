"""What exists around the sandbox's bot: people, chats, messages, files, and the updates that wait."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

BOT_ID = 700100200
GROUP_ID = -1001000000001
QUIET = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
"""Kinds that are told only to those who name them."""

Value = dict[str, Any]


@dataclass
class Webhook:
    """What ``setWebhook`` set."""

    url: str
    secret: str = ""
    max_connections: int = 40
    allowed: tuple[str, ...] = ()


@dataclass
class World:
    """One bot, the supergroup that it administers, and private chats."""

    now: Callable[[], datetime]
    tell: Callable[[Value], None]
    """Told of each update."""
    people: dict[str, Value] = field(default_factory=dict)
    chats: dict[int, Value] = field(default_factory=dict)
    messages: dict[tuple[int, int], Value] = field(default_factory=dict)
    updates: dict[int, Value] = field(default_factory=dict)
    """By number, until they are confirmed."""
    confirmed: dict[int, Value] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    reactions: dict[tuple[int, int], list[Value]] = field(default_factory=dict)
    blocked: set[int] = field(default_factory=set)
    moved: dict[int, int] = field(default_factory=dict)
    webhook: Webhook | None = None
    allowed: tuple[str, ...] = ()
    _message_ids: dict[int, Iterator[int]] = field(default_factory=dict)
    _update_ids: Iterator[int] = field(default_factory=lambda: count(870_000_001))

    def __post_init__(self) -> None:
        self.chats[GROUP_ID] = {"id": GROUP_ID, "type": "supergroup", "title": "Sandbox Group"}

    @property
    def bot(self) -> Value:
        """The bot as a user."""
        return {"id": BOT_ID, "is_bot": True, "first_name": "Sandbox Bot", "username": "sandbox_bot"}

    def person(self, name: str) -> Value:
        """Return somebody, who is made when first named."""
        if name not in self.people:
            number = 5_000_000_001 + len(self.people)
            self.people[name] = {
                "id": number, "is_bot": False, "first_name": name.title(), "username": name, "language_code": "en",
            }  # fmt: skip
        return self.people[name]

    def private(self, name: str) -> Value:
        """Return somebody's private chat with the bot."""
        person = self.person(name)
        chat = {"id": person["id"], "type": "private", "first_name": person["first_name"], "username": name}
        return self.chats.setdefault(person["id"], chat)

    def message(self, chat: Value, sender: Value | None, *, at: datetime | None = None, **content: Any) -> Value:
        """Put a message into a chat and return it."""
        number = next(self._message_ids.setdefault(chat["id"], count(1)))
        by = {"sender_chat": chat} if sender is None else {"from": sender}
        date = int((at or self.now()).timestamp())
        made = {"message_id": number, **by, "chat": chat, "date": date, **content}
        self.messages[chat["id"], number] = made
        return made

    def update(self, kind: str, value: Value) -> int:
        """Add an update and tell of it; one that nobody asked for is not made."""
        asked = self.webhook.allowed if self.webhook else self.allowed
        number = next(self._update_ids)
        if kind in asked or (not asked and kind not in QUIET):
            self.updates[number] = {"update_id": number, kind: value}
            self.tell(self.updates[number])
        return number

    def confirm(self, below: int) -> None:
        """Forget the updates before a number."""
        for number in [each for each in self.updates if each < below]:
            self.confirmed[number] = self.updates.pop(number)

    def unconfirm(self) -> None:
        """Let all updates wait again, as no platform does; for checks that read twice from the beginning."""
        self.updates = dict(sorted({**self.confirmed, **self.updates}.items()))
        self.confirmed = {}
