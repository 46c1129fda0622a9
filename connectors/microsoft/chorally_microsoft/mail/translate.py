"""Turns a mail of Graph into what the core understands."""

import re
from typing import Any, Literal

import chorally_sdk as sdk
from chorally_microsoft.html import to_text
from chorally_microsoft.mail.quoting import split
from chorally_microsoft.mail.shapes import File, Mail, instant
from chorally_microsoft.names import OUTLOOK

FIELDS = (
    "id,subject,body,from,sender,toRecipients,ccRecipients,replyTo,conversationId,internetMessageId,"
    "internetMessageHeaders,receivedDateTime,sentDateTime,createdDateTime,hasAttachments,isDraft,parentFolderId,webLink"
)
MAX_PEOPLE = 50  # recipients that are kept
_KINDS: dict[str, Literal["image", "video", "audio"]] = {"image": "image", "video": "video", "audio": "audio"}
_MACHINES = re.compile(r"^(mailer-daemon|postmaster|no-?reply|do-?not-?reply|microsoftexchange[0-9a-f]{32})@")


def to_message(mail: Mail, address: str, files: tuple[File, ...] = (), *, is_sent: bool = False) -> sdk.Message:
    """Return the message that a mail is.

    Args:
        mail: As Graph shows it.
        address: The mailbox's own address.
        files: What is attached to it.
        is_sent: Whether it lies among the sent mails, so that it is the mailbox's own by whatever address.

    Raises:
        Malformed: It has no time at all.
    """
    author = mail.author or mail.sender
    who = author.email if author else ""
    ours = is_sent or (bool(who) and who == address)
    received, sent = instant(mail.received), instant(mail.sent)
    at = (sent or received) if ours else (received or sent)
    at = at or instant(mail.created)
    if at is None:
        raise sdk.Malformed(f"the mail {mail.id} has no time", mail.model_dump_json().encode())
    text = mail.body.content or "" if mail.body else ""
    is_html = bool(mail.body and (mail.body.kind or "").lower() == "html")
    parts = split((to_text(text) if is_html else text).replace("\r\n", "\n"))
    people = [each.email for each in (mail.reply_to or ()) if each.email] or ([who] if who else [])
    return sdk.Message(
        external_id=mail.id,
        channel=OUTLOOK,
        conversation_id=mail.conversation or mail.id,
        author=sdk.Author(external_id=who, name=author.name if author else "", handle=who) if who else None,
        sent_at=at,
        kind="meeting" if "eventMessage" in (mail.odata_type or "") else "text",
        body=parts.new,
        attachments=tuple(to_attachment(mail.id, each) for each in files),
        url=mail.url,
        ours=ours,
        automatic=not ours and is_automatic(mail, who),
        route={"subject": mail.subject or "", "reply_to": people[:MAX_PEOPLE], "message_id": mail.message_id or ""},
        extra=_extra(mail, parts.quoted),
    )


def to_attachment(mail_id: str, file: File) -> sdk.Attachment:
    """Return an attachment; it is asked for by the mail and its own id."""
    media = file.media_type or None
    return sdk.Attachment(
        kind=_KINDS.get((media or "").partition("/")[0], "file"),
        external_id=f"{mail_id}/{file.id}",
        media_type=media,
        name=file.name,
        size_bytes=file.size_bytes,
    )


def is_automatic(mail: Mail, who: str) -> bool:
    """Whether a machine wrote it: by its headers (RFC 3834), else by its sender."""
    headers = {each.name.lower(): (each.value or "").strip().lower() for each in mail.headers or ()}
    submitted = headers.get("auto-submitted", "no").partition(";")[0].strip()
    told = submitted != "no" or "x-autoreply" in headers or "list-id" in headers
    bulk = headers.get("precedence") in {"bulk", "list", "junk", "auto_reply"}
    quiet = headers.get("x-auto-response-suppress", "") in {"all"}
    report = headers.get("content-type", "").startswith("multipart/report")
    return told or bulk or quiet or report or bool(_MACHINES.match(who))


def _extra(mail: Mail, quoted: str) -> dict[str, Any]:
    extra: dict[str, Any] = {"subject": mail.subject or ""}
    for name, people in (("to", mail.to), ("cc", mail.cc)):
        if shown := [each.email for each in people or () if each.email]:
            extra[name] = shown[:MAX_PEOPLE]
    return {**extra, **({"quoted": quoted} if quoted else {})}
