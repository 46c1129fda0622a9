"""Macros: several things that are done to tickets at one go, by whoever may do each of them."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from chorally_core.api.actor import actor
from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.idempotency import IdempotencyKey, answer
from chorally_core.api.metadata_parts import Agent, Metadata, Reader, Shared, check_audience, invalid
from chorally_core.api.metadata_running import Running, TicketResult
from chorally_core.api.metadata_views import Line, Words
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems, with_etag
from chorally_core.events.ids import derived
from chorally_core.ports.canned import Audience, CannedReply
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.services.metadata import kept
from chorally_core.services.metadata.actions import MOST, Action, MacroReply, read_actions
from chorally_core.services.metadata.model import Macro

MOST_TICKETS = 100
"""Tickets that a macro is run on at one go."""

_Actions = Annotated[list[Action], Field(min_length=1, max_length=MOST)]
_TicketId = Annotated[str, Field(min_length=1, max_length=64)]


class MacroAdd(Shared):
    """Several things to be done to tickets at one go."""

    name: Line = Field(title="Name")
    description: Words = Field("", title="Description")
    actions: _Actions = Field(title="Actions", description="What is done, in this order.")


class MacroChange(BaseModel):
    """What of a macro is to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: Line | None = Field(None, title="Name")
    description: Words | None = Field(None, title="Description")
    actions: _Actions | None = Field(None, title="Actions", description="Replace all.")


class MacroView(BaseModel):
    """A macro as it is."""

    id: str = Field(title="Id")
    version: int = Field(title="Version", description="Goes up with each change; also the ETag.")
    name: str = Field(title="Name")
    description: str = Field(title="Description")
    audience: Audience = Field(title="Audience")
    team_id: str | None = Field(title="Team")
    owner_id: str | None = Field(title="Owner", description="Whose it is, where it is personal.")
    actions: list[dict[str, Any]] = Field(title="Actions")
    created_at: datetime = Field(title="Created")
    created_by: str = Field(title="Created by")
    changed_at: datetime = Field(title="Changed")
    changed_by: str = Field(title="Changed by")

    @classmethod
    def of(cls, macro: Macro) -> "MacroView":
        """Return a macro as the API shows it."""
        same = {name: getattr(macro, name) for name in cls.model_fields if name != "actions"}
        return cls(actions=list(macro.actions), **same)


class Run(BaseModel):
    """On what a macro is run."""

    model_config = ConfigDict(extra="forbid")

    ticket_ids: list[_TicketId] = Field(title="Tickets", min_length=1, max_length=MOST_TICKETS)
    versions: dict[_TicketId, int] = Field(
        {},
        title="Versions",
        max_length=MOST_TICKETS,
        description="Of tickets as they were seen; others are left alone.",
    )


class RunView(BaseModel):
    """What came of running a macro."""

    results: list[TicketResult] = Field(title="Results", description="One for each ticket, in the order asked for.")


