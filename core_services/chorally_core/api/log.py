"""The log API, at ``/log/v1``: the history of a tenant, in pages and as it grows."""

import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, FastAPI, Header
from fastapi import Query as Parameter
from pydantic import AwareDatetime

from chorally_core.api import problem
from chorally_core.api.auth import allowed
from chorally_core.api.event_stream import EventStream, sent_event
from chorally_core.api.log_views import LogEntryView
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems
from chorally_core.events.ids import before
from chorally_core.ports.documents import Condition, Documents, Query
from chorally_core.ports.identity import Caller, Identity
from chorally_core.ports.permissions import Permission
from chorally_core.services.log.feed import Feed, Follower, Lost, TooMany
from chorally_core.services.log.model import LogEntry

Reader = Annotated[Caller, allowed(Permission.LOGS_READ)]

_RETRY_MS = 3000


@dataclass(frozen=True, kw_only=True)
class Log:
    """What the API needs."""

    documents: Documents
    feed: Feed
    monotonic: Callable[[], float] = time.monotonic
    heartbeat_s: float = 15.0
    """Seconds of silence after which a comment keeps a stream alive."""
    life_s: float = 900.0
    """Seconds after which a stream ends, so that whoever goes on proves themselves again."""


def create_app(identity: Identity, parts: Log, *routers: APIRouter) -> FastAPI:
    """Return the application to mount at ``/log/v1``.

    Args:
        identity: Proves the callers.
        parts: What the routes of the history need.
        routers: Those of webhooks.
    """
    app = FastAPI(
        title="Chorally log",
        version="1",
        description="What happened, who did it, and what happens now.",
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.identity = identity
    problem.install(app)
    app.include_router(logs_router(parts))
    app.include_router(events_router(parts))
    for router in routers:
        app.include_router(router)
    return app


def logs_router(parts: Log) -> APIRouter:
    """Return the route of the history."""
    router = APIRouter(tags=["history"])

    @router.get("/logs", summary="List the history", responses=problems(400, 401, 403))
    async def list_logs(
        caller: Reader,
        ticket_id: Annotated[str | None, Parameter(title="Ticket", description="Only of this ticket.")] = None,
        author_id: Annotated[str | None, Parameter(title="Author", description="Only about this person.")] = None,
        account_id: Annotated[str | None, Parameter(title="Account", description="Only through this account.")] = None,
        what: Annotated[
            list[str] | None, Parameter(title="What", description="Only these kinds of facts.", max_length=20)
        ] = None,
        since: Annotated[
            AwareDatetime | None, Parameter(title="Since", description="Only what happened at this instant or later.")
        ] = None,
        until: Annotated[
            AwareDatetime | None, Parameter(title="Until", description="Only what happened before this instant.")
        ] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[LogEntryView]:
        """Return what happened, the newest first."""
        filters = (("ticket_id", ticket_id), ("author_id", author_id), ("account_id", account_id))
        where = [Condition(name, "is", value) for name, value in filters if value is not None]
        if what:
            where.append(Condition("what", "in", tuple(what)))
        where += _between(since, until)
        after = (None, decode_cursor(cursor, str)[0]) if cursor else None
        query = Query(LogEntry, caller.tenant, tuple(where), descending=True, limit=limit + 1, after=after)
        entries, following = paged(await parts.documents.find(query), limit, lambda entry: (entry.id,))
        return Page(items=[LogEntryView.of(entry) for entry in entries], next=following)

    return router


def _between(since: datetime | None, until: datetime | None) -> list[Condition]:
    """What ids must be for times; they tell milliseconds."""
    found = [] if since is None else [Condition("id", ">=", before(since))]
    return found if until is None else [*found, Condition("id", "<", before(until))]


def events_router(parts: Log) -> APIRouter:
    """Return the route of the history as it grows."""
    router = APIRouter(tags=["events"])
    stream = {
        "description": "One event for each fact: `id` to resume behind it, `event` what happened, `data` the entry.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }

    @router.get(
        "/events",
        summary="Follow the history",
        status_code=200,
        response_class=EventStream,
        responses={200: stream, **problems(401, 403, 429)},
    )
    async def follow(
        caller: Reader,
        last_event_id: Annotated[
            str | None,
            Header(
                alias="Last-Event-ID", title="Last-Event-ID", description="Resume behind this event.", max_length=64
            ),
        ] = None,
        after: Annotated[
            str | None,
            Parameter(title="After", description="The same, where a header cannot be sent.", max_length=64),
        ] = None,
    ) -> EventStream:
        """Send what happens in the tenant, as server-sent events, in the order in which it was stored.

        The stream begins now, or behind the event named by `Last-Event-ID`. If that is not kept any more, an event
        `reset` comes first: something may be missing, so read the lists again. A comment comes every 15 seconds
        of silence. Streams end after 15 minutes and whenever a client is slow; connect again to go on.
        """
        try:
            follower = parts.feed.follow(caller.tenant)
        except TooMany as error:
            why = f"{error}; close one first"
            raise Problem(429, why, code="too-many-streams", headers={"Retry-After": "30"}) from None
        return EventStream(_events(parts, follower, last_event_id or after), on_end=follower.close)

    return router


async def _events(parts: Log, follower: Follower, last: str | None) -> AsyncGenerator[bytes, None]:
    """What a stream sends."""
    ends = parts.monotonic() + parts.life_s
    place, lost = await follower.begin(last)
    yield f"retry: {_RETRY_MS}\nid: {place}\n\n".encode()
    if lost:
        yield _reset(place)
    while (left := ends - parts.monotonic()) > 0:
        try:
            entries = await follower.next(min(parts.heartbeat_s, left))
        except Lost:
            place, _ = await follower.begin(None)
            yield _reset(place)
            continue
        if entries is None:
            return
        if not entries:
            yield b": still here\n\n"
        for entry in entries:
            yield sent_event(LogEntryView.of(entry).model_dump_json(), event=entry.what, name=entry.id)


def _reset(place: str) -> bytes:
    why = "what was seen last is not kept any more, so something may be missing; read the lists again"
    return sent_event(msgspec.json.encode({"reason": why}).decode(), event="reset", name=place)
