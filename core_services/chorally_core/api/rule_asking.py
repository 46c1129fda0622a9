"""What is asked of calendars and replies: when it is open, what would be sent, whose turn it is, which holidays."""

from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems, with_etag
from chorally_core.api.rule import LONGEST, Reader, RuleService, Writer
from chorally_core.api.rule_views import SourceName
from chorally_core.ports.calendars import Calendar, Country, holidays_of, supported
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import Change, Found
from chorally_core.ports.opening import openings_on, reason_on
from chorally_core.ports.turns import SOURCES, Order, Source
from chorally_core.services.rule import commands
from chorally_core.services.rule.answering import VARIABLES, Answer
from chorally_core.services.rule.answering import answer as answered
from chorally_core.services.rule.choosing import Asking
from chorally_core.services.rule.model import CONDITIONS, Condition, Given, Reply
from chorally_core.services.rule.words import said

_REASON = "`hours` on an ordinary day, `holiday`, or `exception`."


class OpeningView(BaseModel):
    """Hours in which it is open."""

    opens: datetime = Field(title="Opens")
    closes: datetime = Field(title="Closes", description="The first instant at which it is closed.")


class DayView(BaseModel):
    """One day of a calendar."""

    day: date = Field(title="Day", description="In the calendar's time zone.")
    reason: str = Field(title="Reason", description=_REASON)
    name: str = Field(title="Name", description="Of the festivity or exception.")
    openings: list[OpeningView] = Field(title="Openings", description="Those that begin on this day.")


class DaysView(BaseModel):
    """When a calendar is open."""

    calendar_id: str = Field(title="Calendar")
    time_zone: str = Field(title="Time zone")
    days: list[DayView] = Field(title="Days", description="Each day, in their order.")


class WouldSend(BaseModel):
    """What would be sent at an instant."""

    at: datetime = Field(title="At")
    sends: bool = Field(title="Sends")
    why_not: str = Field(title="Why not", description="Why nothing would be sent; empty where something is.")
    calendar_id: str | None = Field(title="Calendar", description="The one that holds; null where none is for it.")
    calendar_name: str | None = Field(title="Calendar's name")
    is_open: bool | None = Field(title="Open")
    reason: str | None = Field(title="Reason", description=_REASON)
    festivity: str | None = Field(title="Festivity", description="The name of the festivity or exception.")
    since: datetime | None = Field(title="Since", description="When it opened or closed.")
    until: datetime | None = Field(title="Until", description="When it closes or opens next.")
    until_in_words: str | None = Field(title="Until, in words", description="In the language of the reply.")
    condition: Condition | None = Field(title="Condition", description="Of the reply.")
    reply_id: str | None = Field(title="Reply")
    language: str | None = Field(title="Language", description="Of the text.")
    text: str | None = Field(title="Text", description="With its variables filled in, but those of the message.")


class Settings(BaseModel):
    """Who may answer a message by machine, one after the other until one does."""

    model_config = ConfigDict(extra="forbid")

    order: list[SourceName] = Field(
        title="Order",
        min_length=len(SOURCES),
        max_length=len(SOURCES),
        description="Each of `chatbot`, `rule-engine` and `rule` (replies by the calendar) once.",
    )


class ReplySettingsView(Settings):
    """The order as it holds."""

    in_use: list[SourceName] = Field(title="In use", description="Those that answer for this tenant, or have done so.")


class Covered(BaseModel):
    """A country whose public holidays are known."""

    country: str = Field(title="Country", description="ISO 3166-1.")
    regions: list[str] = Field(title="Regions", description="ISO 3166-2 without the country.")


class Countries(BaseModel):
    """The countries whose public holidays are known."""

    items: list[Covered] = Field(title="Items")


class HolidayView(BaseModel):
    """A public holiday."""

    day: date = Field(title="Day")
    name: str = Field(title="Name")


class Holidays(BaseModel):
    """The public holidays of a year."""

    items: list[HolidayView] = Field(title="Items")


class ReplySchema(BaseModel):
    """What replies are made of."""

    conditions: dict[str, str] = Field(title="Conditions", description="When replies are given, and what it means.")
    variables: dict[str, str] = Field(title="Variables", description="What may stand in texts as `{{name|else}}`.")


def openings_router(parts: RuleService) -> APIRouter:
    """Return the route that shows when a calendar is open."""
    router = APIRouter(prefix="/calendars", tags=["calendars"], responses=problems(401, 403, 429))

    @router.get("/{calendar_id}/openings", summary="Show when a calendar is open", responses=problems(404, 422))
    async def show_openings(
        calendar_id: str,
        caller: Reader,
        begin: Annotated[date | None, Query(alias="from", title="From", description="Today where left out.")] = None,
        days: Annotated[int, Query(ge=1, le=LONGEST.days, title="Days", description="How many are shown.")] = 14,
    ) -> DaysView:
        """Return the opening times of some days, with festivities and exceptions, as they hold."""
        calendar = await parts.own(Calendar, "calendar", calendar_id, caller)
        hours = calendar.hours
        first = begin or parts.now().astimezone(hours.zone).date()
        if not 1900 <= first.year <= 2200:
            raise Problem(422, "name a date between 1900 and 2200 in from", code="invalid")
        shown = []
        for day in (first + timedelta(days=number) for number in range(days)):
            reason, name = reason_on(hours, day)
            spans = [
                OpeningView(opens=opens.astimezone(hours.zone), closes=closes.astimezone(hours.zone))
                for opens, closes in openings_on(hours, day)
            ]
            shown.append(DayView(day=day, reason=reason, name=name, openings=spans))
        return DaysView(calendar_id=calendar_id, time_zone=hours.time_zone, days=shown)

    return router


