"""A made-up platform on which conversations can be begun: the wall, to whose people letters are sent."""

from collections.abc import Sequence
from datetime import timedelta

import chorally_sdk as sdk
from tests.support.wall import NOTE, AppSettings, Wall

_LIMITS = {"max_text": 200, "dedupe": "lookup", "settles": timedelta(seconds=5)}


class Letters(Wall, sdk.OffersTemplates):
    """Answers notes, and writes to people who wrote none; an address is known whatever its case."""

    manifest = sdk.Manifest(
        platform="wall",
        base_url="https://wall.example",
        hosts=("wall.example",),
        hooks=sdk.Hooks(scope="app"),
        app_settings=AppSettings,
        channels=(
            sdk.Channel(
                name=NOTE,
                actions={
                    "reply": sdk.Limits.model_validate(_LIMITS),
                    "send": sdk.Limits.model_validate({**_LIMITS, "options": {"subject": "Of the letter."}}),
                },
            ),
        ),
    )

    def addressed(self, to: str) -> str:
        """Return a name in lower case."""
        if "/" in to:
            raise sdk.Rejected("a name has no slash; write it as its owner does")
        return to.strip().lower()

    async def templates(self) -> Sequence[sdk.Template]:
        """List none."""
        return []

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Answer a note, or send a letter."""
        body = {
            "note": message.in_reply_to, "to": message.to, "text": message.body, "ref": message.client_ref,
            "subject": message.options.get("subject"), "thread": message.conversation_id,
        }  # fmt: skip
        made = (await self.http.post("/answers", json=body)).json()["id"]
        return sdk.Receipt(external_id=made, conversation_id=message.conversation_id or f"thread-{made}")

    async def find(self, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
        """Look for what we made by its reference."""
        found = (await self.http.get("/answers")).json()["answers"]
        mine = [answer for answer in found if answer["ref"] == outgoing.client_ref]
        return sdk.Receipt(external_id=mine[0]["id"]) if mine else None


class WindowedLetters(Letters):
    """The same, where people must have written within a day, or a template is taken."""

    manifest = Letters.manifest.model_copy(
        update={
            "channels": (
                sdk.Channel(
                    name=NOTE,
                    actions={
                        verb: sdk.Limits.model_validate({**_LIMITS, "window": timedelta(hours=24)})
                        for verb in ("reply", "send")
                    },
                ),
            )
        }
    )
