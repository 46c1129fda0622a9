"""What a webhook of a WhatsApp Business Account holds; handshake and signature are in ``chorally_meta.hooks``.

One body may tell of several accounts, each of several numbers. What is not a message or a state of one asks for a look
(``Ping``), so that nothing is dropped: groups, templates, the account's state, its address book, errors.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from chorally_meta import hooks
from chorally_meta.shapes import inside, read_value, text

import chorally_sdk as sdk
from chorally_whatsapp.shapes import Metadata
from chorally_whatsapp.translate import Talk

OBJECT = "whatsapp_business_account"
HISTORY = "history"
GONE = frozenset({"ACCOUNT_DELETED", "PARTNER_REMOVED", "PARTNER_APP_UNINSTALLED"})
"""Events of the field ``account_update`` after which the app may no longer act for the account."""
_NOT_A_DIGIT = re.compile(r"\D")
_PARTS = frozenset({"messages", "message_echoes", "statuses", "history", "groups", "errors"})
_KNOWN = _PARTS | {"contacts"}


def events(hook: sdk.RawHook) -> Sequence[sdk.Event]:
    """Return what a body says, for all accounts and numbers in it; none of it where it is about other objects.

    Raises:
        Malformed: The body is not in the documented shape.
    """
    return [
        event
        for entry in hooks.entries(hook, OBJECT)
        for change in entry.all_changes
        for event in _of(entry.id, change.field, change.value, hook.body)
    ]


def _of(waba: str, field: str, value: Any, raw: bytes) -> Iterator[sdk.Event]:
    if field == "account_update" and text(inside(value, "event")) in GONE:
        yield sdk.Notice(kind="revoked", account=waba)
        return
    named = inside(value, "metadata")
    if not isinstance(named, dict):  # about the whole business: no number of it is named
        yield sdk.Ping(stream=field, account=waba)
        return
    number = read_value(Metadata, named, f"webhook, {field}", raw)
    parts = {name: _listed(value, name, field, raw) for name in _PARTS if value.get(name) is not None}
    talk = Talk.of(number.phone_number_id, raw, value.get("contacts"), is_history=field == HISTORY)
    yield from _told(talk, number, parts, raw)
    others = [name for name, part in value.items() if part and isinstance(part, list) and name not in _KNOWN]
    for name in others or ([] if parts else [field]):
        yield sdk.Ping(stream=name, account=number.phone_number_id)


def _told(talk: Talk, number: Metadata, parts: dict[str, list[Any]], raw: bytes) -> Iterator[sdk.Event]:
    for message in parts.get("messages", ()):
        yield from talk.said(message, ours=_is_ours(message, number))
    for echo in parts.get("message_echoes", ()):
        yield from talk.said(echo, ours=True)
    for status in parts.get("statuses", ()):
        yield talk.status(status)
    for chunk in parts.get("history", ()):
        yield from _past(talk, number, chunk, raw)
    for group in parts.get("groups", ()):
        yield sdk.Ping(stream="groups", account=talk.account, external_id=text(inside(group, "group_id")))
    for _ in parts.get("errors", ()):
        yield sdk.Ping(stream="errors", account=talk.account)


def _past(talk: Talk, number: Metadata, chunk: Any, raw: bytes) -> Iterator[sdk.Event]:
    """What was said before the number was connected, a thread for each person; or that it is not shared."""
    threads = inside(chunk, "threads")
    if not isinstance(threads, list):
        yield sdk.Ping(stream=HISTORY, account=talk.account)
        return
    for thread in threads:
        person = text(inside(thread, "id")) or text(inside(thread, "context", "wa_id")) or ""
        for message in _listed(thread, "messages", HISTORY, raw):
            yield from talk.said(message, ours=_is_ours(message, number), person=person)


def _is_ours(message: Any, number: Metadata) -> bool:
    """Whether a message is from the number itself, which is written there with other signs than digits."""
    ours = _NOT_A_DIGIT.sub("", number.display_phone_number)
    return bool(ours) and _NOT_A_DIGIT.sub("", text(inside(message, "from")) or "") == ours


def _listed(value: Any, name: str, field: str, raw: bytes) -> list[Any]:
    found = inside(value, name)
    if not isinstance(found, list):
        raise sdk.Malformed(f"webhook, {field}: {name}: a list is expected", raw)
    return found
