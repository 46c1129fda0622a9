"""The rule engine's API, at ``/rule-engine/v1``: rules, what they did, and what they would do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response

from chorally_core.api import problem
from chorally_core.api.actor import actor
from chorally_core.api.auth import allowed
from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.idempotency import IdempotencyKey, Once, answer
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, encode_cursor
from chorally_core.api.problem import Problem
from chorally_core.api.responses import describe, problems, with_etag
from chorally_core.api.rule_engine_checks import check_change, checked
from chorally_core.api.rule_engine_views import RuleAdd, RuleChange, RuleOrder, RuleView
from chorally_core.events.ids import derived
from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import Documents, Key
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.identity import Caller, Identity
from chorally_core.ports.permissions import Permission
from chorally_core.services.rule_engine import commands
from chorally_core.services.rule_engine.engine import Offers, Ready
from chorally_core.services.rule_engine.model import Listed, Rule, Ruleset
from chorally_core.services.rule_engine.plugged import NONE, Plugged
from chorally_sdk.rule_plugins import Broken

Reader = Annotated[Caller, allowed(Permission.RULES_READ)]
Writer = Annotated[Caller, allowed(Permission.RULES_WRITE)]


@dataclass(kw_only=True)
class RuleEngine:
    """What the API needs."""

    documents: Documents
    actions: Actions
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    plugged: Plugged = NONE
    """Actions that plugins add."""
    broken: Sequence[Broken] = ()
    """Plugins whose actions cannot be used."""
    offers: Offers = lambda channel, option: False
    """Whether answers on a channel take an option."""

    @cached_property
    def once(self) -> Once:
        """Carries out writes under an ``Idempotency-Key``."""
        return Once(self.documents, now=self.now, new_id=self.new_id)

    async def listed(self, tenant: str) -> tuple[Listed, ...]:
        """Return the places of a tenant's rules, in their order."""
        ruleset = await self.documents.get(Ruleset, tenant)
        return ruleset.rules if ruleset is not None else ()

    async def read(self, places: Sequence[Listed]) -> list[Rule]:
        """Return the rules in these places; those that were replaced meanwhile are left out."""
        keys = [Key.by_id(Rule, listed.stored) for listed in places]
        found = await self.documents.load(keys)
        return [rule for key in keys if isinstance(rule := found.get(key), Rule)]

    async def checked(self, rule: Rule, within: str = "/body") -> Ready:
        """Return a rule ready to be judged.

        Raises:
            Problem: 422; names each place that cannot be used.
        """
        return await checked(self.documents, self.plugged, rule, within)

    async def own(self, rule_id: str, caller: Caller) -> tuple[Rule, int]:
        """Return a rule of the caller's tenant, and its place from 1.

        Raises:
            Problem: 404, there is none.
        """
        for order, listed in enumerate(await self.listed(caller.tenant), 1):
            if listed.id == rule_id and (rules := await self.read([listed])):
                return rules[0], order
        raise Problem(404, "there is no such rule")


