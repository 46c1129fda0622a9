"""Mails that machines write: out of office, lists, delivery reports."""

from collections.abc import Sequence
from datetime import datetime
from email.message import Message

import chorally_sdk as sdk
from chorally_mail import identity, mime

REASON = 300  # characters of a report's reason that are kept
_BULK = frozenset(("bulk", "list", "junk", "auto_reply", "auto-reply"))
_MACHINES = frozenset(("mailer-daemon", "postmaster"))
_STATES = {"failed": "failed", "delivered": "delivered"}


def is_automatic(mail: Message, sender: str) -> bool:
    """Whether a machine wrote the mail, so that no rule may answer it (RFC 3834, RFC 2919, RFC 3464)."""

    def said(name: str) -> str:
        return mime.raw_header(mail, name).split(";")[0].strip().lower()

    return (
        said("Auto-Submitted") not in ("", "no")
        or said("Precedence") in _BULK
        or any(said(name) for name in ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "List-Id"))
        or any(word in said("X-Auto-Response-Suppress") for word in ("all", "oof", "autoreply"))
        or said("Return-Path") == "<>"
        or mime.media_type(mail) == "multipart/report"
        or sender.partition("@")[0] in _MACHINES
    )


def marks(mail: Message, address: str, at: datetime) -> Sequence[sdk.Mark]:
    """Return what a delivery report (RFC 3464) says of a mail of ours; nothing where it is about another."""
    if mime.media_type(mail) != "multipart/report":
        return ()
    parts = [part for _, part in mime.leaves(mail)]
    ref = next((ref for part in parts for name in _about(part) if (ref := identity.own_ref(name, address))), None)
    if ref is None:
        return ()
    for part in parts:
        for fields in _recipients(part):
            state = _STATES.get(mime.header(fields, "Action").lower())
            if state == "failed":
                return (sdk.Mark(state="failed", at=at, client_ref=ref, reason=_reason(fields)),)
            if state == "delivered":
                return (sdk.Mark(state="delivered", at=at, client_ref=ref),)
    return ()


def _about(part: Message) -> Sequence[str]:
    """The Message-ID of the mail that a report gives back, whole or its headers."""
    if mime.media_type(part) == "message/rfc822":
        return [identity.message_id(original) for original in mime.children(part)]
    if mime.media_type(part) in ("text/rfc822-headers", "message/rfc822-headers"):
        return [identity.message_id(mime.parse(mime.payload(part) + b"\n\n"))]
    return []


def _recipients(part: Message) -> Sequence[Message]:
    return mime.children(part) if mime.media_type(part) == "message/delivery-status" else []


def _reason(fields: Message) -> str:
    said = mime.header(fields, "Diagnostic-Code").partition(";")[2].strip()
    return (said or mime.header(fields, "Status") or "the mail could not be delivered")[:REASON]
