"""A made-up platform that tells what is said on all walls of an app over one stream."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx

import chorally_sdk as sdk
from tests.support.wall import NOTE, Wall, WallPlatform, to_message


class RadioPlatform(WallPlatform):
    """The wall, of which there are several."""

    def __init__(self) -> None:
        super().__init__()
        self.names = {"token": "wall-1", "other": "wall-2"}
        self.refuses = 0
        """The status that the stream is refused with."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Serve a request."""
        if request.url.path == "/wall":
            name = self.names[request.headers["authorization"].removeprefix("Bearer ")]
            return httpx.Response(200, json={"id": name, "title": name})
        if request.url.path == "/notes" and self.refuses:
            self.calls.append("GET /notes")
            return httpx.Response(self.refuses)
        return super().answer(request)


class Radio(Wall):
    """One stream of the app, which yields what is about its accounts."""

    manifest = Wall.manifest.model_copy(
        update={"platform": "radio", "base_url": "https://radio.example", "hosts": ("radio.example",)}
    )

    def streams(self) -> Sequence[sdk.Stream]:
        """One for all."""
        return [sdk.Stream(name="all", scope="app", every=timedelta(hours=1))]

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield what was said, one page at a time."""
        at = int(cursor["from"]) if cursor else 0
        notes = (await self.http.get("/notes", params={"from": at}, auth=None)).json()["notes"]
        heard = [note for note in notes if note["wall"] in self.app.accounts or note.get("loud")]
        events = tuple(to_message(note, account=note["wall"]) for note in heard)
        yield sdk.Page(events=events, cursor={"from": at + len(notes)}, done=True)

    def parse(self, hook: sdk.RawHook) -> list[sdk.Event]:
        """Read pings about one wall's stream."""
        return [sdk.Ping(stream="all", account="wall-1")]


def said(platform: WallPlatform, name: str, wall: str, **more: Any) -> None:
    """Have something said on a wall."""
    platform.note(name, "ada", f"{name} on {wall}", wall=wall, **more)


__all__ = ["NOTE", "Radio", "RadioPlatform", "said"]
