"""Fields of the tenant's own on messages, filled in over the API."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from chorally_core.api.actor import actor
from chorally_core.api.auth import allowed
from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.message_views import MessageView
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems, with_etag
from chorally_core.ports import metadata
from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import Documents, Key
from chorally_core.ports.handlers import Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.ports.permissions import Permission
from chorally_core.services.message.annotating import annotate
from chorally_core.services.message.changes import Actor, InvalidChange
from chorally_core.services.message.model import Message, Ticket

Writer = Annotated[Caller, allowed(Permission.TICKETS_WRITE)]


class MessageChange(BaseModel):
    """What to note of a message."""

    model_config = ConfigDict(extra="forbid")

    custom_fields: dict[str, Any] = Field(
        title="Custom fields", max_length=100, description="Merged into those there are; null empties one."
    )


def fields_router(
    documents: Documents, actions: Actions, now: Callable[[], datetime], new_id: Callable[[], str]
) -> APIRouter:
    """Return the route that fills in a message's fields."""
    router = APIRouter()

    @router.patch(
        "/{message_id}",
        summary="Fill in a message's fields",
        responses={200: with_etag("The message as it is now."), **problems(404, 409, 412)},
    )
    async def change_message(
        message_id: str, body: MessageChange, caller: Writer, response: Response, if_match: IfMatch = None
    ) -> MessageView:
        """Note something of a message in fields of your own; what was said stays as it is."""
        at, cause = now(), new_id()
        known = _owned(await documents.get(Message, message_id), caller)

        def decide(found: Found) -> Change:
            message = _owned(found.get(Message, message_id), caller)
            check_match(if_match, message.version)
            ticket = found.get(Ticket, message.ticket_id)
            try:
                return annotate(
                    message, ticket, body.custom_fields, found, actor=Actor(*actor(caller)), at=at, cause=cause
                )  # fmt: skip
            except InvalidChange as error:
                errors = [{"field": f"/body/{error.field}", "message": error.why}]
                raise Problem(422, "the change cannot be made; see errors", code="invalid", errors=errors) from None

        named = [Key.by_id(Message, message_id), *metadata.keys(caller.tenant)]
        if known.ticket_id is not None:
            named.append(Key.by_id(Ticket, known.ticket_id))
        await actions.act(named, decide)
        changed = _owned(await documents.get(Message, message_id), caller)
        response.headers["ETag"] = etag(changed.version)
        return MessageView.of(changed)

    return router


def _owned(message: Message | None, caller: Caller) -> Message:
    if message is None or message.tenant != caller.tenant:
        raise Problem(404, "there is no such message")
    return message
