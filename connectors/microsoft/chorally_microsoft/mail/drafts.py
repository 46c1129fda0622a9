"""Answers and new mails: drafts that nobody sees, then the one call that sends them.

A draft's immutable id stays the same when it is sent, so that whoever was stopped in between finds what became of it.
"""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import chorally_sdk as sdk
from chorally_microsoft.html import from_text
from chorally_microsoft.mail import attaching
from chorally_microsoft.mail.place import HEADERS, Mailbox
from chorally_microsoft.mail.shapes import Listing, Mail, read, shaped

OPTIONS = {
    "subject": "Subject of a new mail; an answer keeps that of the mail it answers.",
    "html": "The text as HTML, in place of plain text.",
    "cc": "Addresses of those who get a copy, as a list.",
    "bcc": "Addresses of those who get a copy unseen, as a list.",
    "reply_all": "Whether an answer goes to everybody of the mail it answers.",
    "quote": "Whether the mail that is answered stands below the answer; it does unless this is false.",
}
REFERENCE = "String {8a3c8b6e-52f4-4bd0-9c6b-5f1b0f3c2a71} Name ChorallyReference"
"""Of an extended property (Graph, "Outlook extended properties"); its GUID is our own, and may never change."""
_BODY = re.compile(r"<body[^>]*>", re.IGNORECASE)
_FIELDS = "id,isDraft,internetMessageId,conversationId,webLink"


async def prepare(mailbox: Mailbox, outgoing: sdk.Outgoing, media: attaching.Media) -> sdk.Prepared:
    """Take the next unseen step: make the draft, then attach one file after the other.

    Raises:
        Rejected: The mail has nobody to go to, or Graph refuses it.
    """
    state = dict(outgoing.prepared)
    if not state.get("draft"):
        state = await _drafted(mailbox, outgoing)
    else:
        done = int(state.get("files", 0))
        if done < len(outgoing.attachments):
            file = outgoing.attachments[done]
            await attaching.attach(mailbox, state["draft"], file, media, already=int(state.get("had", 0)) + done)
            state["files"] = done + 1
    return sdk.Prepared(state=state, ready=int(state.get("files", 0)) >= len(outgoing.attachments))


async def _drafted(mailbox: Mailbox, outgoing: sdk.Outgoing) -> dict[str, Any]:
    target = outgoing.in_reply_to if isinstance(outgoing, sdk.OutboundMessage) else None
    content = _content(outgoing)
    if target:
        action = "createReplyAll" if outgoing.options.get("reply_all") else "createReply"
        raw = (await mailbox.http.post(mailbox.url("messages", target, action), headers=HEADERS)).content
        draft = read(Mail, raw, "a draft")
        changes: dict[str, Any] = {"body": _above(content, draft, quoted=outgoing.options.get("quote") is not False)}
        changes |= {**_people(outgoing), **_mark(outgoing)}
        await mailbox.http.patch(mailbox.url("messages", draft.id), json=changes, headers=HEADERS)
    else:
        to = [outgoing.to] if isinstance(outgoing, sdk.OutboundMessage) and outgoing.to else []
        if not to:
            raise sdk.Rejected("the mail has nobody to go to; say to whom")
        made = {"subject": str(outgoing.options.get("subject") or ""), "body": content, "toRecipients": _named(to)}
        asked = {**made, **_people(outgoing), **_mark(outgoing)}
        raw = (await mailbox.http.post(mailbox.url("messages"), json=asked, headers=HEADERS)).content
        draft = read(Mail, raw, "a draft")
    state = {"draft": draft.id, "message_id": draft.message_id or "", "conversation": draft.conversation or ""}
    had = await attaching.count(mailbox, draft.id) if target and outgoing.attachments else 0
    return {**state, "files": 0, "had": had}


def _content(outgoing: sdk.Outgoing) -> dict[str, str]:
    own = outgoing.options.get("html")
    if isinstance(own, str) and own:
        return {"contentType": "html", "content": own}
    return {"contentType": "text", "content": outgoing.body}


