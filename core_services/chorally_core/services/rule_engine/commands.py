"""What administrators do with rules. Pure decisions: given what was found, each returns one change."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from chorally_core.events import Event, LogAdd, topics
from chorally_core.events.ids import derived
from chorally_core.events.records import ActorKind
from chorally_core.ports.documents import Document, Key
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.refused import Refused
from chorally_core.ports.turns import RULE_ENGINE, source
from chorally_core.services.rule_engine.model import Listed, Rule, Ruleset
from chorally_core.services.rule_engine.people import learning
from chorally_core.services.rule_engine.planning import SERVICE

MOST = 2000
"""Rules of a tenant."""

Actor = tuple[ActorKind, str]


def key(tenant: str) -> Key:
    """Return what every decision about a tenant's rules needs."""
    return Key.by_id(Ruleset, tenant)


def put(found: Found, rule: Rule, *, actor: Actor, cause: str) -> Change:
    """Return a rule added behind the others, or in place of its earlier version.

    Args:
        found: What ``key`` named.
        rule: As it shall be, with the number that follows the one it replaces; 1 adds it.
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
    new = Listed(rule.rule_id, rule.number, stored.id)
    rules = tuple(new if each is listed else each for each in ruleset.rules)
    ruleset = msgspec.structs.replace(ruleset, rules=rules if listed is not None else (*rules, new))
    what = "rule_added" if listed is None else "rule_changed"
    answers = source(rule.tenant, RULE_ENGINE)
    added = (stored, answers) if known is not None else (stored, answers, learning(rule.tenant, rule.changed_at))
    return _changed(ruleset, (listed.stored,) if listed else (), _told(what, stored, actor, cause), added)


def remove(found: Found, rule: Rule, *, actor: Actor, at: datetime, cause: str) -> Change:
    """Return the tenant's rules without one; nothing where it is gone."""
    ruleset = found.get(Ruleset, rule.tenant)
    listed = None if ruleset is None else ruleset.find(rule.rule_id)
    if ruleset is None or listed is None:
        return NOTHING
    left = msgspec.structs.replace(ruleset, rules=tuple(each for each in ruleset.rules if each is not listed))
    gone = msgspec.structs.replace(rule, changed_at=at)
    return _changed(left, (listed.stored,), _told("rule_removed", gone, actor, cause))


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
    return _changed(msgspec.structs.replace(ruleset, rules=rules), (), _fact(data, tenant, at, cause))


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


def _told(what: str, rule: Rule, actor: Actor, cause: str) -> Event[LogAdd]:
    data = LogAdd(
        kind=what,
        subject_type="rule",
        subject_id=rule.rule_id,
        version=rule.number,
        actor_kind=actor[0],
        actor_id=actor[1],
        snapshot={"name": rule.name, "enabled": rule.enabled, "events": list(rule.events)},
    )
    return _fact(data, rule.tenant, rule.changed_at, cause)


def _fact(data: LogAdd, tenant: str, at: datetime, cause: str) -> Event[LogAdd]:
    return Event(
        topic=topics.LOGS, issuer=SERVICE, name="add", data=data, id=derived(cause, topics.LOGS, data.kind),
        tenant=tenant, key=f"{tenant}/rules", occurred_at=at, caused_by=cause,
    )  # fmt: skip
