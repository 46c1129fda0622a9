"""The routes of operations: dead letters, the webhook journal, and replays.

A tenant sees its own: what came through an app or account of its own. A webhook of an installation-wide
app may speak of several tenants at once, so no tenant sees or replays it; that is the operator's affair,
on the machine itself.
"""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter
from pydantic import AwareDatetime

from chorally_core.api.idempotency import IdempotencyKey, answer
from chorally_core.api.io_operation_views import DeadLetterDetail, DeadLetterView, HookDetail, HookView, Replayed
from chorally_core.api.io_parts import Io, OperationsReader, OperationsWriter
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems
from chorally_core.events.ids import before
from chorally_core.ports.documents import Condition, Query
from chorally_core.ports.identity import Caller
from chorally_core.ports.parking import DeadLetter
from chorally_core.services.io.model import Hook
from chorally_core.services.io.replay import Replay

Since = Annotated[
    AwareDatetime | None, Parameter(title="Since", description="Only what came at this instant or later.")
]


def dead_letters_router(io: Io, replay: Replay) -> APIRouter:
    """Return the routes of dead letters."""
    router = APIRouter(prefix="/dead-letters", tags=["operations"])

    async def own(letter_id: str, caller: Caller) -> DeadLetter:
        letter = await io.documents.get(DeadLetter, letter_id)
        if letter is None or letter.tenant != caller.tenant:
            raise Problem(404, "there is no such dead letter", code="unknown-dead-letter")
        return letter

    @router.get("", summary="List dead letters", responses=problems(400, 401, 403))
    async def list_dead_letters(
        caller: OperationsReader,
        source: Annotated[str | None, Parameter(title="Source", description="A topic, or `hooks`.")] = None,
        replayed: Annotated[
            bool | None, Parameter(title="Replayed", description="Only those that were replayed, or were not.")
        ] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[DeadLetterView]:
        """Return what could not be handled, the newest first."""
        where = [] if source is None else [Condition("source", "is", source)]
        if replayed is not None:
            where.append(Condition("replayed_at", "present" if replayed else "absent"))
        after = decode_cursor(cursor, datetime, str) if cursor else None
        found = await io.documents.find(
            Query(
                DeadLetter,
                caller.tenant,
                tuple(where),
                order="at",
                descending=True,
                limit=limit + 1,
                after=(after[0], after[1]) if after else None,
            )
        )
        letters, following = paged(found, limit, lambda letter: (letter.at, letter.id))
        return Page(items=[DeadLetterView.of(letter) for letter in letters], next=following)

    @router.get("/{letter_id}", summary="Show a dead letter", responses=problems(401, 403, 404))
    async def show_dead_letter(letter_id: str, caller: OperationsReader) -> DeadLetterDetail:
        """Return one dead letter with what is in it."""
        return DeadLetterDetail.of(await own(letter_id, caller))

    @router.post(
        "/{letter_id}/replay",
        response_model=Replayed,
        summary="Replay a dead letter",
        responses=problems(401, 403, 404, 409),
    )
    async def replay_dead_letter(
        letter_id: str, request: Request, caller: OperationsWriter, key: IdempotencyKey = None
    ) -> Response:
        """Put it back on its topic, once; a webhook is read again."""

        async def make(_: str) -> Response:
            return answer(Replayed.of(await replay.letter(await own(letter_id, caller))))

        return await io.once(request, caller, key, make)

    return router


def hooks_router(io: Io, replay: Replay) -> APIRouter:
    """Return the routes of the webhook journal."""
    router = APIRouter(prefix="/hooks", tags=["operations"])

    async def own(hook_id: str, caller: Caller) -> Hook:
        hook = await io.documents.get(Hook, hook_id)
        if hook is None or hook.tenant != caller.tenant:
            raise Problem(404, "there is no such webhook", code="unknown-hook")
        return hook

    @router.get("", summary="List webhooks", responses=problems(400, 401, 403))
    async def list_hooks(
        caller: OperationsReader,
        connector: Annotated[str | None, Parameter(title="Connector", description="Only of this platform.")] = None,
        since: Since = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[HookView]:
        """Return the webhooks that came through the tenant's own apps and accounts, the newest first."""
        where = [] if connector is None else [Condition("platform", "is", connector)]
        if since is not None:
            where.append(Condition("id", ">=", before(since)))
        after = (None, decode_cursor(cursor, str)[0]) if cursor else None
        query = Query(Hook, caller.tenant, tuple(where), descending=True, limit=limit + 1, after=after)
        hooks, following = paged(await io.documents.find(query), limit, lambda hook: (hook.id,))
        return Page(items=[HookView.of(hook) for hook in hooks], next=following)

    @router.get("/{hook_id}", summary="Show a webhook", responses=problems(401, 403, 404))
    async def show_hook(hook_id: str, caller: OperationsReader) -> HookDetail:
        """Return one webhook with its body, as it came."""
        hook = await own(hook_id, caller)
        try:
            raw = await io.service.journal.raw(hook)
        except LookupError:
            raise Problem(404, "the webhook's body is no longer kept", code="unknown-hook") from None
        return HookDetail.with_body(hook, raw.body)

    @router.post(
        "/{hook_id}/replay", response_model=Replayed, summary="Replay a webhook", responses=problems(401, 403, 404, 409)
    )
    async def replay_hook(
        hook_id: str, request: Request, caller: OperationsWriter, key: IdempotencyKey = None
    ) -> Response:
        """Read a stored webhook again and publish what is in it.

        The events have the ids that they had before, so what was handled already changes nothing.
        """

        async def make(_: str) -> Response:
            return answer(Replayed.of(await replay.hook(await own(hook_id, caller))))

        return await io.once(request, caller, key, make)

    return router
