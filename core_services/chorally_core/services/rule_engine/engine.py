"""The rules of each tenant, compiled; another set takes the place of one as soon as the tenant's rules change."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import structlog
from pydantic import ValidationError

from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import Found
from chorally_core.services.rule_engine.actions import Action, read_actions
from chorally_core.services.rule_engine.catalogue import CATALOGUE, facts_class
from chorally_core.services.rule_engine.compiling import Matcher, compiled
from chorally_core.services.rule_engine.conditions import Conditions, tests_of
from chorally_core.services.rule_engine.facts import Facts
from chorally_core.services.rule_engine.judging import BadConditions, Tree, prepared
from chorally_core.services.rule_engine.model import EVENTS, Rule, Ruleset

log = structlog.get_logger(__name__)

_TENANTS = 1000  # whose rules stay compiled


class Ready(NamedTuple):
    """A rule that can be judged and carried out."""

    rule: Rule
    tree: Tree
    actions: tuple[Action, ...]


class Rules(NamedTuple):
    """The rules of a tenant that answer one kind of event, in their order."""

    matcher: Matcher
    ready: Sequence[Ready]
    facts: type[Facts]


class _Compiled(NamedTuple):
    version: int
    by_event: dict[str, Rules]


class Engine:
    """Keeps what was compiled for as long as it holds."""

    def __init__(self) -> None:
        self._compiled: OrderedDict[str, _Compiled] = OrderedDict()

    def has_rules(self, tenant: str) -> bool:
        """Whether rules of the tenant were seen before."""
        known = self._compiled.get(tenant)
        return known is not None and bool(known.by_event)

    def wants(self, ruleset: Ruleset) -> Iterable[Key]:
        """Name the rules that have to be read because they changed; none where what is compiled still holds."""
        known = self._compiled.get(ruleset.tenant)
        if known is not None and known.version == ruleset.version:
            return ()
        return [Key.by_id(Rule, listed.stored) for listed in ruleset.rules]

    def rules(self, ruleset: Ruleset, found: Found, event: str) -> Rules | None:
        """Return the enabled rules that answer a kind of event; None where there are none.

        Raises:
            LookupError: A rule was replaced while it was being read; the next try sees the new one.
        """
        known = self._compiled.get(ruleset.tenant)
        if known is None or known.version != ruleset.version:
            rules = [found.get(Rule, listed.stored) for listed in ruleset.rules]
            if None in rules:
                raise LookupError("the rules were changed while they were read")
            known = _Compiled(ruleset.version, by_event([rule for rule in rules if rule is not None]))
            self._compiled[ruleset.tenant] = known
            if len(self._compiled) > _TENANTS:
                self._compiled.popitem(last=False)
        return known.by_event.get(event)


def by_event(rules: Sequence[Rule]) -> dict[str, Rules]:
    """Return the enabled rules compiled, by the events that they answer."""
    ready = [one for rule in rules if rule.enabled and (one := _usable(rule)) is not None]
    facts = facts_class({test.field for one in ready for test in tests_of(one.tree.node)})
    found = {}
    for event in EVENTS:
        answering = [one for one in ready if event in one.rule.events]
        if answering:
            found[event] = Rules(compiled([one.tree for one in answering]), answering, facts)
    return found


def made_ready(rule: Rule) -> Ready:
    """Return a rule as it can be judged.

    Raises:
        BadConditions: Its conditions cannot be used.
        ValidationError: It is not a rule.
    """
    conditions = Conditions.model_validate({"root": rule.conditions})
    return Ready(rule, prepared(conditions.root, CATALOGUE), read_actions(rule.actions))


def _usable(rule: Rule) -> Ready | None:
    try:
        return made_ready(rule)
    except (BadConditions, ValidationError) as error:  # stored by another release; the others go on
        log.error("a rule cannot be used", tenant=rule.tenant, rule=rule.rule_id, number=rule.number, exc_info=error)
        return None
