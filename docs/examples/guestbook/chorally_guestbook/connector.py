"""Connector for Guestbook, a public wall of signed notes (a made-up platform; its API is ``sandbox.py``)."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import httpx

import chorally_sdk as sdk

NOTE = "guestbook_note"
PAGE_SIZE = 50


class Guestbook(sdk.Connector, sdk.Pulls, sdk.Replies, sdk.Sandboxes):
    """One wall: its notes are pulled, and answered under them."""

    manifest = sdk.Manifest(
        platform="guestbook",
        title="Guestbook",
        base_url="https://guestbook.example",
        hosts=("guestbook.example",),
        channels=(sdk.Channel(name=NOTE, actions={"reply": sdk.Limits(max_text=500, dedupe="native_key")}),),
    )

    async def check(self) -> sdk.AccountInfo:
        """Name the wall that the token opens."""
        wall = (await self.http.get("/wall")).json()
        return sdk.AccountInfo(external_id=wall["id"], name=wall["title"])

    def streams(self) -> Sequence[sdk.Stream]:
        """Say that notes can be pulled, once a minute."""
        return [sdk.Stream(name="notes", every=timedelta(minutes=1))]

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield the notes that were signed after the one the cursor names, oldest first."""
        at = dict(cursor or {"since": since.isoformat() if since else ""})
        while True:
            notes = read(await self.http.get("/notes", params={**at, "limit": PAGE_SIZE}))["notes"]
            at = {"after": notes[-1]["id"]} if notes else at
            done = len(notes) < PAGE_SIZE
            yield sdk.Page(events=tuple(to_message(note) for note in notes), cursor=at, done=done)
            if done:
                return

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Answer a note; the same key again is answered alike and makes nothing."""
        body = {"note": message.in_reply_to, "text": message.body}
        headers = {"Idempotency-Key": message.client_ref}
        return sdk.Receipt(external_id=(await self.http.post("/replies", json=body, headers=headers)).json()["id"])

    @classmethod
    def sandbox(cls) -> sdk.ASGIApp:
        """Return a wall that lives in memory."""
        from chorally_guestbook.sandbox import Wall

        return Wall()


def read(answer: httpx.Response) -> sdk.Json:
    """Return what a listing says; half a page, or a proxy's page of HTML, must not pass for its end."""
    try:
        listing: sdk.Json = answer.json()
    except ValueError as error:
        raise sdk.Malformed("this is no page of notes; is the platform behind a proxy?", answer.content) from error
    return listing


def to_message(note: sdk.Json) -> sdk.Message:
    """Return a note as Chorally knows it."""
    signer = note["signer"]
    return sdk.Message(
        external_id=note["id"],
        channel=NOTE,
        conversation_id=note["thread"],
        parent_id=note["answers"],
        author=sdk.Author(external_id=signer["id"], name=signer["name"]) if signer else None,
        sent_at=note["signed_at"],
        body=note["text"],
    )
