"""The rule service's API, at ``/rule/v1``: calendars; replies and what is asked of both are beside it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response
from pydantic import BaseModel, ValidationError

from chorally_core.api import problem
from chorally_core.api.actor import actor
from chorally_core.api.auth import allowed
from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.idempotency import IdempotencyKey, Once, answer
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, encode_cursor
from chorally_core.api.problem import Problem
from chorally_core.api.responses import describe, problems, with_etag
from chorally_core.api.rule_views import CalendarAdd, CalendarChange, CalendarView
from chorally_core.events.ids import derived
from chorally_core.ports.actions import Actions
from chorally_core.ports.calendars import Calendar, Calendars, Listed
from chorally_core.ports.documents import Document, Documents, Key
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.identity import Caller, Identity
from chorally_core.ports.permissions import Permission
from chorally_core.ports.storable import mistake_in
from chorally_core.services.rule import commands
from chorally_core.services.rule.commands import By
from chorally_core.services.rule.model import Reply

Reader = Annotated[Caller, allowed(Permission.RULES_READ)]
Writer = Annotated[Caller, allowed(Permission.RULES_WRITE)]

D = TypeVar("D", bound=Document)
M = TypeVar("M", bound=BaseModel)
_SCOPE = ("name", "accounts", "channels", "languages")


@dataclass(kw_only=True)
class RuleService:
    """What the API needs."""

    documents: Documents
    actions: Actions
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    rules_on: Callable[[str, str], Awaitable[Sequence[str]]]
    """Gives the names of the rules of a tenant whose conditions look at a calendar."""

    @cached_property
    def once(self) -> Once:
        """Carries out writes under an ``Idempotency-Key``."""
        return Once(self.documents, now=self.now, new_id=self.new_id)

    def by(self, caller: Caller, cause: str = "") -> By:
        """Return who asks; what tells this request apart is drawn where it is not given."""
        return By(actor(caller), cause or self.new_id())

    async def listed(self, tenant: str) -> Calendars:
        """Return the places of a tenant's calendars and replies."""
        return await self.documents.get(Calendars, tenant) or Calendars(id=tenant, tenant=tenant)

    async def read(self, of: type[D], places: Sequence[Listed]) -> list[D]:
        """Return what stands in these places; what was replaced meanwhile is left out."""
        keys = [Key.by_id(of, listed.stored) for listed in places]
        found = await self.documents.load(keys) if keys else {}
        return [each for key in keys if isinstance(each := found.get(key), of)]

    async def page(self, of: type[D], places: Sequence[Listed], limit: int, cursor: str | None) -> tuple[list[D], Any]:
        """Return one page of what stands in places, and the cursor of the next."""
        begin = max(decode_cursor(cursor, int)[0], 0) if cursor else 0
        following = encode_cursor((begin + limit,)) if begin + limit < len(places) else None
        return await self.read(of, places[begin : begin + limit]), following

    async def own(self, of: type[D], what: str, name: str, caller: Caller) -> D:
        """Return a calendar or reply of the caller's tenant.

        Raises:
            Problem: 404, there is none.
        """
        listed = await self.listed(caller.tenant)
        places = listed.calendars if of is Calendar else listed.replies
        found = await self.read(of, [each for each in places if each.id == name])
        if not found:
            raise Problem(404, f"there is no such {what}")
        return found[0]


