"""A good connector that sends files, and its twin."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import chorally_sdk as sdk
from chorally_sdk.sandbox import Call, answers
from tests.sdk.kit.guestbook import ACTIONS, Guestbook
from tests.sdk.kit.shapes import NOTE
from tests.sdk.kit.twin import GuestbookTwin

LARGEST = 16 * 1024 * 1024
REPLY = ACTIONS["reply"].model_copy(update={"media": {"image/*": LARGEST}, "max_media": 1})


class Files(Guestbook):
    """Uploads a file, piece by piece, before it says that it is there."""

    manifest = Guestbook.manifest.model_copy(
        update={
            "channels": (
                sdk.Channel.model_validate({"name": NOTE, "actions": {**ACTIONS, "reply": REPLY}}),
                Guestbook.manifest.channels[1],
            )
        }
    )

    async def prepare(self, outgoing: sdk.Outgoing) -> sdk.Prepared:
        """Upload the file into the draft."""
        if "draft" not in outgoing.prepared and outgoing.attachments:
            file = await self.upload(outgoing.attachments[0])
            made = (await self.http.post("/drafts", json={"text": outgoing.body, "file": file})).json()
            return sdk.Prepared(state={"draft": made["id"]}, ready=False, wait=timedelta(seconds=2))
        return await super().prepare(outgoing)

    async def upload(self, attachment: sdk.Attachment) -> str:
        """Pass a file on as it is read, and return its id."""
        told = (await self.http.post("/uploads", content=self.pieces(attachment))).json()
        return str(told["id"])

    async def pieces(self, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        """The file as it is read."""
        async for piece in self.media(attachment):
            yield piece


class FilesTwin(GuestbookTwin):
    """Takes files, and shows them with the reply."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.uploaded: dict[str, bytes] = {}

    @answers("POST", "/uploads", on="prepare")
    async def upload(self, call: Call) -> Any:
        """A file that nobody sees."""
        name = f"u{len(self.uploaded)}"
        self.uploaded[name] = await call.request.body()
        return {"id": name}

    @answers("POST", "/drafts", on="prepare")
    async def draft(self, call: Call) -> Any:
        """A draft, with or without a file."""
        return {"id": self.drafts.add(call.fields["text"], upload=call.fields.get("file")).id}

    def _made(self, call: Call, target: str | None) -> Any:
        told = super()._made(call, target)
        draft = call.fields.get("draft")
        if draft:
            self.notes.change(self.notes.where(own=True)[-1].id, upload=self.drafts[draft].more.get("upload"))
        return told

    def seen_files(self) -> Sequence[bytes]:
        """Those of our notes."""
        return [self.uploaded[note.more["upload"]] for note in self.notes.where(own=True) if note.more.get("upload")]

    def media_limit(self, verb: str) -> Mapping[str, int]:
        """Images."""
        return {"image/*": LARGEST}
