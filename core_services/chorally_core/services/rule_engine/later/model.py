"""A ticket as the facts told it last, and what is due of it when nothing more is told."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from chorally_core.events import Event, TriggerEvaluate
from chorally_core.ports.documents import Document
from chorally_core.services.rule_engine.happened import ticket_of
from chorally_core.services.rule_engine.model import Timer

_PEOPLE = ("author", "agent", "platform")


class Due(NamedTuple):
    """A timer of a ticket: what it counts from, and when its time has come."""

    timer: Timer
    reference: float
    at: datetime


class Deferred(Document, frozen=True, kw_only=True):
    """What rules wait for on an unresolved ticket; under the ticket's id.

    It is fed by facts, so that judging asks nobody, and gone once the ticket is resolved.
    """

    kind = "rule_deferred"
    sparse = ("due_at", "author_id")

    account_id: str | None = None
    author_id: str | None = None
    key: str
    """Ordering key of what concerns the ticket."""
    ticket: dict[str, Any]
    """How it was told last."""
    ticket_version: int
    log_id: str
    """The fact that told so."""
    active_at: datetime
    """When a person last did something."""
    done: dict[str, float] = {}
    """What each timer counted from when its time came last, so that it comes once."""
    due_at: datetime | None = None

    @classmethod
    def told(cls, event: Event[TriggerEvaluate], known: "Deferred | None") -> "Deferred | None":
        """Return the ticket as a fact tells it; the same object where that is old, None where it is resolved."""
        trigger, ticket = event.data, ticket_of(event.data)
        version = ticket.get("version", trigger.version if trigger.message_id is None else 0)
        if known is not None and version < known.ticket_version:
            return known
        if "version" not in ticket:  # it tells less than all: what it leaves out is as before
            ticket = {**known.ticket, **ticket} if known is not None else {}
        if not ticket:
            return known
        if ticket.get("status") == "resolved":
            return None
        left = {name: value for name, value in ticket.items() if name not in ("changes", "was")}
        for name in ("platform", "channel"):
            if name not in left and (value := trigger.snapshot.get(name)):
                left[name] = value
        if trigger.message_id is not None and trigger.snapshot.get("direction") == "inbound":
            left["last_inbound"] = trigger.message_id
        elif known is not None:
            left.setdefault("last_inbound", known.ticket.get("last_inbound"))
        is_activity = trigger.actor_kind in _PEOPLE and not trigger.automatic
        before = known.active_at if known is not None else event.occurred_at
        author_id = trigger.author_id or (known.author_id if known is not None else None)
        return cls(
            id=trigger.ticket_id or "", tenant=event.tenant, version=known.version if known is not None else 0,
            account_id=trigger.account_id or (known.account_id if known is not None else None), author_id=author_id,
            key=event.key, ticket=left, ticket_version=max(version, known.ticket_version if known is not None else 0),
            log_id=trigger.log_id, active_at=max(before, event.occurred_at) if is_activity else before,
            done=known.done if known is not None else {}, due_at=known.due_at if known is not None else None,
        )  # fmt: skip

    def planned(self, timers: Iterable[Timer]) -> "Deferred":
        """Return it with the instant at which the next timer's time comes."""
        timers = tuple(timers)
        open_ = [due for due in self.dues(timers) if self.done.get(due.timer.name) != due.reference]
        names = {timer.name for timer in timers}
        done = {name: reference for name, reference in self.done.items() if name in names}
        return msgspec.structs.replace(self, done=done, due_at=min((due.at for due in open_), default=None))

    def fallen_due(self, timers: Sequence[Timer], now: datetime) -> list[Due]:
        """Return the timers whose time has come and that were not told yet, the earliest first."""
        found = [due for due in self.dues(timers) if due.at <= now and self.done.get(due.timer.name) != due.reference]
        return sorted(found, key=lambda due: (due.at, due.timer.name))

    def having_told(self, dues: Iterable[Due]) -> "Deferred":
        """Return it with these told."""
        return msgspec.structs.replace(self, done={**self.done, **{due.timer.name: due.reference for due in dues}})

    def dues(self, timers: Iterable[Timer]) -> Iterator[Due]:
        """Yield when the time of each timer comes, of those that count from something since rules wait for them."""
        for timer in timers:
            reference = self._reference(timer.event)
            if reference is None:
                continue
            span = -timer.after_s if timer.event == "window_closing" else timer.after_s
            try:
                at = datetime.fromtimestamp(reference, UTC) + timedelta(seconds=span)
            except OverflowError:
                continue
            if at >= timer.since:
                yield Due(timer, reference, at)

    def _reference(self, event: str) -> float | None:
        found: float | None
        match event:
            case "ticket_idle":
                found = max(self.active_at.timestamp(), self.ticket.get("snoozed", 0.0))
            case "ticket_waiting":
                found = self.ticket.get("waiting")
            case "window_closing":
                found = self.ticket.get("window")
            case _:  # follow_up: since our answer, to which the author has said nothing
                found = self.ticket.get("agent_at")
                found = None if found is None or found <= self.ticket.get("author_at", 0.0) else found
        return found
