"""A handler that notes down which events it had, in their order, and fails when it is told to."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
from chorally_core.events import Event, TriggerEvaluate, topics
from chorally_core.ports.documents import Document, Key
from chorally_core.ports.handlers import NOTHING, Change, Found, Handler

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Tally(Document, frozen=True, kw_only=True):
    """The events of one key that were handled."""

    kind = "tally"

    seen: tuple[str, ...] = ()


def an_event(name: str, key: str) -> Event[Any]:
    """Return an event that its id tells apart."""
    return Event(
        topic=topics.RULE_TRIGGERS, issuer="log-service", name="evaluate",
        data=TriggerEvaluate(log_id=name, kind="message_received"), id=name, tenant="acme", key=key, occurred_at=AT,
    )  # fmt: skip


class Count(Handler[TriggerEvaluate]):
    """Notes each event down once, tells of it, and fails now and then."""

    topic = topics.RULE_TRIGGERS
    event = "evaluate"

    def __init__(self, failures: Counter[str]) -> None:
        self._failures = failures

    def reads(self, event: Event[TriggerEvaluate]) -> Iterable[Key]:
        """Return the tally of the key."""
        return (Key.by_id(Tally, event.key),)

    def decide(self, event: Event[TriggerEvaluate], found: Found) -> Change:
        """Note it down."""
        if self._failures[event.id]:
            self._failures[event.id] -= 1
            raise RuntimeError("not today")
        tally = found.get(Tally, event.key) or Tally(id=event.key, tenant="acme")
        if event.id in tally.seen:
            return NOTHING
        effect = msgspec.structs.replace(event, id=f"effect {event.id}")
        return Change((msgspec.structs.replace(tally, seen=(*tally.seen, event.id)),), (effect,))
