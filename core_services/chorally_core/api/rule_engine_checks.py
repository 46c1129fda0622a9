"""Whether a rule can be used: each place that cannot is named, with what would do."""

from collections.abc import Mapping
from datetime import timedelta

from pydantic import ValidationError

from chorally_core.api.problem import Problem
from chorally_core.ports.calendars import Calendars
from chorally_core.ports.canned import CannedReply
from chorally_core.ports.documents import Documents, Key
from chorally_core.ports.storable import mistake_in
from chorally_core.ports.webhooks import Webhook
from chorally_core.services.rule_engine.actions import CallWebhook, CannedAnswer, PluggedAction
from chorally_core.services.rule_engine.catalogue import is_of_calendar
from chorally_core.services.rule_engine.conditions import Node, Test, parts_of
from chorally_core.services.rule_engine.engine import Ready, made_ready
from chorally_core.services.rule_engine.judging import BadConditions
from chorally_core.services.rule_engine.model import TIMED, Rule
from chorally_core.services.rule_engine.plugged import BadParameters, Plugged

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=365)
"""How long rules may wait."""
TRACE = timedelta(days=1)
"""How long it may be kept why a rule does not fire."""


async def checked(documents: Documents, plugged: Plugged, rule: Rule, within: str = "/body") -> Ready:
    """Return a rule ready to be judged.

    Args:
        documents: Where calendars and canned replies are, which it may name.
        plugged: Actions that plugins add.
        rule: The rule.
        within: The place of the rule in the request.

    Raises:
        Problem: 422; names each place that cannot be used.
    """
    faults = _texts(rule) or _timing(rule)
    if not faults:
        try:
            ready = made_ready(rule)
            faults = {**_plugged(ready, plugged), **await _named(documents, ready)}
            if not faults:
                return ready
        except BadConditions as error:
            faults = {f"conditions/{place.replace('.', '/')}": what for place, what in error.faults.items()}
        except ValidationError as error:
            faults = {_place(each["loc"]): str(each["msg"]) for each in error.errors()}
    raise _refused(faults, within)


async def check_change(documents: Documents, plugged: Plugged, rule: Rule, before: Rule) -> None:
    """Let pass a rule that can be used, and one that is stopped or renamed whatever it names that is gone.

    Args:
        documents: Where calendars, webhooks and canned replies are, which it may name.
        plugged: Actions that plugins add.
        rule: As it shall be.
        before: As it is.

    Raises:
        Problem: 422; names each place that cannot be used.
    """
    is_begun = rule.enabled and not before.enabled
    if is_begun or (rule.conditions, rule.actions) != (before.conditions, before.actions):
        await checked(documents, plugged, rule)
    elif faults := _texts(rule) or _timing(rule):
        raise _refused(faults, "/body")


def _texts(rule: Rule) -> dict[str, str]:
    """The texts that cannot be stored, by their place."""
    given = {"name": rule.name, "description": rule.description, "conditions": rule.conditions}
    return {place: why for place, value in given.items() if (why := mistake_in(value))}


def _refused(faults: Mapping[str, str], within: str) -> Problem:
    errors = [{"field": f"{within}/{place}", "message": what} for place, what in faults.items()]
    return Problem(422, "the rule cannot be used; see errors", code="invalid", errors=errors)


def _timing(rule: Rule) -> dict[str, str]:
    waits = [event for event in rule.events if event in TIMED]
    if waits and rule.after_s is None:
        return {"after": f"say after how long {waits[0]} is told, such as PT24H"}
    if rule.after_s is not None and not waits:
        return {"after": f"is for the events {', '.join(TIMED)} only; leave it out, or name one of them"}
    if rule.after_s is not None and not SHORTEST.total_seconds() <= rule.after_s <= LONGEST.total_seconds():
        return {"after": "must be from a minute to a year, such as PT4H or P1D"}
    if rule.trace_until is not None and rule.trace_until > rule.changed_at + TRACE:
        return {"trace_until": "must be within a day from now"}
    return {}


def _plugged(ready: Ready, plugged: Plugged) -> Mapping[str, str]:
    faults: dict[str, str] = {}
    for number, action in enumerate(ready.actions):
        if isinstance(action, PluggedAction):
            try:
                plugged.check(action)
            except BadParameters as error:
                faults |= {f"actions/{number}/{place}".rstrip("/"): what for place, what in error.faults.items()}
    return faults


async def _named(documents: Documents, ready: Ready) -> Mapping[str, str]:
    """The places that name a calendar, a webhook or a canned reply that is not there."""
    tenant = ready.rule.tenant
    calendars = dict(_calendars(ready.tree.node, "conditions"))
    canned = {n: each.canned_id for n, each in enumerate(ready.actions) if isinstance(each, CannedAnswer)}
    webhooks = {n: each.webhook_id for n, each in enumerate(ready.actions) if isinstance(each, CallWebhook)}
    keys = [Key.by_id(CannedReply, name) for name in canned.values()]
    keys += [Key.by_id(Webhook, name) for name in webhooks.values()]
    if calendars:
        keys.append(Key.by_id(Calendars, tenant))
    if not keys:
        return {}
    found = await documents.load(keys)
    listed = found.get(Key.by_id(Calendars, tenant))
    there = {each.id for each in listed.calendars} if isinstance(listed, Calendars) else set[str]()
    faults = {
        f"{place}/field": f"there is no calendar {name!r}; GET /rule/v1/calendars lists them"
        for place, name in calendars.items()
        if name not in there
    }
    for number, name in webhooks.items():
        webhook = found.get(Key.by_id(Webhook, name))
        if webhook is None or webhook.tenant != tenant:
            faults[f"actions/{number}/call_webhook/webhook_id"] = "there is no such webhook; add it at /log/v1/webhooks"
    for number, name in canned.items():
        reply = found.get(Key.by_id(CannedReply, name))
        if reply is None or reply.tenant != tenant:
            faults[f"actions/{number}/canned_reply/canned_id"] = "there is no such canned reply"
        elif isinstance(reply, CannedReply) and reply.audience == "personal":
            faults[f"actions/{number}/canned_reply/canned_id"] = "the canned reply is a person's own; share it first"
    return faults


def _calendars(node: Node, place: str) -> list[tuple[str, str]]:
    """Each test of a calendar, by its place, with the calendar's id."""
    if isinstance(node, Test):
        return [(place, node.field.partition("@")[2])] if is_of_calendar(node.field) else []
    group = next(name for name in ("all", "any", "none") if hasattr(node, name))
    return [
        found for number, part in enumerate(parts_of(node)) for found in _calendars(part, f"{place}/{group}/{number}")
    ]


def _place(loc: tuple[int | str, ...]) -> str:
    """Where in the conditions something is wrong, without the names that the parser gives the kinds of nodes."""
    parts, is_node = ["conditions"], True
    for part in loc[1:]:
        if not is_node:
            parts.append(str(part))
        is_node = isinstance(part, int)
    return "/".join(parts)
