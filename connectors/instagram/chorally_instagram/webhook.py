"""What a webhook of Instagram holds; the handshake and the signature are Meta's own (``chorally_meta.hooks``).

Changes stand in ``entry[].changes[]`` (Facebook Login, and what is observed) or in the entry itself (as Instagram Login
documents it); events of conversations in ``entry[].messaging[]``. Both kinds may be in one body, of several accounts.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from chorally_meta import hooks
from chorally_meta.messaging import Messaging
from chorally_meta.shapes import inside, text

import chorally_sdk as sdk
from chorally_instagram import translate
from chorally_instagram.names import COMMENTS, MESSAGE, MESSAGES, OF_MESSAGES

CHAT = Messaging(channel=MESSAGE, stream=MESSAGES)
SILENT = frozenset({"story_insights"})
"""Fields that count, and say nothing that could be answered."""


def events(hook: sdk.RawHook) -> Sequence[sdk.Event]:
    """Return what a body says, for all accounts in it; none of it where it is about other objects.

    Raises:
        Malformed: The body is not in the documented shape.
    """
    return [event for entry in hooks.entries(hook, "instagram") for event in _of(entry, hook.body)]


def _of(entry: hooks.Entry, raw: bytes) -> Iterator[sdk.Event]:
    for change in entry.all_changes:
        if change.field in {"comments", "live_comments"}:
            yield translate.from_change(entry.id, change.field, change.value, entry.time, raw)
        elif change.field == "mentions":
            yield translate.from_mention(entry.id, change.value, raw)
        elif change.field in OF_MESSAGES and isinstance(change.value, dict):
            yield from _conversation(entry, [change.value], raw)
        elif change.field not in SILENT:
            yield sdk.Ping(stream=COMMENTS, account=entry.id)
    yield from _conversation(entry, entry.messaging, raw)
    yield from _conversation(entry, entry.standby, raw, part="standby")


def _conversation(entry: hooks.Entry, told: Sequence[Any], raw: bytes, part: str = "messaging") -> Iterator[sdk.Event]:
    for event in told:
        of_one = {"id": _account(entry.id, event), "messaging": (), "standby": ()}
        for each in CHAT.events(entry.model_copy(update={**of_one, part: (event,)}), raw):
            yield _with_story(each, event)


def _account(entry_id: str, event: Any) -> str:
    """Whose conversation it is: the entry's, but for pressed buttons, whose sample bears the person's id there."""
    recipient = inside(event, "recipient", "id")
    is_pressed = inside(event, "postback") is not None or inside(event, "referral") is not None
    if is_pressed and recipient and str(inside(event, "sender", "id")) == entry_id:
        return str(recipient)
    return entry_id


def _with_story(event: sdk.Event, told: Any) -> sdk.Event:
    """Say of a message that its file is a story which mentions the account."""
    attachments = inside(told, "message", "attachments")
    types = {text(inside(each, "type")) for each in attachments} if isinstance(attachments, list) else set()
    if isinstance(event, sdk.Message) and "story_mention" in types:
        return event.model_copy(update={"kind": "story_mention"})
    return event
