"""The rules of each tenant, compiled; another set takes the place of one as soon as the tenant's rules change."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import structlog
from pydantic import ValidationError

from chorally_core.ports.calendars import Calendars, Hours, Known
from chorally_core.ports.canned import CannedReply
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import Found
from chorally_core.ports.webhooks import Webhook
from chorally_core.services.rule_engine.actions import Action, CallWebhook, CannedAnswer, read_actions
from chorally_core.services.rule_engine.catalogue import CATALOGUE, facts_class, is_of_calendar
from chorally_core.services.rule_engine.compiling import Matcher, compiled
from chorally_core.services.rule_engine.conditions import Conditions, tests_of
from chorally_core.services.rule_engine.facts import Facts
from chorally_core.services.rule_engine.judging import BadConditions, Tree, prepared
from chorally_core.services.rule_engine.model import EVENTS, TIMED, Rule, Ruleset, timed_event
from chorally_core.services.rule_engine.plugged import NONE, Plugged

log = structlog.get_logger(__name__)

_TENANTS = 1000  # whose rules stay compiled

Offers = Callable[[str, str], bool]
"""Whether answers on a channel take an option."""


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
    traced: Sequence[Ready] = ()
    """Those of which is kept why they do not fire."""


class _Compiled(NamedTuple):
    version: int
    by_event: dict[str, Rules]
    watches: bool
    named: tuple[Key, ...]
    """The canned replies that they answer with, and the webhooks that they call."""
    looks_at_calendars: bool


def _no_hours(name: str) -> Hours | None:
    return None


class Engine:
    """Keeps what was compiled for as long as it holds."""

    def __init__(self, plugged: Plugged = NONE, offers: Offers = lambda channel, option: False) -> None:
        """Compile nothing yet.

        Args:
            plugged: Actions that plugins add.
            offers: Whether answers on a channel take an option, as the installed connectors say.
        """
        self._compiled: OrderedDict[str, _Compiled] = OrderedDict()
        self._calendars = Known()
        self.plugged = plugged
        self.offers = offers

    def has_rules(self, tenant: str) -> bool:
        """Whether rules of the tenant were seen before."""
        known = self._compiled.get(tenant)
        return known is not None and bool(known.by_event)

    def asks(self, tenant: str) -> tuple[Key, ...]:
        """Name what a tenant's rules look at besides what happened, as far as they were seen before."""
        known = self._compiled.get(tenant)
        if known is None:
            return ()
        return (*known.named, Key.by_id(Calendars, tenant)) if known.looks_at_calendars else known.named

    def wants(self, ruleset: Ruleset, found: Found) -> Iterable[Key]:
        """Name the rules that have to be read because they changed, and what they look at besides."""
        known = self._compiled.get(ruleset.tenant)
        keys: list[Key] = []
        if known is None or known.version != ruleset.version:
            keys += [Key.by_id(Rule, listed.stored) for listed in ruleset.rules]
            if any(found.get(Rule, listed.stored) is None for listed in ruleset.rules):
                return keys
            known = self._compile(ruleset, found)
        keys += self.asks(ruleset.tenant)
        listed = found.get(Calendars, ruleset.tenant) if known.looks_at_calendars else None
        return keys if listed is None else [*keys, *self._calendars.wants(listed)]

    def rules(self, ruleset: Ruleset, found: Found, event: str) -> Rules | None:
        """Return the enabled rules that answer a kind of event; None where there are none.

        Raises:
            LookupError: A rule was replaced while it was being read; the next try sees the new one.
        """
        known = self._compiled.get(ruleset.tenant)
        if known is None or known.version != ruleset.version:
            known = self._compile(ruleset, found)
        return known.by_event.get(event)

    def watches(self, ruleset: Ruleset) -> bool:
        """Whether a tenant's rules need to know how tickets are between one fact and the next."""
        known = self._compiled.get(ruleset.tenant)
        return known.watches if known is not None and known.version == ruleset.version else ruleset.watches

    def hours(self, tenant: str, found: Found) -> Callable[[str], Hours | None]:
        """Return what gives the hours of a calendar by its id, None where there is no such calendar."""
        known = self._compiled.get(tenant)
        listed = found.get(Calendars, tenant) if known is not None and known.looks_at_calendars else None
        if listed is None:
            return _no_hours
        calendars = self._calendars.of(listed, found)
        return lambda name: calendars[name].hours if name in calendars else None

    def _compile(self, ruleset: Ruleset, found: Found) -> _Compiled:
        rules = [found.get(Rule, listed.stored) for listed in ruleset.rules]
        if None in rules:
            raise LookupError("the rules were changed while they were read")
        ready = usable([rule for rule in rules if rule is not None])
        fields = {test.field for one in ready for test in tests_of(one.tree.node)}
        known = _Compiled(
            ruleset.version,
            by_event(ready),
            ruleset.watches,
            named(ready),
            any(is_of_calendar(field) for field in fields),
        )
        self._compiled[ruleset.tenant] = known
        if len(self._compiled) > _TENANTS:
            self._compiled.popitem(last=False)
        return known


def named(ready: Iterable[Ready]) -> tuple[Key, ...]:
    """Return what the actions of rules name, each once, that has to be looked at when they are carried out."""
    actions = [action for one in ready for action in one.actions]
    canned = {action.canned_id for action in actions if isinstance(action, CannedAnswer)}
    webhooks = {action.webhook_id for action in actions if isinstance(action, CallWebhook)}
    return (*(Key.by_id(CannedReply, each) for each in sorted(canned)),
            *(Key.by_id(Webhook, each) for each in sorted(webhooks)))  # fmt: skip


def by_event(ready: Sequence[Ready]) -> dict[str, Rules]:
    """Return rules compiled, by the events that they answer, the timed ones with their span."""
    facts = facts_class({test.field for one in ready for test in tests_of(one.tree.node)})
    found = {}
    for event in _events(ready):
        answering = [one for one in ready if one.rule.answers(event)]
        traced = [one for one in answering if one.rule.trace_until is not None]
        found[event] = Rules(compiled([one.tree for one in answering]), answering, facts, traced)
    return found


def _events(ready: Sequence[Ready]) -> list[str]:
    """The events that any of these rules answers."""
    named = {event for one in ready for event in one.rule.events}
    spans = {
        timed_event(event, one.rule.after_s)
        for one in ready
        for event in one.rule.events
        if event in TIMED and one.rule.after_s is not None
    }
    return [*(event for event in EVENTS if event in named), *sorted(spans)]


def usable(rules: Sequence[Rule]) -> list[Ready]:
    """Return the enabled rules that can be judged."""
    return [one for rule in rules if rule.enabled and (one := _usable(rule)) is not None]


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
