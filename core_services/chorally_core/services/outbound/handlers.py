"""Brings back what became of conversations that we began.

Consumes ``messages``, produces facts. The message itself is the message service's.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from chorally_core.events import Event, LogAdd, MessageReconcile, topics
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING, Change, Found, Handler
from chorally_core.services.outbound.facts import US, about_opening
from chorally_core.services.outbound.model import Opening

GROUP = "outbound"

_TOLD = ("sent", "failed", "unconfirmed")


class ReconcileOpening(Handler[MessageReconcile]):
    """Moves the state of a conversation's first message forward; other messages are not ours."""

    topic = topics.MESSAGES
    event = "reconcile"

    def reads(self, event: Event[MessageReconcile]) -> Iterable[Key]:
        """Return the conversation that the message began, if it did."""
        return (Key.by_id(Opening, event.data.message_id),)

    def decide(self, event: Event[MessageReconcile], found: Found) -> Change:
        """Apply what is new; a report that is late changes nothing."""
        d = event.data
        opening = found.get(Opening, d.message_id)
        if opening is None or opening.tenant != event.tenant:
            return NOTHING
        changes: dict[str, Any] = {}
        if opening.may_become(d.state):
            changes |= {"state": d.state, "error": d.reason, "waits_in": None}
        if d.external_id and opening.external_id is None:
            changes["external_id"] = d.external_id
        if not changes:
            return NOTHING
        moved = msgspec.structs.replace(opening, changed_at=max(d.at, opening.changed_at), **changes)
        told: tuple[Event[LogAdd], ...] = ()
        if moved.state != opening.state and moved.state in _TOLD:
            told = (about_opening(f"conversation_{moved.state}", moved, US, event.occurred_at, event.id),)
        return Change((moved,), told)


HANDLERS = (ReconcileOpening(),)
