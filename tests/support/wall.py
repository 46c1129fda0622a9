"""A connector for a made-up platform, and the platform itself, a few lines each: every fault can be had."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

import httpx
from pydantic import BaseModel, Field, SecretStr

import chorally_sdk as sdk

NOTE = "wall_note"


class AppSettings(BaseModel):
    """The app at the wall."""

    secret: SecretStr = Field(title="Secret", description="Signs webhooks.")


class WallPlatform:
    """The platform: notes, answers, and whatever shall go wrong."""

    def __init__(self) -> None:
        self.notes: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.next: list[str] = []
        """What happens to the next answers: ``lost`` after it was made, ``refused`` before, or a status."""
        self.search = 200
        """The status that a search for answers is answered with."""
        self.page_size = 50
        self.calls: list[str] = []

    def note(
        self, name: str, signer: str, text: str, at: str = "2026-11-23T08:00:00+00:00", **more: Any
    ) -> dict[str, Any]:
        """Sign the wall."""
        note = {"id": name, "signer": {"id": signer, "name": signer.title()}, "text": text, "at": at, **more}
        self.notes.append(note)
        return note

    def transport(self) -> httpx.MockTransport:
        """Return the platform as a transport."""
        return httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Serve a request."""
        self.calls.append(f"{request.method} {request.url.path}")
        if request.url.path == "/wall":
            return httpx.Response(200, json={"id": "wall-1", "title": "The wall"})
        if request.url.path == "/notes":
            start = int(request.url.params.get("from", "0"))
            return httpx.Response(200, json={"notes": self.notes[start : start + self.page_size]})
        if request.method == "GET":
            return httpx.Response(self.search, json={"answers": self.answers})
        return self._made(request)

    def _made(self, request: httpx.Request) -> httpx.Response:
        fate = self.next.pop(0) if self.next else ""
        if fate == "refused":
            raise httpx.ConnectError("refused")
        if fate.isdigit():
            return httpx.Response(int(fate), headers={"Retry-After": "7"} if fate == "429" else {}, text="no")
        made = {"id": f"a{len(self.answers) + 1}", **json.loads(request.content)}
        self.answers.append(made)
        if fate == "lost":
            raise httpx.ReadTimeout("lost")
        return httpx.Response(200, json={"id": made["id"]})


class Wall(sdk.Connector, sdk.Pulls, sdk.Receives, sdk.Replies, sdk.Finds):
    """Notes on a wall: pulled, received, answered, found again."""

    dedupe: ClassVar[Any] = "lookup"
    manifest = sdk.Manifest(
        platform="wall",
        base_url="https://wall.example",
        hosts=("wall.example",),
        hooks=sdk.Hooks(scope="app"),
        app_settings=AppSettings,
        channels=(
            sdk.Channel(
                name=NOTE,
                actions={"reply": sdk.Limits(max_text=200, dedupe="lookup", settles=timedelta(seconds=5))},
            ),
        ),
    )

    async def check(self) -> sdk.AccountInfo:
        """Name the wall."""
        wall = (await self.http.get("/wall")).json()
        return sdk.AccountInfo(external_id=wall["id"], name=wall["title"])

    def streams(self) -> Sequence[sdk.Stream]:
        """Notes only."""
        return [sdk.Stream(name="notes")]

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield notes by their place on the wall."""
        at = int(cursor["from"]) if cursor else 0
        while True:
            notes = (await self.http.get("/notes", params={"from": at})).json()["notes"]
            at += len(notes)
            yield sdk.Page(events=tuple(to_message(n) for n in notes), cursor={"from": at}, done=not notes)
            if not notes:
                return

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Compare the signature."""
        good = sdk.signed(hook.body, hook.headers.get("x-wall-signature", ""), keys.secrets.get("secret", ()))
        return sdk.accept(delivery_id=hook.headers.get("x-wall-delivery")) if good else sdk.reject()

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Read a list of notes, marks and notices."""
        return [to_event(item) for item in json.loads(hook.body)["items"]]

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Answer a note."""
        body = {"note": message.in_reply_to, "text": message.body, "ref": message.client_ref}
        return sdk.Receipt(external_id=(await self.http.post("/answers", json=body)).json()["id"])

    async def find(self, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
        """Look for our answer by its text."""
        assert isinstance(outgoing, sdk.OutboundMessage)
        found = (await self.http.get("/answers")).json()["answers"]
        mine = [a for a in found if (a["note"], a["text"]) == (outgoing.in_reply_to, outgoing.body)]
        if len(mine) > 1:
            raise sdk.OutcomeUnknown("more than one answer has this text")
        return sdk.Receipt(external_id=mine[0]["id"]) if mine else None


def to_event(item: dict[str, Any]) -> sdk.Event:
    """Translate one item of a hook."""
    if "mark" in item:
        at = datetime.fromisoformat(item.get("at", "2026-11-23T08:30:00+00:00"))
        return sdk.Mark(
            state=item["mark"], at=at, account="wall-1", external_id=item.get("id"), client_ref=item.get("ref")
        )
    if "notice" in item:
        return sdk.Notice(kind=item["notice"], account="wall-1", external_id=item.get("id"))
    if "ping" in item:
        return sdk.Ping(stream=item["ping"], account="wall-1")
    return to_message(item, account=item.get("wall", "wall-1"))


def to_message(note: dict[str, Any], account: str | None = None) -> sdk.Message:
    """Translate a note."""
    return sdk.Message(
        external_id=note["id"],
        channel=NOTE,
        account=account,
        conversation_id=note.get("thread", "wall-thread"),
        parent_id=note.get("parent"),
        author=sdk.Author(external_id=note["signer"]["id"], name=note["signer"]["name"])
        if note.get("signer")
        else None,
        sent_at=datetime.fromisoformat(note["at"]),
        edited_at=datetime.fromisoformat(note["edited_at"]) if note.get("edited_at") else None,
        body=note["text"],
        ours=bool(note.get("ours")),
        client_ref=note.get("ref"),
    )
