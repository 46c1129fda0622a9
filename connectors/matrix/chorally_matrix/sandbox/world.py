"""What exists on the homeserver: rooms, who is in them, and everything that happened, in one order."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

SERVER = "matrix.example"
US = f"@support:{SERVER}"
LOBBY = f"!lobby:{SERVER}"

_GONE = ("m.room.message", "m.reaction", "m.sticker")


def user(name: str) -> str:
    """Return the id of a person."""
    return name if name.startswith("@") else f"@{name}:{SERVER}"


@dataclass
class Room:
    """A room: who is in it by which membership, and whether it can be read by servers."""

    id: str
    members: dict[str, str] = field(default_factory=dict)


@dataclass
class World:
    """All that happened; events are as the client API shows them, with ``room_id``."""

    now: Callable[[], datetime]
    rooms: dict[str, Room] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    """In the order of the stream; an event's place is its index plus one."""
    media: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    """Files by content URI, each with its type."""
    receipts: list[tuple[int, str, str, str, int]] = field(default_factory=list)
    """Place, room, user, event, milliseconds."""
    told: list[Callable[[dict[str, Any]], None]] = field(default_factory=list)
    """Called with each new event."""
    happened: asyncio.Event = field(default_factory=asyncio.Event)
    _made: int = 0

    @property
    def place(self) -> int:
        """How far the stream is."""
        return len(self.events)

    def room(self, room_id: str) -> Room:
        """Return a room.

        Raises:
            KeyError: There is none.
        """
        return self.rooms[room_id]

    def create(self, room_id: str, *members: str) -> Room:
        """Make a room with people in it."""
        made = self.rooms[room_id] = Room(room_id)
        for member in members:
            self.member(room_id, member, "join")
        return made

    def member(self, room_id: str, who: str, membership: str, by: str = "") -> dict[str, Any]:
        """Let somebody join, be invited, leave or be banned."""
        self.rooms[room_id].members[who] = membership
        name = who.removeprefix("@").partition(":")[0].title()
        content = {"membership": membership, "displayname": name}
        return self.add(room_id, by or who, "m.room.member", content, state_key=who)

    def add(self, room_id: str, sender: str, kind: str, content: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """Let something happen and return it."""
        self._made += 1
        digest = hashlib.sha256(f"{self._made}".encode()).hexdigest()[:40]
        event = {
            "type": kind,
            "event_id": f"${digest}",
            "room_id": room_id,
            "sender": sender,
            "origin_server_ts": int(self.now().timestamp() * 1000),
            "content": dict(content),
            "unsigned": {},
            **more,
        }
        self.events.append(event)
        self.happened.set()
        for tell in self.told:
            tell(event)
        return event

    def receipt(self, room_id: str, who: str, event_id: str) -> None:
        """Let somebody have read a room up to an event; it takes a place in the stream that shows nothing."""
        self.events.append({"type": "", "event_id": "", "room_id": "", "sender": "", "content": {}, "unsigned": {}})
        at = int(self.now().timestamp() * 1000)
        self.receipts.append((self.place, room_id, who, event_id, at))
        self.happened.set()

    def event(self, event_id: str) -> dict[str, Any]:
        """Return an event.

        Raises:
            KeyError: There is none.
        """
        for event in self.events:
            if event["event_id"] == event_id:
                return event
        raise KeyError(event_id)

    def redact(self, event_id: str, by: str, reason: str = "") -> dict[str, Any]:
        """Take an event's content away; its file, which homeservers keep, goes with it here."""
        event = self.event(event_id)
        because = self.add(
            event["room_id"], by, "m.room.redaction", {"redacts": event_id, **({"reason": reason} if reason else {})}
        )
        if event["type"] in _GONE:
            self.media.pop(str(event["content"].get("url")), None)
            event["content"] = {}
            shown = {name: because[name] for name in ("type", "event_id", "sender", "origin_server_ts", "content")}
            event["unsigned"] = {"redacted_because": {**shown, "unsigned": {}}}
        return because

    def upload(self, content: bytes, kind: str) -> str:
        """Keep a file and return its content URI."""
        self._made += 1
        uri = f"mxc://{SERVER}/file{self._made:06}"
        self.media[uri] = (content, kind)
        return uri

    def edits(self, event: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the edits of an event by who said it, the latest last."""
        return [
            each
            for each in self.events
            if each["sender"] == event["sender"]
            and each["content"].get("m.relates_to", {}).get("rel_type") == "m.replace"
            and each["content"]["m.relates_to"].get("event_id") == event["event_id"]
        ]

    def said(self) -> list[dict[str, Any]]:
        """Return what was said and is there, edits left out."""
        return [
            event
            for event in self.events
            if event["type"] == "m.room.message"
            and event["content"]
            and event["content"].get("m.relates_to", {}).get("rel_type") != "m.replace"
        ]
