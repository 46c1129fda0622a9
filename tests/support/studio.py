"""A made-up platform on which an answer is drafted before it is published, in pieces of twenty characters."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx

import chorally_sdk as sdk
from tests.support.wall import AppSettings, Wall, WallPlatform

NOTE = "studio_note"


class StudioPlatform(WallPlatform):
    """The wall, with drafts, and files in them."""

    def __init__(self) -> None:
        super().__init__()
        self.drafts: dict[str, dict[str, Any]] = {}
        self.looks = 0
        """How often a draft must be looked at before it is ready."""
        self.drafting: list[str] = []
        """What happens to the next calls about drafts: a status, or nothing."""

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Serve a request."""
        place = request.url.path.split("/")
        if place[1] != "drafts":
            return super().answer(request)
        self.calls.append(f"{request.method} {request.url.path}")
        fate = self.drafting.pop(0) if self.drafting else ""
        if fate:
            return httpx.Response(int(fate), headers={"Retry-After": "7"} if fate == "429" else {}, text="no")
        if request.method == "POST":
            name = f"d{len(self.drafts) + 1}"
            self.drafts[name] = {"id": name, "looks": self.looks, **json.loads(request.content)}
            return httpx.Response(200, json={"id": name})
        draft = self.drafts[place[2]]
        draft["looks"] -= 1
        return httpx.Response(200, json={"ready": draft["looks"] < 0})


class Studio(Wall, sdk.Prepares):
    """Drafts, waits until the draft is ready, publishes it."""

    manifest = sdk.Manifest(
        platform="studio",
        base_url="https://studio.example",
        hosts=("studio.example",),
        hooks=sdk.Hooks(scope="app"),
        app_settings=AppSettings,
        channels=(
            sdk.Channel(
                name=NOTE,
                actions={
                    "reply": sdk.Limits(
                        max_text=20, parts=4, media={"image/*": 1000, "application/pdf": 50}, max_media=1,
                        window=timedelta(hours=24), agent_window=timedelta(days=7), dedupe="lookup",
                    )
                },
            ),
        ),
    )  # fmt: skip

    def parse(self, hook: sdk.RawHook) -> list[sdk.Event]:
        """Read what the wall would, on our channel."""
        return [
            event.model_copy(update={"channel": NOTE}) if isinstance(event, sdk.Message) else event
            for event in super().parse(hook)
        ]

    async def prepare(self, outgoing: sdk.Outgoing) -> sdk.Prepared:
        """Make the draft, then look whether it is ready."""
        draft = outgoing.prepared.get("draft")
        if draft is None:
            files = [len(await _read(self.media(attached))) for attached in outgoing.attachments]
            made = (await self.http.post("/drafts", json={"text": outgoing.body, "files": files})).json()
            return sdk.Prepared(state={"draft": made["id"]}, ready=False)
        ready = (await self.http.get(f"/drafts/{draft}")).json()["ready"]
        return sdk.Prepared(state=outgoing.prepared, ready=ready, wait=timedelta(seconds=5))

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Publish the draft."""
        body = {
            "note": message.in_reply_to, "text": message.body, "ref": message.client_ref,
            "draft": message.prepared["draft"], "late": message.late,
        }  # fmt: skip
        return sdk.Receipt(external_id=(await self.http.post("/answers", json=body)).json()["id"])

    async def find(self, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
        """Look for our answer by its reference."""
        found = (await self.http.get("/answers")).json()["answers"]
        mine = [answer for answer in found if answer["ref"] == outgoing.client_ref]
        return sdk.Receipt(external_id=mine[0]["id"]) if mine else None


async def _read(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])
