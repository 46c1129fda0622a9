"""Keeps the history and tells the rules.

Consumes ``logs``, produces ``rule-triggers``. Imported history triggers nothing.
"""

from collections.abc import Iterable

from chorally_core.events import Event, LogAdd, TriggerEvaluate, topics
from chorally_core.events.ids import entry_id
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING, Change, Found, Handler
from chorally_core.ports.triggers import ABOUT_USERS, HANDED_ON, OF_PEOPLE
from chorally_core.ports.turns import asked_further, asked_of, turns
from chorally_core.services.log.model import AuditEntry, LogEntry

SERVICE = "log-service"
GROUP = "log"


class KeepFact(Handler[LogAdd]):
    """Appends a fact, and asks for the rules to be evaluated where they may answer it."""

    topic = topics.LOGS
    event = "add"

    def reads(self, event: Event[LogAdd]) -> Iterable[Key]:
        """Return the entry itself, which is there if the fact was told before, and who may answer a message."""
        entry = Key.by_id(LogEntry, entry_id(event.occurred_at, event.id))
        return (entry, *asked_of(event.tenant)) if _is_answered(event.data) else (entry,)

    def follows(self, event: Event[LogAdd], found: Found) -> Iterable[Key]:
        """Return in which order they may."""
        return asked_further(event.tenant, found) if _is_answered(event.data) else ()

    def decide(self, event: Event[LogAdd], found: Found) -> Change:
        """Append once; a fact told again appends nothing and triggers nothing."""
        name = entry_id(event.occurred_at, event.id)
        if found.get(LogEntry, name) is not None:
            return NOTHING
        fact = event.data
        entry = LogEntry(
            id=name,
            tenant=event.tenant,
            what=fact.kind,
            issuer=event.issuer,
            at=event.occurred_at,
            subject_type=fact.subject_type,
            subject_id=fact.subject_id,
            subject_version=fact.version,
            ticket_id=fact.ticket_id,
            message_id=fact.message_id,
            author_id=fact.author_id,
            account_id=fact.account_id,
            actor_kind=fact.actor_kind,
            actor_id=fact.actor_id,
            snapshot=fact.snapshot,
            caused_by=event.caused_by,
            depth=event.depth,
            backfilled=fact.backfilled,
            automatic=fact.automatic,
        )
        writes = (_audit(event, name), entry) if fact.was or fact.changes else (entry,)
        if fact.kind not in HANDED_ON or (fact.backfilled and fact.kind not in OF_PEOPLE):
            return Change(writes)
        return Change(writes, (_trigger(event, name, turns(event.tenant, found) if _is_answered(fact) else ()),))


def _audit(event: Event[LogAdd], name: str) -> AuditEntry:
    fact = event.data
    called = fact.snapshot.get("name", "")
    return AuditEntry(
        id=name, tenant=event.tenant, what=fact.kind, at=event.occurred_at, subject_type=fact.subject_type,
        subject_id=fact.subject_id, subject_version=fact.version,
        subject_name=called if isinstance(called, str) else "", actor_kind=fact.actor_kind, actor_id=fact.actor_id,
        address=fact.address, token_id=fact.token_id, was=fact.was, changes=fact.changes,
    )  # fmt: skip


def _is_answered(fact: LogAdd) -> bool:
    """Whether somebody may answer it by machine."""
    return fact.kind == "message_received" and not fact.automatic and not fact.backfilled


def _trigger(event: Event[LogAdd], log_id: str, turns: tuple[str, ...] = ()) -> Event[TriggerEvaluate]:
    fact = event.data
    data = TriggerEvaluate(
        log_id=log_id,
        kind=fact.kind,
        ticket_id=fact.ticket_id,
        message_id=fact.message_id,
        author_id=fact.author_id,
        account_id=fact.account_id,
        snapshot=fact.snapshot,
        automatic=fact.automatic,
        version=fact.version,
        actor_kind=fact.actor_kind,
        actor_id=fact.actor_id,
        subject_id=fact.subject_id if fact.kind in ABOUT_USERS else "",
        rules=fact.rules,
        turns=turns,
    )
    return event.causes(data, topic=topics.RULE_TRIGGERS, issuer=SERVICE, name="evaluate")


HANDLERS = (KeepFact(),)
