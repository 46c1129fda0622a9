"""Says why the rules of a system did or did not fire on a message: what they did then, and what they would do now."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from chorally_core.api.rule_engine import rule_of
from chorally_core.api.rule_engine_views import RuleAdd
from chorally_core.commands.rules_files.files import FIELDS, NOBODY
from chorally_core.commands.rules_files.importing import Refused, stored, told
from chorally_core.commands.rules_files.judging import explained, fired, lines
from chorally_core.events import Event, TriggerEvaluate, topics
from chorally_core.services.rule_engine.model import Execution, Person, Rule

_NEVER = datetime(2000, 1, 1, tzinfo=UTC)
_EVENTS = ("message_received", "message_edited")


def explain(http: httpx.Client, ticket_id: str, message_id: str, rule: str, tell: Callable[[str], object]) -> None:
    """Print, rule by rule, what became of a message.

    Args:
        http: A client of the running system.
        ticket_id: The ticket.
        message_id: Its message; the last one that came in where empty.
        rule: Id or name of one rule; all where empty.
        tell: Prints a line.

    Raises:
        Refused: The message or the rule is not there, or the system cannot be reached.
    """
    entry = _entry(http, ticket_id, message_id)
    known = stored(http)
    asked = [each for each in known if rule in ("", each["id"], each["name"])]
    if not asked:
        raise Refused(
            f"there is no rule {rule!r}; there are {', '.join(repr(each['name']) for each in known) or 'none'}"
        )
    event, person = _event(entry), _person(http, entry.get("author_id"))
    rules = {each["id"]: _rule(each) for each in known}
    usable = [each for each in rules.values() if each is not None]
    now = {execution.rule_id: execution for execution in fired(usable, event, person)}
    then = _executions(http, ticket_id, entry["id"])
    body = str(entry["snapshot"].get("body", ""))[:200]
    tell(f"{entry['what']} at {entry['at']}: {body!r}")
    for each in asked:
        tell("")
        _one(each, rules[each["id"]], then.get(each["id"]), now.get(each["id"]), event, person, tell)


def _one(
    shown: Mapping[str, Any],
    rule: Rule | None,
    then: Mapping[str, Any] | None,
    now: Execution | None,
    event: Event[TriggerEvaluate],
    person: Person,
    tell: Callable[[str], object],
) -> None:
    """What became of a message by one rule."""
    name = f"{shown['name']!r} (version {shown['version']})"
    if then is not None:
        older = "" if then["rule_version"] == shown["version"] else f", as it was in version {then['rule_version']}"
        tell(f"{name} fired{older}")
        for line in lines(then["conditions"], "    "):
            tell(line)
        for outcome in then["outcomes"]:
            tell(
                f"    > {outcome['action']} {outcome['result']}"
                + (f": {outcome['detail']}" if outcome["detail"] else "")
            )
        return
    if rule is None:
        tell(f"{name} did not fire: this release cannot read it")
        return
    conditions = explained(rule, event, person)
    tell(f"{name} did not fire: {_why_not(rule, now, conditions, event)}")
    for line in lines(conditions, "    "):
        tell(line)


def _why_not(rule: Rule, now: Execution | None, conditions: Mapping[str, Any], event: Event[TriggerEvaluate]) -> str:
    if event.data.kind not in rule.events:
        return f"it answers {', '.join(rule.events)}, and this is {event.data.kind}"
    if not rule.enabled:
        return "it is disabled"
    if not conditions["holds"]:
        return "its conditions do not hold"
    if now is not None:
        return "it would now; it was changed since, or what is known of the author was, or something else had answered"
    return "its conditions hold, but a rule before it stops the others, or it fires only where none before it did"


def _entry(http: httpx.Client, ticket_id: str, message_id: str) -> dict[str, Any]:
    """The entry of the history that rules were judged on."""
    cursor = None
    while True:
        params: dict[str, Any] = {"ticket_id": ticket_id, "what": list(_EVENTS), "limit": 200}
        page = told(http.get("/log/v1/logs", params=params | ({"cursor": cursor} if cursor else {})))
        for entry in page["items"]:
            is_ours = entry["snapshot"].get("direction", "inbound") == "inbound"
            if (entry["message_id"] == message_id) if message_id else is_ours:
                return dict(entry)
        if not (cursor := page["next"]):
            raise Refused(f"the history of ticket {ticket_id} has no message {message_id}".rstrip())


def _event(entry: Mapping[str, Any]) -> Event[TriggerEvaluate]:
    data = TriggerEvaluate(
        log_id=entry["id"], kind=entry["what"], ticket_id=entry["ticket_id"], message_id=entry["message_id"],
        author_id=entry["author_id"], account_id=entry["account_id"], snapshot=entry["snapshot"],
        automatic=entry["automatic"], version=entry["subject_version"], actor_kind=entry["actor_kind"],
        actor_id=entry["actor_id"],
    )  # fmt: skip
    return Event(
        topic=topics.RULE_TRIGGERS, issuer="log-service", name="evaluate", data=data, id=entry["id"], tenant="file",
        key="file", occurred_at=datetime.fromisoformat(entry["at"]),
    )  # fmt: skip


def _person(http: httpx.Client, author_id: str | None) -> Person:
    """The author as they are known now; how many tickets they had is not told."""
    if author_id is None:
        return Person(id="nobody", tenant="file")
    answer = http.get(f"/author/v1/authors/{author_id}")
    author = told(answer) if answer.status_code != 404 else {}
    names = ("name", "handle", "language", "country", "followers", "blocked")
    known = {name: author[name] for name in names if author.get(name) is not None}
    return Person(id=author_id, tenant="file", author_version=1, **known)


def _executions(http: httpx.Client, ticket_id: str, log_id: str) -> dict[str, dict[str, Any]]:
    """What rules did on an entry, by their ids."""
    found: dict[str, dict[str, Any]] = {}
    cursor = None
    for _ in range(20):
        params: dict[str, Any] = {"ticket_id": ticket_id, "limit": 200} | ({"cursor": cursor} if cursor else {})
        page = told(http.get("/rule-engine/v1/executions", params=params))
        found |= {one["rule_id"]: one for one in page["items"] if one["log_id"] == log_id and one.get("fired", True)}
        if not (cursor := page["next"]):
            break
    return found


def _rule(shown: Mapping[str, Any]) -> Rule | None:
    try:
        body = RuleAdd.model_validate({name: shown[name] for name in FIELDS if shown.get(name) is not None})
    except ValueError:
        return None
    return rule_of(body, str(shown["id"]), NOBODY, _NEVER)
