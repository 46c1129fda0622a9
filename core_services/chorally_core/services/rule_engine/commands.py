"""What administrators do with rules. Pure decisions: given what was found, each returns one change."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from chorally_core.events import Event, LogAdd, topics
from chorally_core.events.ids import derived
from chorally_core.events.records import ActorKind
from chorally_core.ports.audit import Told, audited
from chorally_core.ports.documents import Document, Key
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.refused import Refused
from chorally_core.ports.turns import RULE_ENGINE, source
from chorally_core.services.rule_engine.later.learning import learning_tickets
from chorally_core.services.rule_engine.model import TIMED, Listed, Rule, Ruleset, Timer
from chorally_core.services.rule_engine.names import SERVICE
from chorally_core.services.rule_engine.people import learning

MOST = 2000
"""Rules of a tenant."""
TRACED = 10
"""Rules of a tenant of which is kept at the same time why they do not fire."""

Actor = tuple[ActorKind, str]


def key(tenant: str) -> Key:
    """Return what every decision about a tenant's rules needs."""
    return Key.by_id(Ruleset, tenant)


def put(found: Found, rule: Rule, *, before: Rule | None = None, actor: Actor, cause: str) -> Change:
    """Return a rule added behind the others, or in place of its earlier version.

    Args:
        found: What ``key`` named.
        rule: As it shall be, with the number that follows the one it replaces; 1 adds it.
        before: The one that it replaces.
        actor: Who does it.
        cause: Tells this request apart from every other.

    Raises:
        Refused: There are too many, or somebody else changed it meanwhile.
    """
    known = found.get(Ruleset, rule.tenant)
    ruleset = known or Ruleset(id=rule.tenant, tenant=rule.tenant)
    listed = ruleset.find(rule.rule_id)
    if (listed.number if listed is not None else 0) != rule.number - 1:
        raise Refused("conflict", "changed-meanwhile", "the rule was changed meanwhile; read it again")
    if listed is None and len(ruleset.rules) >= MOST:
        raise Refused("conflict", "too-many-rules", f"a tenant has at most {MOST} rules; remove one first")
    stored = msgspec.structs.replace(rule, id=derived("rule", rule.rule_id, str(rule.number), cause))
    new = _listed(stored, listed)
    if new.traced_until is not None and _traced(ruleset, rule) >= TRACED:
        raise Refused("conflict", "too-many-traces", f"at most {TRACED} rules are traced at a time; end one first")
    rules = tuple(new if each is listed else each for each in ruleset.rules)
    earlier = ruleset
    ruleset = msgspec.structs.replace(ruleset, rules=rules if listed is not None else (*rules, new))
    what = "rule_added" if listed is None else "rule_changed"
    answers = source(rule.tenant, RULE_ENGINE)
    added: tuple[Document, ...] = (stored, answers)
    if known is None:
        added = (*added, learning(rule.tenant, rule.changed_at))
    added = (*added, *_relearned(earlier, ruleset, rule.changed_at, cause))
    return _changed(
        ruleset, (listed.stored,) if listed else (), _told(what, stored, (before, rule), actor, cause), added
    )


def remove(found: Found, rule: Rule, *, actor: Actor, at: datetime, cause: str) -> Change:
    """Return the tenant's rules without one; nothing where it is gone."""
    ruleset = found.get(Ruleset, rule.tenant)
    listed = None if ruleset is None else ruleset.find(rule.rule_id)
    if ruleset is None or listed is None:
        return NOTHING
    left = msgspec.structs.replace(ruleset, rules=tuple(each for each in ruleset.rules if each is not listed))
    gone = msgspec.structs.replace(rule, changed_at=at)
    jobs = _relearned(ruleset, left, at, cause)
    return _changed(left, (listed.stored,), _told("rule_removed", gone, (rule, None), actor, cause), jobs)


