"""The platform in memory: ``chorally-connector sandbox docs/examples/guestbook`` serves it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from chorally_sdk.sandbox import Call, Connection, Made, Shelf, Thing, Twin, answers
from chorally_sdk.sandbox.oauth import Token

TOKEN = "guest"  # noqa: S105  # of a wall that is nobody's


class Wall(Twin):
    """A wall, its notes and the answers under them."""

    def __init__(self) -> None:
        super().__init__()
        self.oauth.tokens.append(Token(TOKEN, None, frozenset(), None))
        self.notes = Shelf(self.clock, "n")
        self.replies: dict[str, Thing] = {}
        """By the key they were made under."""
        self._shelf = Shelf(self.clock, "r")

    # the API

    @answers("GET", "/wall")
    async def wall(self, call: Call) -> Any:
        """Whom a token speaks for."""
        return {"id": "wall-1", "title": "Our wall"}

    @answers("GET", "/notes")
    async def list_notes(self, call: Call) -> Any:
        """The notes after one, oldest first."""
        after, since = call.query.get("after", ""), call.query.get("since", "")
        notes = [note for note in self.notes if not since or note.created_at >= datetime.fromisoformat(since)]
        if after:
            notes = [note for note in notes if note.place > self.notes[after].place]
        return {"notes": [self._shown(note) for note in notes[: int(call.query.get("limit") or 50)]]}

    @answers("POST", "/replies")
    async def reply(self, call: Call) -> Any:
        """An answer to a note; the same key again makes nothing."""
        key, note = call.request.headers["idempotency-key"], self.notes[call.fields["note"]]
        if key not in self.replies:
            self.replies[key] = self._shelf.add(call.fields["text"], parent=note.id)
        return {"id": self.replies[key].id}

    # the levers

    def connection(self) -> Connection:
        """How the wall is connected."""
        return Connection("wall-1", "Our wall", self.a_grant(lasting=True))

    async def say(
        self, body: str, *, author: str | None = "ada", parent: str | None = None, at: datetime | None = None
    ) -> str:
        """Let a person leave a note."""
        return self.notes.add(body, author=author, parent=parent).id

    def made(self) -> Sequence[Made]:
        """The answers."""
        return [Made(reply.id, reply.body, reply.parent) for reply in self.replies.values()]

    def _shown(self, note: Thing) -> dict[str, Any]:
        thread = note
        while thread.parent:
            thread = self.notes[thread.parent]
        return {
            "id": note.id,
            "signer": {"id": note.author, "name": note.author.title()} if note.author else None,
            "text": note.body,
            "signed_at": note.created_at.isoformat(),
            "answers": note.parent,
            "thread": thread.id,
        }