def asking_router(parts: RuleService) -> APIRouter:
    """Return the routes that tell what would be sent, in which order it is decided, and what there is to choose of."""
    router = APIRouter(tags=["replies"], responses=problems(401, 403, 429))

    @router.get("/preview", summary="Show what would be sent", responses=problems(422))
    async def show_preview(
        caller: Reader,
        at: Annotated[AwareDatetime | None, Query(title="At", description="Now where left out.")] = None,
        account_id: Annotated[str, Query(title="Account", max_length=200, description="Its id.")] = "",
        channel: Annotated[str, Query(title="Channel", max_length=200, description="Such as `mail`.")] = "",
        language: Annotated[str, Query(title="Language", max_length=35, description="Of who writes.")] = "",
        ticket_id: Annotated[
            str | None, Query(title="Ticket", max_length=200, description="Whether it was answered is looked at too.")
        ] = None,
    ) -> WouldSend:
        """Return what a message that came in at an instant would be answered by the calendar, or why nothing."""
        at = at or parts.now()
        if not 1900 <= at.year <= 2200:
            raise Problem(422, "name an instant between 1900 and 2200 in at", code="invalid")
        listed = await parts.listed(caller.tenant)
        calendars = await parts.read(Calendar, listed.calendars)
        replies = await parts.read(Reply, listed.replies)
        name = Given.id_of(caller.tenant, ticket_id or "")
        given = await parts.documents.get(Given, name) if ticket_id is not None else None
        values = {name: f"{{{{{name}}}}}" for name in VARIABLES if not name.startswith(("calendar.", "holiday."))}
        asking = Asking(account_id, channel, language)
        return _shown(answered(calendars, replies, asking, at, given=given, values=values), at, language)

    @router.get("/settings", summary="Show who may answer first", responses={200: with_etag("The order.")})
    async def show_settings(caller: Reader, response: Response) -> ReplySettingsView:
        """Return the order in which those who answer by machine are asked."""
        order = await parts.documents.get(Order, caller.tenant)
        response.headers["ETag"] = etag(order.version if order is not None else 0)
        return await _settings(parts, caller.tenant, order)

    @router.put(
        "/settings",
        summary="Set who may answer first",
        responses={200: with_etag("The order as it is now."), **problems(409, 412, 422)},
    )
    async def put_settings(
        body: Settings, caller: Writer, response: Response, if_match: IfMatch = None
    ) -> ReplySettingsView:
        """Ask in this order from now on: whoever comes first and has an answer gives the only one."""
        at, by = parts.now(), parts.by(caller)

        def decide(found: Found) -> Change:
            def check(version: int) -> None:
                check_match(if_match, version)

            return commands.set_order(found, caller.tenant, body.order, by, at, check)

        await parts.actions.act([Key.by_id(Order, caller.tenant)], decide)
        order = await parts.documents.get(Order, caller.tenant)
        response.headers["ETag"] = etag(order.version if order is not None else 0)
        return await _settings(parts, caller.tenant, order)

    @router.get("/schema", summary="Show what replies are made of")
    async def show_schema(_: Reader) -> ReplySchema:
        """Return the conditions and variables that replies may use."""
        return ReplySchema(conditions=dict(CONDITIONS), variables=dict(VARIABLES))

    @router.get("/countries", summary="List countries whose holidays are known")
    async def list_countries(_: Reader) -> Countries:
        """Return the countries that calendars may name, each with its regions."""
        return Countries(items=[Covered(country=name, regions=list(parts)) for name, parts in supported().items()])

    @router.get("/countries/{country}/holidays", summary="List a country's holidays", responses=problems(404))
    async def list_holidays(
        country: str,
        _: Reader,
        year: Annotated[int, Query(ge=1950, le=2100, title="Year", description="Whose holidays.")],
        region: Annotated[
            str, Query(title="Region", max_length=20, description="Part of the country, with its own too.")
        ] = "",
    ) -> Holidays:
        """Return the public holidays of a country or region in a year."""
        regions = supported().get(country)
        if regions is None or (region and region not in regions):
            raise Problem(404, "no holidays are known of it; GET /rule/v1/countries lists countries and regions")
        found = holidays_of(Country(country, region), year)
        return Holidays(items=[HolidayView(day=day, name=name) for day, name in sorted(found.items())])

    return router


async def _settings(parts: RuleService, tenant: str, order: Order | None) -> ReplySettingsView:
    keys = {name: Source.key_of(tenant, name) for name in SOURCES}
    found = await parts.documents.load(list(keys.values()))
    wanted = order.sources if order is not None else SOURCES
    in_use = [name for name in wanted if keys[name] in found]
    return ReplySettingsView.model_validate({"order": list(wanted), "in_use": in_use})


def _shown(found: Answer, at: datetime, language: str) -> WouldSend:
    calendar, state, reply = found.calendar, found.state, found.reply
    words = None
    if calendar is not None and state is not None and state.until is not None:
        zone = calendar.hours.zone
        words = said(state.until, seen_from=at, zone=zone, language=found.language or language).whole
    return WouldSend(
        at=at,
        sends=not found.why_not,
        why_not=found.why_not,
        calendar_id=calendar.calendar_id if calendar is not None else None,
        calendar_name=calendar.name if calendar is not None else None,
        is_open=state.is_open if state is not None else None,
        reason=state.reason if state is not None else None,
        festivity=state.name if state is not None else None,
        since=state.since if state is not None else None,
        until=state.until if state is not None else None,
        until_in_words=words,
        condition=reply.condition if reply is not None else None,
        reply_id=reply.reply_id if reply is not None else None,
        language=found.language or None,
        text=found.text or None,
    )
