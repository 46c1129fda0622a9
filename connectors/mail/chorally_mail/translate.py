"""Turns a mail into what the core understands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import Message
from typing import Any, Literal

import chorally_sdk as sdk
from chorally_mail import htmltext, identity, mime, quoting, reports

CHANNEL = "mail_message"
MAX_BODY = 200_000  # characters of new text
MAX_QUOTED = 50_000  # characters of quoted text
MAX_PEOPLE = 50  # recipients that are kept
REFERENCES = 20  # Message-IDs of a thread that are kept: the first and the last
AHEAD = timedelta(days=1)  # a date further in the future than this is a wrong clock
_KINDS: dict[str, Literal["image", "video", "audio"]] = {"image": "image", "video": "video", "audio": "audio"}


@dataclass(frozen=True)
class Context:
    """What the mail itself does not say."""

    address: str
    """The mailbox's own address."""
    sent: bool
    """Whether the mail lies in the folder of sent mail, where only we write."""
    arrived: datetime
    """When the server got it."""
    size_bytes: int = 0
    whole: bool = True
    """Whether this is all of the mail, and not its beginning only."""


def to_events(raw: bytes, context: Context) -> Sequence[sdk.Event]:
    """Return the message that a mail is, after the mark that a delivery report about our own mail makes.

    Raises:
        Malformed: The mail cannot be read at all.
    """
    mail = mime.parse(raw)
    try:
        message = to_message(mail, context)
        return (*reports.marks(mail, context.address, message.sent_at), message)
    except RecursionError as error:
        raise sdk.Malformed("the mail's parts are nested beyond measure", raw) from error


def unreadable(raw: bytes, context: Context, place: str) -> sdk.Message:
    """Return a mail that cannot be read as a message that says so, since none may be lost.

    Args:
        raw: What there is of it.
        context: Where it came from.
        place: Where it lies, which is all its identity when it is empty.
    """
    beginning = mime.text_of(raw[:MAX_BODY], "us-ascii")
    return sdk.Message(
        external_id=identity.of_bytes(raw or place.encode()),
        channel=CHANNEL,
        conversation_id=identity.of_bytes(raw or place.encode()),
        sent_at=context.arrived,
        body=beginning,
        ours=context.sent,
        automatic=True,
        extra={"note": "this mail cannot be read; look at it in the mailbox"},
    )


def to_message(mail: Message, context: Context) -> sdk.Message:
    """Return the message that a mail is."""
    address = mime.one_form(context.address)
    senders = mime.addresses(mail, "From") or mime.addresses(mail, "Sender")
    answers_to = mime.addresses(mail, "Reply-To")
    name, sender = senders[0] if senders else ("", "")
    from_us = sender == address
    if from_us and not context.sent and (others := [other for other in answers_to if other[1] != address]):
        (name, sender), from_us = others[0], False  # a form on the company's site, written by whom it answers to
    message_id = identity.message_id(mail)
    ours = context.sent or from_us
    client_ref = identity.own_ref(message_id, address) if ours else None
    external_id = identity.key(message_id) if client_ref and context.sent else identity.external_id(mail)
    earlier = identity.message_ids(mime.raw_header(mail, "References"))
    replied = identity.message_ids(mime.raw_header(mail, "In-Reply-To"))
    parent = replied[0] if replied else earlier[-1] if earlier else ""
    thread = [*earlier, *(one for one in replied if one not in earlier)]
    root = next(iter([*thread, message_id]), "")
    subject = mime.header(mail, "Subject")
    to = [who for _, who in mime.addresses(mail, "To")[:MAX_PEOPLE]]
    written = mime.date(mail)
    split = quoting.split(_text(mail), subject)
    return sdk.Message(
        external_id=external_id,
        channel=CHANNEL,
        conversation_id=identity.key(root) or external_id,
        parent_id=identity.key(parent) if identity.own_ref(parent, address) else None,
        author=sdk.Author(external_id=sender, name=name, handle=mime.shown(sender)) if sender else None,
        sent_at=written if written and written <= context.arrived + AHEAD else context.arrived,
        body=split.new[:MAX_BODY],
        attachments=attachments(mail, external_id, whole=context.whole),
        ours=ours,
        automatic=not ours and reports.is_automatic(mail, sender),
        client_ref=client_ref,
        route={
            "message_id": message_id,
            "references": bounded([*thread, message_id]),
            "subject": subject,
            "reply_to": to if ours else [who for _, who in answers_to[:MAX_PEOPLE]] or ([sender] if sender else []),
            "to": to,
            "cc": [who for _, who in mime.addresses(mail, "Cc")[:MAX_PEOPLE]],
        },
        extra=_extra(mail, subject, split, context),
    )


def bounded(message_ids: Sequence[str]) -> list[str]:
    """Return a thread's Message-IDs with no more than the first and the last of them (RFC 5537, 3.4.4)."""
    ids = [one for one in message_ids if one]
    return ids if len(ids) <= REFERENCES else [ids[0], *ids[1 - REFERENCES :]]


def attachments(mail: Message, external_id: str, *, whole: bool) -> tuple[sdk.Attachment, ...]:
    """List the files of a mail; each is asked for by its part number and the mail's external id."""
    found: list[sdk.Attachment] = []
    for number, leaf in mime.leaves(mail):
        if not mime.is_attachment(leaf):
            continue
        media_type = mime.media_type(leaf)
        found.append(
            sdk.Attachment(
                kind=_KINDS.get(media_type.partition("/")[0], "file"),
                external_id=f"{number}/{external_id}",
                media_type=media_type,
                name=mime.filename(leaf),
                size_bytes=len(mime.payload(leaf)) if whole and not leaf.is_multipart() else None,
            )
        )
    return tuple(found)


def _extra(mail: Message, subject: str, split: quoting.Split, context: Context) -> dict[str, Any]:
    extra: dict[str, Any] = {"subject": subject}
    if split.quoted:
        extra["quoted"] = split.quoted[:MAX_QUOTED]
    for name in ("To", "Cc"):
        if people := [mime.shown(who) for _, who in mime.addresses(mail, name)[:MAX_PEOPLE]]:
            extra[name.lower()] = people
    if not context.whole:
        extra["note"] = f"only the beginning of this mail of {context.size_bytes} bytes was read"
    elif len(split.new) > MAX_BODY or len(split.quoted) > MAX_QUOTED:
        extra["note"] = "the text of this mail was cut"
    return extra


def _text(part: Message) -> str:
    """The text of a mail: of alternatives the plain one, unless it is empty; of several texts all."""
    if not mime.is_container(part):
        if mime.is_attachment(part):
            return ""
        text = mime.text(part)
        return htmltext.to_text(text) if mime.media_type(part) == "text/html" else quoting.unfolded(text, _flowed(part))
    children = mime.children(part)
    if mime.media_type(part) != "multipart/alternative":
        return "\n\n".join(text for child in children if (text := _text(child)).strip())
    plain = [child for child in children if mime.media_type(child) == "text/plain"]
    others = [child for child in reversed(children) if child not in plain]
    return next((text for child in (*plain, *others) if (text := _text(child)).strip()), "")


def _flowed(part: Message) -> str:
    """How a plain text's lines were broken (RFC 3676): ``flowed``, ``delsp``, or as they stand."""
    parameters = mime.raw_header(part, "Content-Type").lower().replace(" ", "").replace('"', "")
    if "format=flowed" not in parameters:
        return ""
    return "delsp" if "delsp=yes" in parameters else "flowed"
