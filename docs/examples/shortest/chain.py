"""A short connector that pulls and replies."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import chorally_sdk as sdk

NOTE = "chain_note"


class Chain(sdk.Connector, sdk.Pulls, sdk.Replies):
    """One wall of notes."""

    note = sdk.Channel(name=NOTE, actions={"reply": sdk.Limits(max_text=500, dedupe="native_key")})
    manifest = sdk.Manifest(
        platform="chain", base_url="https://chain.example", hosts=("chain.example",), channels=(note,)
    )

    async def check(self) -> sdk.AccountInfo:
        """Name the wall."""
        return sdk.AccountInfo.model_validate_json((await self.http.get("/me")).content)

    def streams(self) -> Sequence[sdk.Stream]:
        """Say that notes can be pulled."""
        return [sdk.Stream(name="notes")]

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield the notes after the cursor, oldest first."""
        at = dict(cursor or {"since": since.isoformat() if since else ""})
        while True:
            notes = (await self.http.get("/notes", params={**at, "limit": 50})).json()["notes"]
            at = {"after": notes[-1]["id"]} if notes else at
            yield sdk.Page(events=tuple(map(to_message, notes)), cursor=at, done=len(notes) < 50)
            if len(notes) < 50:
                return

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Answer a note; the same key again makes nothing."""
        body, key = {"note": message.in_reply_to, "text": message.body}, {"Idempotency-Key": message.client_ref}
        return sdk.Receipt(external_id=(await self.http.post("/replies", json=body, headers=key)).json()["id"])


def to_message(note: sdk.Json) -> sdk.Message:
    """Return a note as Chorally knows it."""
    by = sdk.Author(external_id=note["by"]["id"], name=note["by"]["name"])
    place = {"channel": NOTE, "conversation_id": note["thread"], "parent_id": note["answers"]}
    return sdk.Message(**place, external_id=note["id"], author=by, body=note["text"], sent_at=note["at"])