def create_app(identity: Identity, *routers: APIRouter) -> FastAPI:
    """Return the application to mount at ``/rule-engine/v1``."""
    app = FastAPI(
        title="Chorally rule engine",
        version="1",
        description="Conditions on what happens, and what is done where they hold.",
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.identity = identity
    problem.install(app)
    describe(app)
    for router in routers:
        app.include_router(router)
    return app


def rules_router(parts: RuleEngine) -> APIRouter:
    """Return the routes of rules."""
    router = APIRouter(prefix="/rules", tags=["rules"], responses=problems(401, 403, 429))

    @router.get("", summary="List rules", responses=problems(400))
    async def list_rules(caller: Reader, limit: Limit = 50, cursor: Cursor = None) -> Page[RuleView]:
        """Return the tenant's rules in the order in which they are judged."""
        begin = max(decode_cursor(cursor, int)[0], 0) if cursor else 0
        places = await parts.listed(caller.tenant)
        rules = {rule.id: rule for rule in await parts.read(places[begin : begin + limit])}
        items = [
            RuleView.of(rules[listed.stored], order)
            for order, listed in enumerate(places[begin : begin + limit], begin + 1)
            if listed.stored in rules
        ]
        following = encode_cursor((begin + limit,)) if begin + limit < len(places) else None
        return Page[RuleView](items=items, next=following)

    @router.put("/order", status_code=204, summary="Order rules", responses=problems(409))
    async def order_rules(body: RuleOrder, caller: Writer) -> None:
        """Judge the rules in this order from now on."""
        at, cause = parts.now(), parts.new_id()

        def decide(found: Found) -> Change:
            return commands.reorder(found, caller.tenant, body.rule_ids, actor=actor(caller), at=at, cause=cause)

        await parts.actions.act([commands.key(caller.tenant)], decide)

    @router.get("/{rule_id}", summary="Show a rule", responses={200: with_etag("The rule."), **problems(404)})
    async def show_rule(rule_id: str, caller: Reader, response: Response) -> RuleView:
        """Return one rule."""
        rule, order = await parts.own(rule_id, caller)
        response.headers["ETag"] = etag(rule.number)
        return RuleView.of(rule, order)

    @router.post(
        "",
        status_code=201,
        summary="Add a rule",
        response_model=RuleView,
        responses={201: with_etag("The rule, behind the others."), **problems(409)},
    )
    async def add_rule(body: RuleAdd, request: Request, caller: Writer, key: IdempotencyKey = None) -> Response:
        """Add a rule; it holds for what happens from now on."""

        async def make(name: str) -> Response:
            rule = rule_of(body, name, caller, parts.now())
            await parts.checked(rule)

            def decide(found: Found) -> Change:
                ruleset = found.get(Ruleset, caller.tenant)
                if ruleset is not None and ruleset.find(name) is not None:
                    return NOTHING
                return commands.put(found, rule, actor=actor(caller), cause=derived("rule-added", name))

            await parts.actions.act([commands.key(caller.tenant)], decide)
            made, order = await parts.own(name, caller)
            headers = {"ETag": etag(made.number), "Location": f"/rule-engine/v1/rules/{name}"}
            return answer(RuleView.of(made, order), 201, headers)

        return await parts.once(request, caller, key, make)

    @router.patch(
        "/{rule_id}",
        summary="Change, enable or disable a rule",
        responses={200: with_etag("The rule as it is now."), **problems(404, 409, 412)},
    )
    async def change_rule(
        rule_id: str, body: RuleChange, caller: Writer, response: Response, if_match: IfMatch = None
    ) -> RuleView:
        """Change what is named; it holds for what happens from now on."""
        known, order = await parts.own(rule_id, caller)
        check_match(if_match, known.number)
        rule = _changed(known, body, caller, parts.now())
        if rule is not known:
            await check_change(parts.documents, parts.plugged, rule, known)
            cause = parts.new_id()
            await parts.actions.act(
                [commands.key(caller.tenant)],
                lambda found: commands.put(found, rule, before=known, actor=actor(caller), cause=cause),
            )
        response.headers["ETag"] = etag(rule.number)
        return RuleView.of(rule, order)

    @router.delete("/{rule_id}", status_code=204, summary="Remove a rule", responses=problems(404, 409, 412))
    async def remove_rule(rule_id: str, caller: Writer, if_match: IfMatch = None) -> None:
        """Remove a rule; what it did stays to be seen."""
        known, _ = await parts.own(rule_id, caller)
        at, cause = parts.now(), parts.new_id()

        def decide(found: Found) -> Change:
            ruleset = found.get(Ruleset, caller.tenant)
            listed = None if ruleset is None else ruleset.find(rule_id)
            if listed is not None:
                check_match(if_match, listed.number)
            return commands.remove(found, known, actor=actor(caller), at=at, cause=cause)

        await parts.actions.act([commands.key(caller.tenant)], decide)

    return router


def rule_of(body: RuleAdd, name: str, caller: Caller, at: datetime) -> Rule:
    """Return the rule that a request describes."""
    return Rule(
        id="", tenant=caller.tenant, rule_id=name, number=1, name=body.name, description=body.description,
        events=tuple(dict.fromkeys(body.events)), conditions=body.conditions, actions=_stored(body.actions),
        mode=body.mode, stop=body.stop, enabled=body.enabled, after_s=_seconds(body.after),
        trace_until=body.trace_until, created_at=at, created_by=caller.subject, changed_at=at,
        changed_by=caller.subject,
    )  # fmt: skip


def _changed(known: Rule, body: RuleChange, caller: Caller, at: datetime) -> Rule:
    """The next version of a rule; the same where nothing changes."""
    new: dict[str, Any] = {name: value for name in body.model_fields_set if (value := getattr(body, name)) is not None}
    if "events" in new:
        new["events"] = tuple(dict.fromkeys(new["events"]))
    if "actions" in new:
        new["actions"] = _stored(new["actions"])
    new.pop("after", None)
    if "after" in body.model_fields_set:
        new["after_s"] = _seconds(body.after)
    if "trace_until" in body.model_fields_set:
        new["trace_until"] = body.trace_until
    if all(value == getattr(known, name) for name, value in new.items()):
        return known
    return msgspec.structs.replace(
        known, **new, version=0, number=known.number + 1, changed_at=at, changed_by=caller.subject
    )


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _stored(actions: Sequence[Any]) -> tuple[dict[str, Any], ...]:
    return tuple(action.model_dump(mode="json") for action in actions)
