"""Saved views: lists of tickets that somebody looks at again and again, exactly as the list of tickets gives them."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter
from fastapi.routing import APIRoute
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from chorally_core.api.actor import actor
from chorally_core.api.auth import allowed
from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.idempotency import IdempotencyKey, answer
from chorally_core.api.message import ticket_filters, tickets_router
from chorally_core.api.message_views import TicketView
from chorally_core.api.metadata_parts import Agent, Metadata, Reader, Shared, check_audience
from chorally_core.api.metadata_views import Line
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems, with_etag
from chorally_core.events.ids import derived
from chorally_core.ports.canned import Audience
from chorally_core.ports.documents import Key, Query
from chorally_core.ports.handlers import Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.ports.permissions import Permission
from chorally_core.ports.storable import mistake_in
from chorally_core.ports.tags import TagSet
from chorally_core.ports.words import read_words
from chorally_core.services.message.model import Ticket
from chorally_core.services.metadata import kept
from chorally_core.services.metadata.model import SavedView

TicketReader = Annotated[Caller, allowed(Permission.TICKETS_READ)]
Sort = Literal["updated", "-updated", "created", "-created"]
_PAGE = 200


def _storable(value: str) -> str:
    if why := mistake_in(value):
        raise ValueError(why)
    return value


_Word = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_storable)]


class Filters(BaseModel):
    """What a view leaves out, as `GET /message/v1/tickets` takes it."""

    model_config = ConfigDict(extra="forbid")

    status: list[Literal["open", "waiting", "resolved"]] | None = Field(None, title="Status", max_length=3)
    assignee: _Word | None = Field(None, title="Assignee", description="An id, `me` for whoever looks, or `none`.")
    tag: _Word | None = Field(None, title="Tag")
    channel: _Word | None = Field(None, title="Channel")
    account: _Word | None = Field(None, title="Account")
    author: _Word | None = Field(None, title="Author")
    text: _Word | None = Field(None, title="Text", description="Words to find.")
    snoozed: bool | None = Field(None, title="Snoozed")


def _readable(text: str) -> str:
    read_words(text, last_may_go_on=True)
    return text


class FiltersSet(Filters):
    """What a view shall leave out, as `GET /message/v1/tickets` takes it."""

    text: Annotated[_Word, AfterValidator(_readable)] | None = Field(None, title="Text", description="Words to find.")


class ViewAdd(Shared):
    """A list of tickets to be looked at again."""

    name: Line = Field(title="Name")
    filters: FiltersSet = Field(FiltersSet(), title="Filters")
    sort: Sort = Field("-updated", title="Order")


class ViewChange(BaseModel):
    """What of a view is to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: Line | None = Field(None, title="Name")
    filters: FiltersSet | None = Field(None, title="Filters", description="Replace all.")
    sort: Sort | None = Field(None, title="Order")


class ViewView(BaseModel):
    """A saved view as it is."""

    id: str = Field(title="Id")
    version: int = Field(title="Version", description="Goes up with each change; also the ETag.")
    name: str = Field(title="Name")
    audience: Audience = Field(title="Audience")
    team_id: str | None = Field(title="Team")
    owner_id: str | None = Field(title="Owner", description="Whose it is, where it is personal.")
    filters: Filters = Field(title="Filters")
    sort: Sort = Field(title="Order")
    count: int | None = Field(title="Count", description="Tickets in it, where asked for.")
    created_at: datetime = Field(title="Created")
    created_by: str = Field(title="Created by")
    changed_at: datetime = Field(title="Changed")
    changed_by: str = Field(title="Changed by")

    @classmethod
    def of(cls, view: SavedView, count: int | None = None) -> "ViewView":
        """Return a view as the API shows it."""
        same = {name: getattr(view, name) for name in cls.model_fields if name not in ("filters", "count")}
        return cls(filters=Filters.model_validate(view.filters), count=count, **same)


class Count(BaseModel):
    """How many tickets there are."""

    count: int = Field(title="Count")


Listing = Callable[..., Awaitable[Page[TicketView]]]