def reorder(found: Found, tenant: str, rule_ids: Sequence[str], *, actor: Actor, at: datetime, cause: str) -> Change:
    """Return the tenant's rules in another order.

    Raises:
        Refused: The list does not name each rule once.
    """
    ruleset = found.get(Ruleset, tenant) or Ruleset(id=tenant, tenant=tenant)
    by_id = {listed.id: listed for listed in ruleset.rules}
    if sorted(rule_ids) != sorted(by_id):
        raise Refused("invalid", "invalid", "name each of the tenant's rules once, in their new order", "rule_ids")
    rules = tuple(by_id[rule_id] for rule_id in rule_ids)
    if rules == ruleset.rules:
        return NOTHING
    data = LogAdd(
        kind="rules_reordered", subject_type="ruleset", subject_id=tenant, version=ruleset.version + 1,
        actor_kind=actor[0], actor_id=actor[1], snapshot={"rules": list(rule_ids)[:200]},
    )  # fmt: skip
    data = audited(data, {"rules": [listed.id for listed in ruleset.rules]}, {"rules": list(rule_ids)})
    return _changed(msgspec.structs.replace(ruleset, rules=rules), (), _fact(data, tenant, at, cause))


def _listed(rule: Rule, before: Listed | None) -> Listed:
    """The rule in its place, with what it waits for: since when, is as before where it waits for it already."""
    if not rule.enabled:
        return Listed(rule.rule_id, rule.number, rule.id)
    since = {timer.name: timer.since for timer in before.timers} if before is not None else {}
    wanted = (Timer(event, rule.after_s or 0, rule.changed_at) for event in rule.events if event in TIMED)
    timers = tuple(msgspec.structs.replace(timer, since=since.get(timer.name, timer.since)) for timer in wanted)
    shares = any(action.get("type") == "share" and action.get("how") == "least_loaded" for action in rule.actions)
    return Listed(rule.rule_id, rule.number, rule.id, timers, shares, rule.trace_until)


def _traced(ruleset: Ruleset, rule: Rule) -> int:
    """How many other rules are traced at the time of a change."""
    others = (listed.traced_until for listed in ruleset.rules if listed.id != rule.rule_id)
    return sum(until is not None and until > rule.changed_at for until in others)


def _relearned(before: Ruleset, after: Ruleset, at: datetime, cause: str) -> tuple[Document, ...]:
    """The job that goes through the tenant's tickets, where rules wait for something else than before."""
    names = ({timer.name for timer in ruleset.timers()} for ruleset in (before, after))
    is_same = before.watches == after.watches and len(set(map(frozenset, names))) == 1
    return () if is_same else (learning_tickets(after.tenant, at, cause),)


def _changed(ruleset: Ruleset, replaced: tuple[str, ...], told: Event[Any], added: tuple[Document, ...] = ()) -> Change:
    """The list as it is now; what the change before replaced is forgotten, as nobody reads it any more."""
    gone = tuple(_stored(ruleset.tenant, name) for name in ruleset.replaced)
    return Change((*added, msgspec.structs.replace(ruleset, replaced=replaced)), (told,), remove=gone)


def _stored(tenant: str, name: str) -> Rule:
    """What stands for a stored rule where only its id matters."""
    never = datetime.min.replace(tzinfo=UTC)
    return Rule(
        id=name, tenant=tenant, rule_id="", number=0, name="", events=(), conditions={}, actions=(), created_at=never,
        created_by="", changed_at=never, changed_by="",
    )  # fmt: skip


def _told(what: str, rule: Rule, pair: tuple[Told, Told], actor: Actor, cause: str) -> Event[LogAdd]:
    data = LogAdd(
        kind=what,
        subject_type="rule",
        subject_id=rule.rule_id,
        version=rule.number,
        actor_kind=actor[0],
        actor_id=actor[1],
        snapshot={"name": rule.name, "enabled": rule.enabled, "events": list(rule.events)},
    )
    return _fact(audited(data, *pair, without=("rule_id",)), rule.tenant, rule.changed_at, cause)


def _fact(data: LogAdd, tenant: str, at: datetime, cause: str) -> Event[LogAdd]:
    return Event(
        topic=topics.LOGS, issuer=SERVICE, name="add", data=data, id=derived(cause, topics.LOGS, data.kind),
        tenant=tenant, key=f"{tenant}/rules", occurred_at=at, caused_by=cause,
    )  # fmt: skip