def _above(content: dict[str, str], draft: Mail, *, quoted: bool) -> dict[str, str]:
    """Our text above what Graph quotes of the mail that is answered."""
    below = draft.body.content if quoted and draft.body else ""
    if not below or (draft.body and (draft.body.kind or "").lower() != "html"):
        text = f"{content['content']}\n\n{below}" if below and content["contentType"] == "text" else content["content"]
        return {"contentType": content["contentType"], "content": text}
    ours = content["content"] if content["contentType"] == "html" else from_text(content["content"])
    begins = _BODY.search(below)
    at = begins.end() if begins else 0
    return {"contentType": "html", "content": f"{below[:at]}<div>{ours}</div><br>{below[at:]}"}


def _people(outgoing: sdk.Outgoing) -> dict[str, Any]:
    found = {"ccRecipients": _list(outgoing.options.get("cc")), "bccRecipients": _list(outgoing.options.get("bcc"))}
    return {name: _named(people) for name, people in found.items() if people}


def _mark(outgoing: sdk.Outgoing) -> dict[str, Any]:
    """Our reference as a property that nobody sees, by which a mail is found again."""
    return {"singleValueExtendedProperties": [{"id": REFERENCE, "value": outgoing.client_ref}]}


def _list(given: object) -> list[str]:
    return [each for each in given if isinstance(each, str) and each] if isinstance(given, list | tuple) else []


def _named(addresses: Sequence[str]) -> list[dict[str, Any]]:
    return [{"emailAddress": {"address": each}} for each in addresses]


async def push(mailbox: Mailbox, message: sdk.OutboundMessage) -> sdk.Receipt:
    """Send the draft.

    Raises:
        Rejected: There is none, or Graph refuses to send it.
    """
    draft = message.prepared.get("draft")
    if not isinstance(draft, str) or not draft:
        raise sdk.Rejected("the mail was not prepared; prepare it first")
    await mailbox.http.post(mailbox.url("messages", draft, "send"), headers=HEADERS)
    return sdk.Receipt(external_id=draft, conversation_id=message.prepared.get("conversation") or None)


async def find(mailbox: Mailbox, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
    """Return the mail that a draft became; None where it is a draft still, or was never made.

    Raises:
        OutcomeUnknown: Neither the draft nor the mail is there any more.
    """
    draft = outgoing.prepared.get("draft")
    if not isinstance(draft, str) or not draft:
        return await _by_reference(mailbox, outgoing.client_ref)
    try:
        mail = read(Mail, await mailbox.get("messages", draft, select=_FIELDS), "a mail")
    except sdk.Rejected as gone:
        if gone.reason is not sdk.Reason.GONE:
            raise
        mail = await _by_message_id(mailbox, str(outgoing.prepared.get("message_id") or ""))
    if mail.is_draft:
        return None
    return sdk.Receipt(external_id=mail.id, conversation_id=mail.conversation or None, url=mail.url)


async def _by_reference(mailbox: Mailbox, reference: str) -> sdk.Receipt | None:
    """Look for a sent mail that bears our reference; whose draft was never stored was never sent."""
    wanted = f"singleValueExtendedProperties/any(ep: ep/id eq '{REFERENCE}' and ep/value eq '{reference}')"
    raw = await mailbox.get("messages", filter=wanted, select=_FIELDS)
    found = [shaped(Mail, each, "a mail", raw) for each in read(Listing, raw, "the mails of a reference").value]
    sent = next((each for each in found if not each.is_draft), None)
    if sent is None:
        return None
    return sdk.Receipt(external_id=sent.id, conversation_id=sent.conversation or None, url=sent.url)


async def _by_message_id(mailbox: Mailbox, message_id: str) -> Mail:
    """Look for a mail by its own name, which a mail keeps wherever it lies."""
    if message_id:
        name = message_id.replace("'", "''")
        raw = await mailbox.get("messages", filter=f"internetMessageId eq '{name}'", select=_FIELDS)
        for each in read(Listing, raw, "the mails of a name").value:
            return shaped(Mail, each, "a mail", raw)
    raise sdk.OutcomeUnknown("neither the draft nor the sent mail is there any more; look into the mailbox")


async def moderate(mailbox: Mailbox, action: sdk.Action) -> None:
    """Mark a mail as read.

    Raises:
        Rejected: There is no such mail, or mails take no such action.
    """
    if action.verb != "read":
        raise sdk.Rejected(f"a mail that was sent takes no {action.verb!r}")
    url = f"{mailbox.url('messages')}/{quote(action.external_id, safe='')}"
    await mailbox.http.patch(url, json={"isRead": True}, headers=HEADERS)
