"""Walks a folder by UID, page by page, so that a kill at any page resumes in place."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import chorally_sdk as sdk
from chorally_mail import translate
from chorally_mail.imap import Arrived, Folder, Mailbox

PAGE = 50  # mails


def resume(cursor: sdk.Cursor | None, folder: Folder) -> int:
    """Return the UID after which to go on; 0, the beginning, where the folder's UIDs are not those of the cursor."""
    at = cursor or {}
    uid = int(at.get("uid", 0))
    renumbered = at.get("uidvalidity") != folder.uidvalidity or 0 < folder.uidnext <= uid
    return 0 if renumbered else uid


async def catch_up(
    box: Mailbox, folder: Folder, uid: int, since: datetime | None, context: translate.Context, max_bytes: int
) -> AsyncGenerator[sdk.Page, None]:
    """Yield what came after ``uid``; the last page is ``done``, and there is always one.

    Args:
        box: The mailbox, with the folder open.
        folder: The folder as it was when opened.
        uid: The last UID that is known.
        since: Arrivals before this are passed over.
        context: What all mails of the folder share.
        max_bytes: Of a larger mail only the beginning is read.
    """
    uids = await box.after(uid, since)
    second = since and since.replace(microsecond=0)  # servers tell no less of an arrival
    # what is below the next UID was there when the folder was opened, so the next search can begin after it
    end = max([uid, folder.uidnext - 1, *uids[-1:]])
    for start in range(0, len(uids), PAGE):
        page = uids[start : start + PAGE]
        events: list[sdk.Event] = []
        async for mail in box.mails(page, max_bytes):
            if second is None or mail.arrived is None or mail.arrived >= second:
                events += await asyncio.to_thread(_events, mail, context, folder)
        done = start + PAGE >= len(uids)
        yield sdk.Page(events=tuple(events), cursor=_cursor(folder, end if done else page[-1]), done=done)
    if not uids:
        yield sdk.Page(events=(), cursor=_cursor(folder, end), done=True)


def _cursor(folder: Folder, uid: int) -> sdk.Cursor:
    return {"uidvalidity": folder.uidvalidity, "uid": uid}


def _events(mail: Arrived, context: translate.Context, folder: Folder) -> Sequence[sdk.Event]:
    arrived = (mail.arrived or context.arrived).astimezone(UTC)
    context = replace(context, arrived=arrived, size_bytes=mail.size_bytes, whole=mail.whole)
    try:
        return translate.to_events(mail.raw, context)
    except sdk.Malformed:
        return (translate.unreadable(mail.raw, context, f"{folder.uidvalidity}/{mail.uid}"),)
