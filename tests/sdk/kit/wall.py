"""The smallest twin, as the how-to shows it."""

from typing import Any

from chorally_sdk.sandbox import Call, Connection, Shelf, Twin, answers, by_token


class Wall(Twin):
    """A wall that people sign."""

    def __init__(self) -> None:
        super().__init__()
        self.notes = Shelf(self.clock)
        self.grant = self.a_grant()

    @answers("GET", "/notes")
    async def list_notes(self, call: Call) -> dict[str, Any]:
        """A page of notes."""
        cut = by_token(list(self.notes), call.query, lambda n: n.place, size=self.size, is_stuck=call.is_stuck)
        return {"notes": [{"id": note.id, "text": note.body} for note in cut.shown], "next": cut.next}

    def connection(self) -> Connection:
        """How the wall is connected."""
        return Connection("wall-1", "Our wall", self.grant)

    async def say(self, body: str, *, author: str | None = "ada", **_: Any) -> str:
        """Let a person sign it."""
        return self.notes.add(body, author=author).id
