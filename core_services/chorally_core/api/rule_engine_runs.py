"""The routes of what rules did, what they would do, and what they are made of."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from fastapi import Query as Parameter

from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems
from chorally_core.api.rule_engine import Reader, RuleEngine, rule_of
from chorally_core.api.rule_engine_schema import RuleSchema, rule_schema
from chorally_core.api.rule_engine_views import (
    DraftRun,
    DryRun,
    DryRunView,
    ExecutionView,
    MatchView,
    OutcomeView,
)
from chorally_core.events import Event, TriggerEvaluate, topics
from chorally_core.events.ids import before
from chorally_core.ports.calendars import Calendar, Calendars, Hours
from chorally_core.ports.documents import Condition, Document, Documents, Key, Query
from chorally_core.ports.handlers import Found
from chorally_core.ports.triggers import OF_TICKETS, TRIGGERS
from chorally_core.services.log.model import LogEntry
from chorally_core.services.rule_engine.engine import Ready, named
from chorally_core.services.rule_engine.happened import person_id
from chorally_core.services.rule_engine.model import TIMED, Execution, Person, Rule
from chorally_core.services.rule_engine.planning import Means
from chorally_core.services.rule_engine.trying import Match, Past, tried

_PAGE = 200
_SHOWN = 200


def runs_router(parts: RuleEngine) -> APIRouter:
    """Return the routes that try rules on what happened."""
    router = APIRouter(prefix="/rules", tags=["trying"], responses=problems(401, 403, 429))

    @router.post("/dry-run", summary="Try a rule that is not stored")
    async def try_draft(body: DraftRun, caller: Reader) -> DryRunView:
        """Judge what happened by a rule as it is sent; nothing is done."""
        ready = await parts.checked(rule_of(body.rule, "draft", caller, parts.now()), "/body/rule")
        return await _tried(parts, caller.tenant, ready, body)

    @router.post("/{rule_id}/dry-run", summary="Try a rule", responses=problems(404))
    async def try_rule(rule_id: str, body: DryRun, caller: Reader) -> DryRunView:
        """Judge what happened by a rule, enabled or not; nothing is done."""
        rule, _ = await parts.own(rule_id, caller)
        return await _tried(parts, caller.tenant, await parts.checked(rule), body)

    return router


def executions_router(parts: RuleEngine) -> APIRouter:
    """Return the routes of what rules did."""
    router = APIRouter(prefix="/executions", tags=["executions"], responses=problems(401, 403, 429))

    @router.get("", summary="List executions", responses=problems(400))
    async def list_executions(
        caller: Reader,
        rule_id: Annotated[str | None, Parameter(title="Rule", description="Only of this rule.")] = None,
        ticket_id: Annotated[str | None, Parameter(title="Ticket", description="Only on this ticket.")] = None,
        author_id: Annotated[str | None, Parameter(title="Author", description="Only about this person.")] = None,
        fired: Annotated[
            bool | None, Parameter(title="Fired", description="False: why traced rules did not fire; else both.")
        ] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[ExecutionView]:
        """Return which rules fired and why, and why traced ones did not, the newest first."""
        filters = (("rule_id", rule_id), ("ticket_id", ticket_id), ("author_id", author_id))
        where = tuple(Condition(name, "is", value) for name, value in filters if value is not None)
        if fired is not None:
            where = (*where, Condition("fired", "absent") if fired else Condition("fired", "is", False))
        after = (None, decode_cursor(cursor, str)[0]) if cursor else None
        query = Query(Execution, caller.tenant, where, descending=True, limit=limit + 1, after=after)
        found: list[Execution] = await parts.documents.find(query)
        items, following = paged(found, limit, lambda execution: (execution.id,))
        return Page[ExecutionView](items=[ExecutionView.of(each) for each in items], next=following)

    @router.get("/{execution_id}", summary="Show an execution", responses=problems(404))
    async def show_execution(execution_id: str, caller: Reader) -> ExecutionView:
        """Return one execution with the value of each condition."""
        found = await parts.documents.get(Execution, execution_id)
        if found is None or found.tenant != caller.tenant:
            raise Problem(404, "there is no such execution")
        return ExecutionView.of(found)

    return router


def schema_router(parts: RuleEngine) -> APIRouter:
    """Return the route that tells what rules are made of."""
    router = APIRouter(tags=["schema"], responses=problems(401, 403, 429))

    @router.get("/schema", summary="Show what rules are made of")
    async def show_schema(_: Reader) -> RuleSchema:
        """Return the fields, operators, events, actions and variables that rules may use."""
        return rule_schema(parts.plugged, parts.broken)

    return router


async def _tried(parts: RuleEngine, tenant: str, ready: Ready, wanted: DryRun) -> DryRunView:
    kinds = _kinds(ready.rule)
    events = await _happened(parts, tenant, kinds, wanted.events, wanted.until)
    keys = [Key.by_id(Person, name) for name in {person_id(event) for event in events}]
    loaded = await parts.documents.load(keys) if keys else {}
    people = {person.id: person for person in loaded.values() if isinstance(person, Person) and person.tenant == tenant}
    ends = min(wanted.until or parts.now(), parts.now())
    past = Past(events, ends, people, await _hours(parts.documents, tenant))
    found = tried(ready, past, Means(await _named(parts.documents, ready), parts.plugged, parts.offers))
    asked = Counter(o.action for match in found.matches for o in match.outcomes if o.result == "asked")
    return DryRunView(
        judged=found.judged,
        matched=len(found.matches),
        actions=dict(asked),
        matches=[_shown(match) for match in found.matches[: wanted.shown]],
    )


def _kinds(rule: Rule) -> Sequence[str]:
    """The facts that a rule is tried on; what it waits for counts from more of them than it answers."""
    own = [event for event in rule.events if event not in TIMED]
    return own if len(own) == len(rule.events) else sorted({*TRIGGERS, *OF_TICKETS})


async def _named(documents: Documents, ready: Ready) -> Found:
    """The canned replies that a rule answers with, and the webhooks that it calls."""
    keys = named([ready])
    found: dict[Key, Document] = await documents.load(keys) if keys else {}
    return Found({(key.of, key.field, key.value): document for key, document in found.items()}, lambda *_: 0)


async def _hours(documents: Documents, tenant: str) -> Callable[[str], Hours | None]:
    """The hours of the tenant's calendars as they are now."""
    listed = await documents.get(Calendars, tenant)
    places = {each.id: Key.by_id(Calendar, each.stored) for each in listed.calendars} if listed is not None else {}
    found = await documents.load(list(places.values())) if places else {}
    hours = {name: each.hours for name, key in places.items() if isinstance(each := found.get(key), Calendar)}
    return hours.get


