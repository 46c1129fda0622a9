"""Reads a mailbox: the changes of a folder from place to place (delta query), single mails, and files."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import chorally_sdk as sdk
from chorally_microsoft.faults import Resync
from chorally_microsoft.mail.place import AS_TEXT, HEADERS, Mailbox
from chorally_microsoft.mail.shapes import File, Listing, Mail, read, shaped
from chorally_microsoft.mail.translate import FIELDS, to_message
from chorally_microsoft.names import REMOVED, SENT

PIECE = 65_536  # bytes
_FILES = "id,name,contentType,size,isInline"
_MOST_PAGES = 50  # of the attachments of one mail
_PAGE = 50  # mails; a wish, which Graph may pass over


async def walk(
    mailbox: Mailbox, folder: str, cursor: sdk.Cursor | None, since: datetime | None
) -> AsyncIterator[sdk.Page]:
    """Yield what changed in a folder since the cursor, and everything at first.

    The cursor is the link that Graph gave: to the next page, or to the changes of the next round. One that Graph does
    not know any more starts the walk anew, within the same call; what was known is then told again, and dropped.

    Raises:
        Malformed: A page leads nowhere, or back to itself.
    """
    link = str((cursor or {}).get("link") or "")
    while True:
        try:
            raw = await _page(mailbox, folder, link, since)
        except Resync:
            if not link:
                raise
            link = ""
            continue
        page = read(Listing, raw, "a page of changes")
        following = page.next or page.delta
        if not following or (page.next and page.next == link):
            raise sdk.Malformed("a page of changes leads nowhere, or back to itself", raw)
        events: list[sdk.Event] = []
        for each in page.value:
            events += await _events(mailbox, folder, each, since, raw)
        link = following
        yield sdk.Page(events=tuple(events), cursor={"link": link}, done=page.next is None)
        if page.next is None:
            return


async def _page(mailbox: Mailbox, folder: str, link: str, since: datetime | None) -> bytes:
    headers = {"Prefer": f"{AS_TEXT['Prefer']}, odata.maxpagesize={_PAGE}"}
    if link:
        return (await mailbox.http.get(link, headers=headers)).content
    params = {"$select": FIELDS}
    if since is not None:
        params["$filter"] = f"receivedDateTime ge {since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    answer = await mailbox.http.get(
        mailbox.url("mailFolders", folder, "messages", "delta"), params=params, headers=headers
    )
    return answer.content


async def _events(
    mailbox: Mailbox, folder: str, told: dict[str, Any], since: datetime | None, raw: bytes
) -> Sequence[sdk.Event]:
    try:
        mail = shaped(Mail, told, "a changed mail", raw)
    except sdk.Malformed:
        named = told.get("id")
        if not isinstance(named, str) or not named:
            raise
        return [sdk.Ping(stream=folder, external_id=named)]  # by itself it holds up no other mail
    if mail.removed is not None:
        return [sdk.Ping(stream=REMOVED, external_id=mail.id)]
    if mail.is_draft:
        return []
    if not mail.has_time:  # only what changed of it, such as a flag
        return [sdk.Ping(stream=folder, external_id=mail.id)]
    try:
        files = await files_of(mailbox, mail)
    except sdk.Rejected as gone:
        if gone.reason is not sdk.Reason.GONE:
            raise
        return [sdk.Ping(stream=REMOVED, external_id=mail.id)]  # deleted meanwhile
    message = to_message(mail, mailbox.address, files, is_sent=folder == SENT)
    return [message] if since is None or message.sent_at >= since else []


async def files_of(mailbox: Mailbox, mail: Mail) -> tuple[File, ...]:
    """Return what is attached to a mail, without pictures that its text shows.

    Raises:
        Malformed: There is no end of it.
    """
    if not mail.has_attachments:
        return ()
    found: list[File] = []
    raw = await mailbox.get("messages", mail.id, "attachments", select=_FILES)
    for _ in range(_MOST_PAGES):
        listed = read(Listing, raw, "the attachments of a mail")
        found += [shaped(File, each, "an attachment", raw) for each in listed.value]
        if not listed.next:
            return tuple(each for each in found if not each.is_inline)
        raw = (await mailbox.http.get(listed.next, headers=HEADERS)).content
    raise sdk.Malformed(f"the attachments of the mail {mail.id} have no end", raw)


async def one(mailbox: Mailbox, ping: sdk.Ping) -> Sequence[sdk.Event]:
    """Return the mail that a ping names; nothing of a draft.

    Raises:
        Rejected: With ``GONE``: it was deleted, or lies among the deleted items.
    """
    mail_id = ping.external_id or ""
    raw = await mailbox.get("messages", mail_id, headers=AS_TEXT, select=FIELDS)
    mail = read(Mail, raw, "a mail")
    if mail.is_draft:
        return []
    if ping.stream == REMOVED:
        bin_ = read(_Folder, await mailbox.get("mailFolders", "deleteditems", select="id"), "a folder")
        if mail.folder == bin_.id:
            raise sdk.Rejected("the mail lies among the deleted items", reason=sdk.Reason.GONE)
    return [to_message(mail, mailbox.address, await files_of(mailbox, mail), is_sent=ping.stream == SENT)]


class _Folder(File):
    """A folder, of which only the id counts."""


async def download(mailbox: Mailbox, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
    """Yield a file's bytes; an attached mail comes as it was sent (MIME).

    Raises:
        Rejected: There is no such file.
    """
    mail_id, _, file_id = (attachment.external_id or "").partition("/")
    if not mail_id or not file_id:
        raise sdk.Rejected("the attachment does not say of which mail it is")
    url = f"{mailbox.url('messages', mail_id, 'attachments')}/{quote(file_id, safe='')}/$value"
    async with mailbox.http.stream("GET", url, headers={"Prefer": AS_TEXT["Prefer"]}) as answer:
        async for piece in answer.aiter_bytes(PIECE):
            yield piece
