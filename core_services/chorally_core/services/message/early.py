"""Applies what was told of a message before it came, where the two missed each other.

A message is handled with its author's, what becomes of it under its own key: side by side, where a topic is shared out
among processes. Then either may look for the other just before it is stored. So what was stored as told too early is
looked at again, less and less often; most of it is about messages that never come.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import msgspec

from chorally_core.events.ids import derived
from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import Condition, Documents, Key, Query
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.services.message.changes import SYSTEM
from chorally_core.services.message.facts import about_message, asked
from chorally_core.services.message.model import Early, Message

_MOST = 500
_LOOKS = 10  # the last one an hour and more after the first: no event is under way for so long


async def apply_early(documents: Documents, actions: Actions, now: Callable[[], datetime]) -> int:
    """Apply what is due and whose message has come; return at how much was looked."""
    looked = 0
    while True:
        due: list[Early] = await documents.find(Query(Early, None, (Condition("look_at", "<=", now()),), limit=_MOST))
        for early in due:
            keys = [Key.by_id(Early, early.id), Key.by_id(Message, early.id)]
            await actions.act(keys, partial(_applied, early.id, now()))
        looked += len(due)
        if len(due) < _MOST:
            return looked


def _applied(message_id: str, at: datetime, found: Found) -> Change:
    early, message = found.get(Early, message_id), found.get(Message, message_id)
    if early is None or early.look_at is None:
        return NOTHING
    if message is None:
        again = at + timedelta(seconds=2.0**early.looks * 4) if early.looks < _LOOKS else None
        return Change((msgspec.structs.replace(early, looks=early.looks + 1, look_at=again),))
    changed, what = _told(message, early)
    if changed is None:
        return Change((), remove=(early,))
    fact = asked(
        about_message(what, changed, SYSTEM),
        tenant=message.tenant,
        conversation=message.author_id or message.id,
        at=at,
        cause=derived("early", message.id, early.state, early.at.isoformat()),
    )
    return Change((changed,), (fact,), remove=(early,))


def _told(message: Message, early: Early) -> tuple[Message | None, str]:
    """The message as it became, and what to call that; None where it knew."""
    if early.state == "deleted":
        return (None, "") if message.deleted_at is not None else (message.taken_back(early.at), "message_deleted")
    hidden = early.state == "hidden"
    if message.hidden == hidden or (message.marked_at is not None and message.marked_at >= early.at):
        return None, ""
    changed = msgspec.structs.replace(message, hidden=hidden, marked_at=early.at)
    return changed, "message_hidden" if hidden else "message_shown"
