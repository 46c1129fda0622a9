"""Runs macros on tickets: each step is one commit, known by its run, so that a repeated run does nothing twice."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, Field

from chorally_core.api.actor import actor
from chorally_core.api.etag import check_match, etag
from chorally_core.api.message_sending import Sending
from chorally_core.api.message_views import MessageAdd
from chorally_core.api.metadata_filling import Filling
from chorally_core.api.metadata_parts import Metadata
from chorally_core.api.problem import Problem
from chorally_core.events.ids import derived
from chorally_core.ports import metadata
from chorally_core.ports.canned import CannedReply
from chorally_core.ports.documents import Conflict, Key
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.ports.tags import TagSet
from chorally_core.ports.variables import filled
from chorally_core.services.message import commands
from chorally_core.services.message.changes import Actor, InvalidChange, settled
from chorally_core.services.message.model import Message, Ticket
from chorally_core.services.metadata import actions as wanted

_REMEMBERED = 16


class ActionResult(BaseModel):
    """What came of one action on one ticket."""

    type: str = Field(title="Type")
    result: Literal["done", "unchanged", "failed", "not_tried"] = Field(
        title="Result", description="`unchanged`: it was so already. `not_tried`: an action before it failed."
    )
    detail: str = Field("", title="Detail", description="Why it failed, and what to do.")
    message_id: str | None = Field(None, title="Message", description="The answer or note that it wrote.")


class TicketResult(BaseModel):
    """What came of a macro on one ticket."""

    ticket_id: str = Field(title="Ticket")
    ok: bool = Field(title="All done", description="Whether every action is done, or was so already.")
    version: int | None = Field(title="Version", description="Of the ticket now; null where there is no such ticket.")
    actions: list[ActionResult] = Field(title="Actions", description="One for each, in their order.")


class Running:
    """Does to a ticket what a macro says."""

    def __init__(self, parts: Metadata) -> None:
        given = parts.tickets
        self._parts = parts
        self._filling = Filling(parts.documents)
        self._sending = Sending(given.documents, given.actions, given.judge, given.files, given.now)

    async def on(
        self, ticket_id: str, actions: Sequence[wanted.Action], caller: Caller, run: str, version: int | None
    ) -> TicketResult:
        """Return what came of each action; the first that fails ends it, and what was done before stays.

        Args:
            ticket_id: The ticket.
            actions: What to do, in this order.
            caller: Whose permissions count, and in whose name it is done.
            run: Names the run; what it has done already is not done again.
            version: The ticket's, as it was seen; None where any will do.
        """
        results: list[ActionResult] = []
        steps = [list(group) for _, group in groupby(enumerate(actions), lambda each: _alone(*each))]
        try:
            ticket = await self._filling.ticket(ticket_id, caller)
            seen = None if await self._begun(ticket, steps, run) else version
            for step in steps:
                number, first = step[0]
                name = derived("macro", run, ticket_id, str(number))
                if isinstance(first, wanted.MacroReply | wanted.MacroNote):
                    results.append(await self._say(ticket_id, first, caller, name, seen))
                else:
                    results += await self._change(ticket_id, [action for _, action in step], caller, name, seen)
                seen = None
        except (Problem, InvalidChange, Conflict) as error:
            results += _failed(actions, len(results), error)
        now = await self._parts.documents.get(Ticket, ticket_id)
        is_ours = now is not None and now.tenant == caller.tenant
        ok = all(each.result in ("done", "unchanged") for each in results)
        return TicketResult(
            ticket_id=ticket_id, ok=ok, version=now.version if now is not None and is_ours else None, actions=results
        )  # fmt: skip

    async def _begun(self, ticket: Ticket, steps: Sequence[Sequence[tuple[int, Any]]], run: str) -> bool:
        """Whether an earlier try of the run has done some of it, so that the version is not the one that was seen."""
        names = [derived("macro", run, ticket.id, str(step[0][0])) for step in steps]
        if any(ticket.has_seen(name) for name in names):
            return True
        return bool(await self._parts.documents.load([Key.by_id(Message, name) for name in names]))

    async def _say(
        self,
        ticket_id: str,
        action: "wanted.MacroReply | wanted.MacroNote",
        caller: Caller,
        name: str,
        version: int | None,
    ) -> ActionResult:
        ticket = await self._filling.ticket(ticket_id, caller)
        files: list[str] = []
        if isinstance(action, wanted.MacroReply) and action.canned_id is not None:
            canned = await self._parts.seen(CannedReply, action.canned_id, caller)
            body = (await self._filling.canned(canned, ticket_id, action.language, caller)).text
            files = list(canned.files)
        else:
            body = filled(action.text or "", await self._filling.values(ticket, caller)).strip()
        visibility: Literal["public", "internal"] = "internal" if isinstance(action, wanted.MacroNote) else "public"
        known = await self._parts.documents.get(Message, name)
        if known is not None:
            body = known.body
        add = MessageAdd(body=body, files=files, visibility=visibility)
        seen = None if version is None else etag(version)
        message = await self._sending.written(ticket_id, add, caller, name, if_match=seen)
        return ActionResult(type=action.type, result="done", message_id=message.id)

    async def _change(
        self, ticket_id: str, actions: Sequence[Any], caller: Caller, name: str, version: int | None
    ) -> list[ActionResult]:
        at = self._parts.now()
        made: list[bool] = []

        def decide(found: Found) -> Change:
            ticket = found.get(Ticket, ticket_id)
            if ticket is None or ticket.tenant != caller.tenant:
                raise Problem(404, "there is no such ticket")
            if ticket.has_seen(name):
                made[:] = [True] * len(actions)
                return NOTHING
            check_match(None if version is None else etag(version), ticket.version)
            tags = found.get(TagSet, caller.tenant) or TagSet(id=caller.tenant, tenant=caller.tenant)
            changes, made[:] = _changes(ticket, actions, caller, at, tags)
            if not changes:
                return NOTHING
            change = commands.change(
                ticket, settled(ticket, changes, found), actor=Actor(*actor(caller)), at=at, cause=name
            )  # fmt: skip
            if not change.writes:
                return NOTHING
            remembered = tuple(
                msgspec.structs.replace(each, changed_by=(*each.changed_by, name)[-_REMEMBERED:])
                for each in change.writes
                if isinstance(each, Ticket)
            )
            return Change(remembered, change.events)

        await self._parts.actions.act([Key.by_id(Ticket, ticket_id), *metadata.keys(caller.tenant)], decide)
        return [
            ActionResult(type=action.type, result="done" if is_made else "unchanged")
            for action, is_made in zip(actions, made, strict=True)
        ]


def _alone(number: int, action: Any) -> int:
    """What tells steps apart: an answer or note is one by itself, changes that follow each other are one together."""
    return number if isinstance(action, wanted.MacroReply | wanted.MacroNote) else -1


def _failed(actions: Sequence[Any], done: int, error: Exception) -> list[ActionResult]:
    """What is told of the action that failed, and of those behind it."""
    if isinstance(error, Problem):
        detail = "; ".join([error.detail, *(each["message"] for each in error.errors)])
    elif isinstance(error, InvalidChange):
        detail = str(error)
    else:
        detail = "others keep changing the ticket, or another ticket of its conversation is unresolved"
    first = ActionResult(type=actions[done].type, result="failed", detail=detail)
    return [first, *(ActionResult(type=action.type, result="not_tried") for action in actions[done + 1 :])]


def _changes(
    ticket: Ticket, actions: Sequence[Any], caller: Caller, at: Any, tags: TagSet
) -> tuple[dict[str, Any], list[bool]]:
    """What actions together change of a ticket, and which of them make a difference."""
    changes: dict[str, Any] = {}
    made = []
    for action in actions:
        field, value = _one(action, {**_state(ticket), **changes}, caller, at, tags)
        if field == "custom_fields":
            value = {**changes.get(field, {}), **value}
            present = {**ticket.custom_fields, **changes.get(field, {})}
            is_new = any(key not in present or present[key] != each for key, each in value.items())
        else:
            is_new = value != changes.get(field, _state(ticket)[field])
        made.append(is_new)
        if is_new:
            changes[field] = value
    return changes, made


def _state(ticket: Ticket) -> dict[str, Any]:
    fields = ("status", "priority", "assignee_id", "team_id", "custom_fields", "snoozed_until")
    return {**{field: getattr(ticket, field) for field in fields}, "tags": list(ticket.tags)}


def _one(action: Any, now: dict[str, Any], caller: Caller, at: Any, tags: TagSet) -> tuple[str, Any]:
    match action:
        case wanted.SetStatus():
            return "status", action.status
        case wanted.SetPriority():
            return "priority", action.priority
        case wanted.MacroAssign():
            return "assignee_id", caller.subject if action.agent_id == "me" else action.agent_id
        case wanted.SetTeam():
            return "team_id", action.team_id
        case wanted.AddTags():
            return "tags", list(dict.fromkeys((*now["tags"], *action.tags)))
        case wanted.RemoveTags():
            return "tags", tags.left(now["tags"], action.tags)
        case wanted.SetFields():
            return "custom_fields", dict(action.fields)
        case wanted.Snooze():
            return "snoozed_until", at + action.span
    raise InvalidChange("actions", f"there is no action {action.type}")