async def _happened(
    parts: RuleEngine, tenant: str, kinds: Sequence[str], most: int, until: datetime | None
) -> list[Event[TriggerEvaluate]]:
    """The newest events of these kinds, as the history has them, the earliest first."""
    where = [Condition("what", "in", tuple(kinds))]
    if until is not None:
        where.append(Condition("id", "<", before(until)))
    found: list[LogEntry] = []
    after = None
    while len(found) < most:
        limit = min(_PAGE, most - len(found))
        query = Query(LogEntry, tenant, tuple(where), descending=True, limit=limit, after=after)
        page: list[LogEntry] = await parts.documents.find(query)
        found += page
        if len(page) < limit:
            break
        after = (None, page[-1].id)
    return [_as_trigger(entry) for entry in reversed(found)]


def _as_trigger(entry: LogEntry) -> Event[TriggerEvaluate]:
    data = TriggerEvaluate(
        log_id=entry.id, kind=entry.what, ticket_id=entry.ticket_id, message_id=entry.message_id,
        author_id=entry.author_id, account_id=entry.account_id, snapshot=entry.snapshot, automatic=entry.automatic,
        version=entry.subject_version, actor_kind=entry.actor_kind, actor_id=entry.actor_id,
    )  # fmt: skip
    return Event(
        topic=topics.RULE_TRIGGERS, issuer="log-service", name="evaluate", data=data, id=entry.id,
        tenant=entry.tenant, key=entry.tenant, occurred_at=entry.at, depth=entry.depth,
    )  # fmt: skip


def _shown(match: Match) -> MatchView:
    trigger = match.event.data
    return MatchView(
        log_id=trigger.log_id,
        at=match.event.occurred_at,
        ticket_id=trigger.ticket_id,
        message_id=trigger.message_id,
        text=trigger.snapshot.get("body", "")[:_SHOWN],
        conditions=dict(match.conditions),
        outcomes=[OutcomeView(action=o.action, result=o.result, detail=o.detail) for o in match.outcomes],
    )