def macros_router(parts: Metadata) -> APIRouter:
    """Return the routes of macros."""
    router = APIRouter(prefix="/macros", tags=["macros"], responses=problems(401, 403, 429))
    running = Running(parts)

    @router.get("", summary="List macros", responses=problems(400))
    async def list_macros(caller: Reader, limit: Limit = 50, cursor: Cursor = None) -> Page[MacroView]:
        """Return the macros that you may use, by name: those shared, your teams', your own."""
        after = decode_cursor(cursor, str, str) if cursor else None
        found = await parts.listed(Macro, caller, limit, (after[0], after[1]) if after else None)
        items, following = paged(found[: limit + 1], limit, lambda each: (each.name, each.id))
        return Page(items=[MacroView.of(each) for each in items], next=following)

    @router.get("/{macro_id}", summary="Show a macro", responses={200: with_etag("The macro."), **problems(404)})
    async def show_macro(macro_id: str, caller: Reader, response: Response) -> MacroView:
        """Return one macro."""
        macro = await parts.seen(Macro, macro_id, caller)
        response.headers["ETag"] = etag(macro.version)
        return MacroView.of(macro)

    @router.post(
        "",
        status_code=201,
        summary="Add a macro",
        response_model=MacroView,
        responses={201: with_etag("The macro."), **problems(409)},
    )
    async def add_macro(body: MacroAdd, request: Request, caller: Agent, key: IdempotencyKey = None) -> Response:
        """Add a macro for yourself; for a team or everybody with `metadata:write`."""

        async def make(name: str) -> Response:
            at, whose = parts.now(), await parts.whose(body, caller)
            await _check_replies(parts, body.actions, caller)
            new = Macro(
                id=name, tenant=caller.tenant, name=body.name, description=body.description,
                actions=_stored(body.actions), created_at=at, created_by=caller.subject, changed_at=at,
                changed_by=caller.subject, **whose,
            )  # fmt: skip
            await parts.actions.act(
                [Key.by_id(Macro, name)],
                lambda found: kept.add(found.get(Macro, name), new, actor=actor(caller), cause=derived("macro", name)),
            )
            made = await parts.seen(Macro, name, caller)
            headers = {"ETag": etag(made.version), "Location": f"/metadata/v1/macros/{name}"}
            return answer(MacroView.of(made), 201, headers)

        return await parts.once(request, caller, key, make)

    @router.patch(
        "/{macro_id}",
        summary="Change a macro",
        responses={200: with_etag("The macro as it is now."), **problems(404, 409, 412)},
    )
    async def change_macro(
        macro_id: str, body: MacroChange, caller: Agent, response: Response, if_match: IfMatch = None
    ) -> MacroView:
        """Change what is named."""
        at, cause = parts.now(), parts.new_id()
        await parts.changed(Macro, macro_id, caller)
        changes: dict[str, Any] = {
            name: value for name in body.model_fields_set if (value := getattr(body, name)) is not None
        }
        if body.actions is not None:
            await _check_replies(parts, body.actions, caller)
            changes["actions"] = _stored(body.actions)

        def decide(found: Found) -> Change:
            known = _known(found.get(Macro, macro_id), caller)
            check_match(if_match, known.version)
            new = kept.revised(known, changes, caller.subject, at)
            return kept.change(known, new, actor=actor(caller), cause=cause)

        await parts.actions.act([Key.by_id(Macro, macro_id)], decide)
        macro = await parts.seen(Macro, macro_id, caller)
        response.headers["ETag"] = etag(macro.version)
        return MacroView.of(macro)

    @router.delete("/{macro_id}", status_code=204, summary="Remove a macro", responses=problems(404, 409, 412))
    async def remove_macro(macro_id: str, caller: Agent, if_match: IfMatch = None) -> None:
        """Remove a macro; what it did stays."""
        at, cause = parts.now(), parts.new_id()
        await parts.changed(Macro, macro_id, caller)

        def decide(found: Found) -> Change:
            known = _known(found.get(Macro, macro_id), caller)
            check_match(if_match, known.version)
            return kept.remove(known, actor=actor(caller), at=at, cause=cause)

        await parts.actions.act([Key.by_id(Macro, macro_id)], decide)

    @router.post("/{macro_id}/run", summary="Run a macro", response_model=RunView, responses=problems(404, 409))
    async def run_macro(
        macro_id: str, body: Run, request: Request, caller: Agent, key: IdempotencyKey = None
    ) -> Response:
        """Do to each ticket what a macro says, with your permissions; what fails is told, and ends that ticket.

        The same request under the same `Idempotency-Key` does nothing twice, wherever it was broken off.
        """

        async def make(name: str) -> Response:
            macro = await parts.seen(Macro, macro_id, caller)
            actions = read_actions(macro.actions)
            results = [
                await running.on(ticket_id, actions, caller, name, body.versions.get(ticket_id))
                for ticket_id in dict.fromkeys(body.ticket_ids)
            ]
            return answer(RunView(results=results))

        return await parts.once(request, caller, key, make)

    return router


async def _check_replies(parts: Metadata, actions: list[Action], caller: Caller) -> None:
    """Refuse a macro with a canned reply that its author does not see."""
    for number, action in enumerate(actions):
        if isinstance(action, MacroReply) and action.canned_id is not None:
            try:
                await parts.seen(CannedReply, action.canned_id, caller)
            except Problem as error:
                raise invalid(f"actions/{number}/canned_id", error.detail) from None


def _stored(actions: list[Action]) -> tuple[dict[str, Any], ...]:
    return tuple(action.model_dump(mode="json") for action in actions)


def _known(macro: Macro | None, caller: Caller) -> Macro:
    if macro is None or macro.tenant != caller.tenant:
        raise Problem(404, "there is no such macro", code="unknown-macro")
    check_audience(macro.audience, caller)
    return macro
