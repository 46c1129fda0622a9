"""What a replay of a stored webhook would change, with today's connector, of what is stored; nothing is changed."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, Field

from chorally_core.api.io_parts import Io, OperationsReader
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems
from chorally_core.events import AuthorAdd, Event, MessageAdd, MessageDelete, MessageUpdate
from chorally_core.ports.documents import Document, Documents
from chorally_core.services.author.model import Author
from chorally_core.services.io.model import Hook
from chorally_core.services.io.replay import Replay
from chorally_core.services.message.model import Message

_OF_MESSAGE = (
    "body", "subject", "rating", "attachments", "author_id", "author_name", "external_parent_id",
    "external_conversation_id", "external_url", "external_created_at", "extra",
)  # fmt: skip
_OF_AUTHOR = ("name", "handle", "url", "avatar_url", "language", "country", "followers")


class FieldDiff(BaseModel):
    """One thing that would be different."""

    field: str = Field(title="Field")
    stored: Any = Field(title="Stored", description="As it is now.")
    replayed: Any = Field(title="Replayed", description="As today's connector reads the webhook.")


class EntityDiff(BaseModel):
    """What would become of one message or author."""

    topic: str = Field(title="Topic", description="Where it would be told.")
    event: str = Field(title="Event", description="Its name there.")
    id: str = Field(title="Id", description="Of the message or author.")
    change: Literal["new", "changed", "same", "older"] = Field(
        title="Change",
        description="`new`: it is not stored. `older`: what is stored has been edited since, and stays as it is.",
    )
    fields: list[FieldDiff] = Field(title="Fields", description="What differs.")


class ReplayDiff(BaseModel):
    """What a replay would give, compared with what is stored."""

    hook_id: str = Field(title="Webhook")
    entities: list[EntityDiff] = Field(title="Entities", description="In the order in which they would be told.")


def replay_diff_router(io: Io, replay: Replay) -> APIRouter:
    """Return the route."""
    router = APIRouter(prefix="/hooks", tags=["operations"])

    @router.get(
        "/{hook_id}/replay-diff", summary="Show what a replay would change", responses=problems(401, 403, 404, 409)
    )
    async def show_replay_diff(hook_id: str, caller: OperationsReader) -> ReplayDiff:
        """Read a stored webhook with today's connector, compare it with what is stored, and change nothing."""
        hook = await io.documents.get(Hook, hook_id)
        if hook is None or hook.tenant != caller.tenant:
            raise Problem(404, "there is no such webhook", code="unknown-hook")
        compared = [await _compared(io.documents, event) for event in await replay.preview(hook)]
        return ReplayDiff(hook_id=hook_id, entities=[diff for diff in compared if diff is not None])

    return router


async def _compared(documents: Documents, event: Event[Any]) -> EntityDiff | None:
    data = event.data
    wanted: Mapping[str, Any]
    of: type[Document]
    match data:
        case MessageAdd():
            of, wanted = Message, {name: getattr(data, name) for name in _OF_MESSAGE}
        case AuthorAdd():
            of, wanted = Author, {name: getattr(data, name) for name in _OF_AUTHOR}
        case MessageUpdate(state="hidden" | "visible"):
            of, wanted = Message, {"hidden": data.state == "hidden"}
        case MessageDelete():
            of, wanted = Message, {"deleted": True}
        case _:
            return None
    stored = await documents.get(of, data.id)
    if stored is None:
        return EntityDiff(topic=event.topic, event=event.name, id=data.id, change="new", fields=_diffs({}, wanted))
    now = {name: _of(stored, name) for name in wanted}
    fields = _diffs(now, wanted)
    change: Literal["changed", "same", "older"] = "changed" if fields else "same"
    if fields and isinstance(stored, Message) and isinstance(data, MessageAdd) and stored.outdates(data):
        change = "older"
    return EntityDiff(topic=event.topic, event=event.name, id=data.id, change=change, fields=fields)


def _of(stored: Document, name: str) -> Any:
    return stored.deleted_at is not None if isinstance(stored, Message) and name == "deleted" else getattr(stored, name)


def _diffs(now: Mapping[str, Any], wanted: Mapping[str, Any]) -> Sequence[FieldDiff]:
    differ = [name for name in wanted if now.get(name) != wanted[name]]
    return [
        FieldDiff(field=name, stored=_plain(now.get(name)), replayed=_plain(wanted[name])) for name in sorted(differ)
    ]


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)
