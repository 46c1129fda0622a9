"""Merging tickets, undoing that, and splitting messages off into a ticket of their own."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from chorally_core.api.actor import actor
from chorally_core.api.auth import allowed
from chorally_core.api.etag import IfMatch, check_match
from chorally_core.api.idempotency import IdempotencyKey, Once, answer
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems
from chorally_core.events import Data, TicketMerge, TicketSplit, TicketUnmerge
from chorally_core.events.ids import derived
from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import Documents, Key
from chorally_core.ports.handlers import Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.ports.permissions import Permission
from chorally_core.services.message import merging, splitting
from chorally_core.services.message.model import Message, Ticket

Writer = Annotated[Caller, allowed(Permission.TICKETS_WRITE)]


class MergeSet(BaseModel):
    """The ticket that goes on."""

    model_config = ConfigDict(extra="forbid")

    into: str = Field(title="Ticket", min_length=1, max_length=64, description="Goes on for both; must be unresolved.")


class SplitAdd(BaseModel):
    """Messages that get a ticket of their own."""

    model_config = ConfigDict(extra="forbid")

    messages: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(
        title="Messages", min_length=1, max_length=splitting.MOST_SPLIT, description="Ids of messages of the ticket."
    )
    subject: str = Field("", title="Subject", max_length=500, description="Of the new ticket.")


class Asked(BaseModel):
    """What was asked for; it is done at once, after what was asked for before it."""

    ticket_id: str = Field(title="Ticket", description="The ticket to look at: the one that goes on, or the new one.")


def merging_router(documents: Documents, actions: Actions, once: Once, now: Callable[[], datetime]) -> APIRouter:
    """Return the routes of merges and splits."""
    router = APIRouter()

    async def own(ticket_id: str, caller: Caller) -> Ticket:
        return _owned(await documents.get(Ticket, ticket_id), caller)

    async def ask(
        keys: list[Key], caller: Caller, name: str, data: Data, cause: str, check: Callable[[Found], str]
    ) -> None:
        def decide(found: Found) -> Change:
            if why := check(found):
                raise Problem(409, why, code="not-possible")
            return Change((), (merging.asked_for(data, name, caller.tenant, cause, now()),))

        await actions.act(keys, decide)

    @router.post(
        "/{ticket_id}/merge", status_code=202, summary="Merge a ticket into another", response_model=Asked,
        responses=problems(404, 409, 412),
    )  # fmt: skip
    async def merge_ticket(
        ticket_id: str, body: MergeSet, request: Request, caller: Writer, key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response:  # fmt: skip
        """Have one ticket go on for two: its list of messages has both, and what comes later joins it."""
        check_match(if_match, (await own(ticket_id, caller)).version)
        await own(body.into, caller)

        async def make(name: str) -> Response:
            kind, who = actor(caller)
            data = TicketMerge(ticket_id=ticket_id, into_id=body.into, actor_kind=kind, actor_id=who)

            def check(found: Found) -> str:
                ticket = _owned(found.get(Ticket, ticket_id), caller)
                return merging.why_not(ticket, _owned(found.get(Ticket, body.into), caller))

            keys = [Key.by_id(Ticket, ticket_id), Key.by_id(Ticket, body.into)]
            await ask(keys, caller, "merge", data, derived("merge", name), check)
            return answer(Asked(ticket_id=body.into), 202, {"Location": f"/message/v1/tickets/{body.into}"})

        return await once(request, caller, key, make)

    @router.post(
        "/{ticket_id}/unmerge", status_code=202, summary="Undo a merge", response_model=Asked,
        responses=problems(404, 409),
    )  # fmt: skip
    async def unmerge_ticket(ticket_id: str, request: Request, caller: Writer, key: IdempotencyKey = None) -> Response:
        """Have a merged ticket stand by itself again, with the messages that it had; later ones stay where they are."""
        await own(ticket_id, caller)

        async def make(name: str) -> Response:
            kind, who = actor(caller)
            data = TicketUnmerge(ticket_id=ticket_id, actor_kind=kind, actor_id=who)

            def check(found: Found) -> str:
                merged = _owned(found.get(Ticket, ticket_id), caller).merged_into
                return "" if merged is not None else "the ticket is not merged; there is nothing to undo"

            await ask([Key.by_id(Ticket, ticket_id)], caller, "unmerge", data, derived("unmerge", name), check)
            return answer(Asked(ticket_id=ticket_id), 202, {"Location": f"/message/v1/tickets/{ticket_id}"})

        return await once(request, caller, key, make)

    @router.post(
        "/{ticket_id}/split", status_code=202, summary="Split messages off into a new ticket", response_model=Asked,
        responses=problems(404, 409),
    )  # fmt: skip
    async def split_ticket(
        ticket_id: str, body: SplitAdd, request: Request, caller: Writer, key: IdempotencyKey = None
    ) -> Response:
        """Open a ticket for some messages of one person; what the person writes next comes to the old one."""
        await own(ticket_id, caller)
        names = tuple(dict.fromkeys(body.messages))

        async def make(name: str) -> Response:
            kind, who = actor(caller)
            data = TicketSplit(
                ticket_id=ticket_id, into_id=name, message_ids=names, subject=body.subject, actor_kind=kind,
                actor_id=who,
            )  # fmt: skip

            def check(found: Found) -> str:
                messages = [message for each in names if (message := found.get(Message, each)) is not None]
                if len(messages) < len(names):
                    return "a message is not of this ticket; name only such as are"
                return splitting.why_not(_owned(found.get(Ticket, ticket_id), caller), messages)

            keys = [Key.by_id(Ticket, ticket_id), *(Key.by_id(Message, each) for each in names)]
            await ask(keys, caller, "split", data, derived("split", name), check)
            return answer(Asked(ticket_id=name), 202, {"Location": f"/message/v1/tickets/{name}"})

        return await once(request, caller, key, make)

    return router


def _owned(ticket: Ticket | None, caller: Caller) -> Ticket:
    if ticket is None or ticket.tenant != caller.tenant:
        raise Problem(404, "there is no such ticket")
    return ticket