def create_app(identity: Identity, *routers: APIRouter) -> FastAPI:
    """Return the application to mount at ``/rule/v1``."""
    app = FastAPI(
        title="Chorally rules",
        version="1",
        description="Calendars, and what is answered by them while nobody is there.",
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.identity = identity
    problem.install(app)
    describe(app)
    for router in routers:
        app.include_router(router)
    return app


def calendars_router(parts: RuleService) -> APIRouter:
    """Return the routes of calendars."""
    router = APIRouter(prefix="/calendars", tags=["calendars"], responses=problems(401, 403, 429))

    @router.get("", summary="List calendars", responses=problems(400))
    async def list_calendars(caller: Reader, limit: Limit = 50, cursor: Cursor = None) -> Page[CalendarView]:
        """Return the tenant's calendars; of two that are for a message alike, the earlier one holds."""
        listed = await parts.listed(caller.tenant)
        found, following = await parts.page(Calendar, listed.calendars, limit, cursor)
        return Page[CalendarView](items=[CalendarView.of(each) for each in found], next=following)

    @router.get("/{calendar_id}", summary="Show a calendar", responses={200: with_etag("It."), **problems(404)})
    async def show_calendar(calendar_id: str, caller: Reader, response: Response) -> CalendarView:
        """Return one calendar."""
        calendar = await parts.own(Calendar, "calendar", calendar_id, caller)
        response.headers["ETag"] = etag(calendar.number)
        return CalendarView.of(calendar)

    @router.post(
        "",
        status_code=201,
        summary="Add a calendar",
        response_model=CalendarView,
        responses={201: with_etag("The calendar."), **problems(409, 422)},
    )
    async def add_calendar(body: CalendarAdd, request: Request, caller: Writer, key: IdempotencyKey = None) -> Response:
        """Add a calendar; it holds for what is received from now on."""

        async def make(name: str) -> Response:
            calendar = _calendar(body, name, 1, caller, parts.now())
            by = parts.by(caller, derived("calendar-added", name))

            def decide(found: Found) -> Change:
                listed = found.get(Calendars, caller.tenant)
                if listed is not None and any(each.id == name for each in listed.calendars):
                    return NOTHING
                return commands.put_calendar(found, calendar, by)

            await parts.actions.act([commands.key(caller.tenant)], decide)
            made = await parts.own(Calendar, "calendar", name, caller)
            headers = {"ETag": etag(made.number), "Location": f"/rule/v1/calendars/{name}"}
            return answer(CalendarView.of(made), 201, headers)

        return await parts.once(request, caller, key, make)

    @router.patch(
        "/{calendar_id}",
        summary="Change a calendar",
        responses={200: with_etag("The calendar as it is now."), **problems(404, 409, 412, 422)},
    )
    async def change_calendar(
        calendar_id: str, body: CalendarChange, caller: Writer, response: Response, if_match: IfMatch = None
    ) -> CalendarView:
        """Change what is named; it holds for what is received from now on."""
        known = await parts.own(Calendar, "calendar", calendar_id, caller)
        check_match(if_match, known.number)
        now_shown = CalendarView.of(known).model_dump(include=set(CalendarAdd.model_fields))
        wanted = merged(CalendarAdd, now_shown, body)
        calendar = _calendar(wanted, calendar_id, known.number + 1, caller, parts.now(), known)
        if _says(calendar) != _says(known):
            by, before = parts.by(caller), known
            await parts.actions.act(
                [commands.key(caller.tenant)], lambda found: commands.put_calendar(found, calendar, by, before)
            )
            known = calendar
        response.headers["ETag"] = etag(known.number)
        return CalendarView.of(known)

    @router.delete("/{calendar_id}", status_code=204, summary="Remove a calendar", responses=problems(404, 409, 412))
    async def remove_calendar(calendar_id: str, caller: Writer, if_match: IfMatch = None) -> None:
        """Remove a calendar that no reply names, and no rule looks at."""
        known = await parts.own(Calendar, "calendar", calendar_id, caller)
        check_match(if_match, known.number)
        if looking := await parts.rules_on(caller.tenant, calendar_id):
            why = f"rules look at this calendar; change or remove them first: {', '.join(looking[:5])}"
            raise Problem(409, why, code="calendar-in-use")
        at, by = parts.now(), parts.by(caller)
        listed = await parts.listed(caller.tenant)
        replies = await parts.read(Reply, listed.replies)

        def decide(found: Found) -> Change:
            now = found.get(Calendars, caller.tenant)
            if now is None or now.version != listed.version:
                raise Problem(409, "calendars or replies were changed meanwhile; try again", code="changed-meanwhile")
            return commands.remove_calendar(found, known, replies, by, at)

        await parts.actions.act([commands.key(caller.tenant)], decide)

    return router


def merged(of: type[M], shown: dict[str, Any], change: BaseModel) -> M:
    """Return what a change makes of something.

    Args:
        of: What the whole is checked as.
        shown: The whole as it is now.
        change: What is named of it takes the place of what it was.

    Raises:
        Problem: 422, it cannot be so; names each place.
    """
    new = {name: value for name, value in change.model_dump().items() if name in change.model_fields_set}
    try:
        return of.model_validate({**shown, **new})
    except ValidationError as error:
        errors = [
            {"field": "/" + "/".join(str(part) for part in ("body", *each["loc"])), "message": str(each["msg"])}
            for each in error.errors()
        ]
        raise Problem(422, "it cannot be changed so; see errors", code="invalid", errors=errors) from error


def storable(*values: Any) -> None:
    """Let pass what can be stored.

    Raises:
        Problem: 422, some text cannot.
    """
    if why := mistake_in(list(values)):
        raise Problem(422, f"a text {why}", code="invalid")


def _calendar(
    body: CalendarAdd, name: str, number: int, caller: Caller, at: datetime, known: Calendar | None = None
) -> Calendar:
    storable(body.model_dump(mode="json"))
    return Calendar(
        id="",
        tenant=caller.tenant,
        calendar_id=name,
        number=number,
        hours=body.stored(),
        created_at=known.created_at if known is not None else at,
        created_by=known.created_by if known is not None else caller.subject,
        changed_at=at,
        changed_by=caller.subject,
        **{field: getattr(body, field) for field in _SCOPE},
    )


def _says(calendar: Calendar) -> tuple[Any, ...]:
    """What of a calendar people change."""
    return (msgspec.to_builtins(calendar.hours), *(getattr(calendar, field) for field in _SCOPE))


LONGEST = timedelta(days=400)
"""Range over which opening times are shown at most."""