def views_router(parts: Metadata) -> APIRouter:
    """Return the routes of saved views."""
    router = APIRouter(prefix="/views", tags=["views"], responses=problems(401, 403, 429))
    tickets = _listing(parts)

    async def count(view: SavedView, caller: Caller) -> int:
        filters = await _now(parts, view, caller)
        if filters.get("text") is None:
            given: dict[str, Any] = {name: filters.get(name) for name in Filters.model_fields if name != "text"}
            return await parts.documents.count(Query(Ticket, caller.tenant, tuple(ticket_filters(caller, **given))))
        found, cursor = 0, cast("str | None", "")
        while cursor is not None:
            page = await tickets(caller=caller, **filters, limit=_PAGE, cursor=cursor or None)
            found, cursor = found + len(page.items), page.next
        return found

    @router.get("", summary="List saved views", responses=problems(400, 503))
    async def list_views(
        caller: Reader,
        counts: Annotated[
            bool, Parameter(title="Counts", description="Whether to count the tickets too; with `tickets:read`.")
        ] = False,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[ViewView]:
        """Return the views that you may use, by name: those shared, your teams', your own."""
        after = decode_cursor(cursor, str, str) if cursor else None
        found = await parts.listed(SavedView, caller, limit, (after[0], after[1]) if after else None)
        items, following = paged(found[: limit + 1], limit, lambda each: (each.name, each.id))
        counted = counts and caller.may(Permission.TICKETS_READ)
        views = [ViewView.of(each, await count(each, caller) if counted else None) for each in items]
        return Page(items=views, next=following)

    @router.get("/{view_id}", summary="Show a saved view", responses={200: with_etag("The view."), **problems(404)})
    async def show_view(view_id: str, caller: Reader, response: Response) -> ViewView:
        """Return one view."""
        view = await parts.seen(SavedView, view_id, caller)
        response.headers["ETag"] = etag(view.version)
        return ViewView.of(view)

    @router.get("/{view_id}/tickets", summary="List the tickets of a view", responses=problems(400, 404, 503))
    async def list_view_tickets(
        view_id: str, caller: TicketReader, limit: Limit = 50, cursor: Cursor = None
    ) -> Page[TicketView]:
        """Return the page that the list of tickets gives for the view's filters and order."""
        view = await parts.seen(SavedView, view_id, caller)
        return await tickets(
            caller=caller, **await _now(parts, view, caller), sort=view.sort, limit=limit, cursor=cursor
        )

    @router.get("/{view_id}/count", summary="Count the tickets of a view", responses=problems(404, 503))
    async def count_view_tickets(view_id: str, caller: TicketReader) -> Count:
        """Return how many tickets are in a view; of those found by words at most 1,000."""
        return Count(count=await count(await parts.seen(SavedView, view_id, caller), caller))

    @router.post(
        "",
        status_code=201,
        summary="Save a view",
        response_model=ViewView,
        responses={201: with_etag("The view."), **problems(409)},
    )
    async def add_view(body: ViewAdd, request: Request, caller: Agent, key: IdempotencyKey = None) -> Response:
        """Save a view for yourself; for a team or everybody with `metadata:write`."""

        async def make(name: str) -> Response:
            at, whose = parts.now(), await parts.whose(body, caller)
            new = SavedView(
                id=name, tenant=caller.tenant, name=body.name, filters=body.filters.model_dump(exclude_none=True),
                sort=body.sort, created_at=at, created_by=caller.subject, changed_at=at, changed_by=caller.subject,
                **whose,
            )  # fmt: skip
            await parts.actions.act(
                [Key.by_id(SavedView, name)],
                lambda found: kept.add(
                    found.get(SavedView, name), new, actor=actor(caller), cause=derived("view", name)
                ),
            )  # fmt: skip
            made = await parts.seen(SavedView, name, caller)
            headers = {"ETag": etag(made.version), "Location": f"/metadata/v1/views/{name}"}
            return answer(ViewView.of(made), 201, headers)

        return await parts.once(request, caller, key, make)

    @router.patch(
        "/{view_id}",
        summary="Change a saved view",
        responses={200: with_etag("The view as it is now."), **problems(404, 409, 412)},
    )
    async def change_view(
        view_id: str, body: ViewChange, caller: Agent, response: Response, if_match: IfMatch = None
    ) -> ViewView:
        """Change what is named."""
        at, cause = parts.now(), parts.new_id()
        await parts.changed(SavedView, view_id, caller)
        changes: dict[str, Any] = {
            name: value for name in body.model_fields_set if (value := getattr(body, name)) is not None
        }
        if body.filters is not None:
            changes["filters"] = body.filters.model_dump(exclude_none=True)

        def decide(found: Found) -> Change:
            known = _known(found.get(SavedView, view_id), caller)
            check_match(if_match, known.version)
            new = kept.revised(known, changes, caller.subject, at)
            return kept.change(known, new, actor=actor(caller), cause=cause)

        await parts.actions.act([Key.by_id(SavedView, view_id)], decide)
        view = await parts.seen(SavedView, view_id, caller)
        response.headers["ETag"] = etag(view.version)
        return ViewView.of(view)

    @router.delete("/{view_id}", status_code=204, summary="Remove a saved view", responses=problems(404, 409, 412))
    async def remove_view(view_id: str, caller: Agent, if_match: IfMatch = None) -> None:
        """Remove a view; its tickets stay."""
        at, cause = parts.now(), parts.new_id()
        await parts.changed(SavedView, view_id, caller)

        def decide(found: Found) -> Change:
            known = _known(found.get(SavedView, view_id), caller)
            check_match(if_match, known.version)
            return kept.remove(known, actor=actor(caller), at=at, cause=cause)

        await parts.actions.act([Key.by_id(SavedView, view_id)], decide)

    return router


def _listing(parts: Metadata) -> Listing:
    """The list of tickets itself, so that a view can never give another page than it does."""
    routes = [route for route in tickets_router(parts.tickets).routes if isinstance(route, APIRoute)]
    return cast("Listing", next(route.endpoint for route in routes if route.name == "list_tickets"))


async def _now(parts: Metadata, view: SavedView, caller: Caller) -> Mapping[str, Any]:
    """The view's filters, with its tag as it is called now."""
    filters = dict(view.filters)
    if (tag := filters.get("tag")) is not None:
        tags = await parts.documents.get(TagSet, caller.tenant)
        called = tags.called(tag) if tags is not None else None
        filters["tag"] = called.name if called is not None else tag
    return filters


def _known(view: SavedView | None, caller: Caller) -> SavedView:
    if view is None or view.tenant != caller.tenant:
        raise Problem(404, "there is no such saved view", code="unknown-saved-view")
    check_audience(view.audience, caller)
    return view
