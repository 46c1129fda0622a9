"""Reads what people's clients write into events: nothing in it can be relied on, and nothing in it raises."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import chorally_sdk as sdk
from chorally_matrix.ids import mxc

Content = Mapping[str, Any]

REF = "org.chorally.client_ref"
"""Key under which our messages carry the host's reference; the specification leaves such keys to whoever owns them."""

_KINDS: Mapping[str, Literal["image", "video", "audio", "file"]] = {
    "m.image": "image", "m.video": "video", "m.audio": "audio", "m.file": "file", "m.sticker": "image",
}  # fmt: skip
_FALLBACK = re.compile(r"> (?:\* )?<@[^\n]*\n(?:> [^\n]*\n|>\n)*\n")
_QUOTE, _UNQUOTE = "<mx-reply>", "</mx-reply>"
_EVENT = re.compile(r"\$[!-~]{1,254}")
_REFERENCE = re.compile(r"[0-9a-f]{32}")
_LARGEST = 2**53


@dataclass(frozen=True)
class Relation:
    """How an event relates to others (``m.relates_to``)."""

    kind: str = ""
    """``rel_type``: ``m.replace``, ``m.thread``, ``m.annotation``; empty for a plain answer, or none."""
    target: str = ""
    answered: str = ""
    """The event that is answered; in a thread it may be a makeshift for clients that know no threads."""
    is_makeshift: bool = False
    key: str = ""
    """Of a reaction."""

    @property
    def thread(self) -> str:
        """The event that the thread hangs from; empty outside of threads."""
        return self.target if self.kind == "m.thread" else ""

    @property
    def parent(self) -> str:
        """The event that was meant to be answered."""
        return self.answered if self.answered and not (self.thread and self.is_makeshift) else self.thread


def relation(content: Content) -> Relation:
    """Return how an event relates to others."""
    told = content.get("m.relates_to")
    if not isinstance(told, dict):
        return Relation()
    answer = told.get("m.in_reply_to")
    return Relation(
        kind=text(told, "rel_type"),
        target=_event(told),
        answered=_event(answer) if isinstance(answer, dict) else "",
        is_makeshift=told.get("is_falling_back") is True,
        key=text(told, "key"),
    )


def text(content: Content, name: str) -> str:
    """Return a text of a content, empty where it has none."""
    value = content.get(name)
    return value if isinstance(value, str) else ""


def body(content: Content, *, answers: bool) -> str:
    """Return what was said, without the quote that older clients put before an answer."""
    said = text(content, "body")
    if text(content, "msgtype") in _KINDS:
        name = text(content, "filename")
        return said if name and name != said else ""  # else it is the file's name, which the attachment has
    quote = _FALLBACK.match(said) if answers else None
    return said[quote.end() :] if quote else said


def html(content: Content) -> str:
    """Return what was said as HTML, where it was; from people, so never to be shown as it is."""
    if text(content, "format") != "org.matrix.custom.html":
        return ""
    written = text(content, "formatted_body")
    begin = written.find(_QUOTE)
    end = written.find(_UNQUOTE, begin) if begin >= 0 else -1
    return written[:begin].rstrip() + written[end + len(_UNQUOTE) :] if end >= 0 else written


def attachments(content: Content, kind: str = "") -> tuple[sdk.Attachment, ...]:
    """Return the file of a message; none where it has none, or where only a key opens it."""
    kind = kind or text(content, "msgtype")
    uri = content.get("url")
    if kind not in _KINDS or mxc(uri) is None:
        return ()
    info = content.get("info")
    info = info if isinstance(info, dict) else {}
    return (
        sdk.Attachment(
            kind=_KINDS[kind],
            external_id=str(uri),
            media_type=text(info, "mimetype") or None,
            name=text(content, "filename") or text(content, "body") or None,
            size_bytes=number(info.get("size")),
        ),
    )


def is_sealed(content: Content) -> bool:
    """Whether a file comes encrypted, its key beside it."""
    return isinstance(content.get("file"), dict)


def mentioned(content: Content) -> list[str]:
    """Return the ids of users that are mentioned."""
    told = content.get("m.mentions")
    ids = told.get("user_ids") if isinstance(told, dict) else None
    return [each for each in ids if isinstance(each, str)] if isinstance(ids, list) else []


def renewed(content: Content) -> dict[str, Any] | None:
    """Return what an edit puts in place; None where it is no edit, or says nothing."""
    new = content.get("m.new_content")
    return new if relation(content).kind == "m.replace" and isinstance(new, dict) else None


def reference(content: Content, unsigned: Content) -> str | None:
    """Return our own reference: from the message, or from the transaction that made it, told to its own session."""
    for told in (text(content, REF), text(unsigned, "transaction_id")):
        if _REFERENCE.fullmatch(told):
            return told
    return None


def spoken(content: Content) -> str:
    """Return the text that an event of whatever type has for clients that do not know the type; empty without."""
    plain = text(content, "body") or text(content, "org.matrix.msc1767.text")
    parts = content.get("m.text")
    if plain or not isinstance(parts, list):
        return plain
    return next((text(part, "body") for part in parts if isinstance(part, dict) and text(part, "body")), "")


def number(value: object) -> int | None:
    """Return a count that makes sense; None for anything else."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST
    return value if is_count and isinstance(value, int) else None


def _event(told: Content) -> str:
    found = text(told, "event_id")
    return found if _EVENT.fullmatch(found) else ""
