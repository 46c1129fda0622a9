"""What can be done to a message on its platform: hide, show, delete, like, edit, mark as read."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from chorally_core.api.auth import allowed
from chorally_core.api.idempotency import IdempotencyKey, Once, answer
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems
from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import Documents, Key
from chorally_core.ports.handlers import Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.ports.permissions import Permission
from chorally_core.services.message import commands
from chorally_core.services.message.changes import Actor
from chorally_core.services.message.model import Message, Ticket

Reader = Annotated[Caller, allowed(Permission.TICKETS_READ)]
Moderator = Annotated[Caller, allowed(Permission.MESSAGES_MODERATE)]
Verb = Literal["edit", "delete", "hide", "unhide", "like", "read"]


class ActionAdd(BaseModel):
    """What is to be done to a message."""

    model_config = ConfigDict(extra="forbid")

    verb: Verb = Field(title="Action", description="One of those that the message's channel offers.")
    body: str = Field("", title="Text", max_length=100_000, description="The new text of an `edit`.")


class ActionsOffered(BaseModel):
    """What can be done to a message."""

    verbs: list[Verb] = Field(title="Actions", description="Those that the message's channel offers.")


class MessageActionView(BaseModel):
    """Something that was asked for, on its way to the platform."""

    id: str = Field(title="Id", description="Shown by `/io/v1/moderations/{id}`, with what became of it.")
    message_id: str = Field(title="Message")
    verb: Verb = Field(title="Action")


def actions_router(
    documents: Documents,
    actions: Actions,
    once: Once,
    verbs_of: Callable[[str], Sequence[str]],
    now: Callable[[], datetime],
) -> APIRouter:
    """Return the routes of what is done to messages."""
    router = APIRouter()

    async def own(message_id: str, caller: Caller) -> Message:
        message = await documents.get(Message, message_id)
        if message is None or message.tenant != caller.tenant:
            raise Problem(404, "there is no such message")
        return message

    @router.get("/{message_id}/actions", summary="List what can be done to a message", responses=problems(404))
    async def list_actions(message_id: str, caller: Reader) -> ActionsOffered:
        """Return what the message's channel offers besides answering."""
        message = await own(message_id, caller)
        return ActionsOffered.model_validate({"verbs": list(verbs_of(message.channel))})

    @router.post(
        "/{message_id}/actions",
        status_code=202,
        summary="Hide, show, delete, like, edit a message, or mark it as read",
        response_model=MessageActionView,
        responses=problems(404, 409),
    )
    async def add_action(
        message_id: str, body: ActionAdd, request: Request, caller: Moderator, key: IdempotencyKey = None
    ) -> Response:
        """Ask for it; the message changes when its platform has done it."""
        message = await own(message_id, caller)
        if body.verb not in (offered := verbs_of(message.channel)):
            why = f"{message.channel} offers {', '.join(offered) or 'no such action'}"
            raise Problem(422, why, code="invalid", errors=[{"field": "/body/verb", "message": why}])
        if (body.verb == "edit") != bool(body.body.strip()):
            why = "an edit has a text, and nothing else has"
            raise Problem(422, why, code="invalid", errors=[{"field": "/body/body", "message": why}])

        async def make(name: str) -> Response:
            at, who = now(), Actor("agent" if caller.kind == "user" else "service", caller.subject)

            def decide(found: Found) -> Change:
                current = found.get(Message, message_id)
                if current is None:
                    raise Problem(404, "there is no such message")
                ticket = found.get(Ticket, message.ticket_id) if message.ticket_id else None
                try:
                    return commands.moderate(
                        current, ticket, body.verb, body=body.body, actor=who, action_id=name, at=at
                    )
                except commands.NotPossible as error:
                    raise Problem(409, str(error), code="not-possible") from None

            keys = [Key.by_id(Message, message_id)]
            if message.ticket_id:
                keys.append(Key.by_id(Ticket, message.ticket_id))
            await actions.act(keys, decide)
            return answer(MessageActionView(id=name, message_id=message_id, verb=body.verb), 202)

        return await once(request, caller, key, make)

    return router
