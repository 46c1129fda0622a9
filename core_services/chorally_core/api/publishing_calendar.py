"""The calendar: what is planned and what was published between two instants, by the clock of a time zone."""

import asyncio
from datetime import datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter
from fastapi import Query as Parameter
from pydantic import AwareDatetime, BaseModel, Field

from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.publishing_parts import Publishing, Reader
from chorally_core.api.publishing_series import MOST_SERIES
from chorally_core.api.responses import problems
from chorally_core.ports.documents import Condition, Query
from chorally_core.ports.zones import zone_mistake
from chorally_core.services.publishing.model import Publication, PublicationState
from chorally_core.services.publishing.recurrence import instants
from chorally_core.services.publishing.series import Series
from chorally_core.services.publishing.times import wall

_LONGEST = timedelta(days=100)
_SHOWN = 280


class CalendarEntry(BaseModel):
    """A post, or an occurrence of a series that is to come."""

    kind: Literal["post", "occurrence"] = Field(title="Kind")
    id: str = Field(title="Id", description="Of the post; an occurrence's is that of the post which it becomes.")
    series_id: str | None = Field(title="Series")
    at: datetime = Field(
        title="Time", description="When it is planned; where no time was named, when it was written or published."
    )
    local: str = Field(title="Time by the clock", description="Of the time zone asked for.")
    title: str = Field(title="Title")
    body: str = Field(title="Text", description="Its beginning.")
    state: PublicationState = Field(
        title="State", description="Of an occurrence, `scheduled` or `submitted` as its series is."
    )
    account_ids: list[str] = Field(title="Accounts")
    channels: list[str] = Field(title="Channels")
    labels: list[str] = Field(title="Labels")


def calendar_router(parts: Publishing) -> APIRouter:
    """Return the route of the calendar."""
    router = APIRouter(tags=["calendar"], responses=problems(401, 403, 429))

    @router.get("/calendar", summary="Show what is published when", responses=problems(400))
    async def show_calendar(
        caller: Reader,
        begins: Annotated[AwareDatetime, Parameter(alias="from", title="From", description="The first instant.")],
        ends: Annotated[
            AwareDatetime,
            Parameter(alias="to", title="To", description="The first instant after it, 100 days later at most."),
        ],
        time_zone: Annotated[
            str | None, Parameter(title="Time zone", max_length=64, description="The tenant's where left out.")
        ] = None,
        account_id: Annotated[str | None, Parameter(title="Account", description="Only of this account.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[CalendarEntry]:  # fmt: skip
        """Return posts and what is to come of series, by their time; what was cancelled is left out."""
        zone = time_zone or (await parts.settings(caller.tenant)).time_zone
        if why := zone_mistake(zone):
            raise _invalid("time_zone", why)
        if not timedelta(0) < ends - begins <= _LONGEST:
            raise _invalid("to", "is after `from`, by 100 days at most")
        if not 1970 < begins.year < 9000:
            raise _invalid("from", "is out of reach; name another time")
        place = decode_cursor(cursor, datetime, str) if cursor else None
        after = (place[0], place[1]) if place else None
        where = [Condition("at", ">=", begins), Condition("at", "<", ends), Condition("state", "in", _SEEN)]
        if account_id is not None:
            where.append(Condition("account_ids", "has", account_id))
        posts: list[Publication] = await parts.documents.find(
            Query(Publication, caller.tenant, tuple(where), "at", False, limit + 1, after)
        )
        going_on = (Condition("state", "in", ("submitted", "approved")),)
        all_series: list[Series] = await parts.documents.find(
            Query(Series, caller.tenant, going_on, limit=2 * MOST_SERIES)
        )
        wanted = [s for s in all_series if account_id is None or account_id in {t.account_id for t in s.targets}]
        coming = await asyncio.to_thread(_coming, wanted, begins, ends, zone)
        entries = [*(_of_post(post, zone) for post in posts), *coming]
        entries.sort(key=lambda entry: (entry.at, entry.id))
        left = [entry for entry in entries if after is None or (entry.at, entry.id) > after]
        items, following = paged(left[: limit + 1], limit, lambda entry: (entry.at, entry.id))
        return Page[CalendarEntry](items=items, next=following)

    return router


_SEEN: tuple[PublicationState, ...] = (
    "draft", "submitted", "approved", "rejected", "scheduled", "publishing", "published", "failed", "unconfirmed",
    "deleted",
)  # fmt: skip


def _of_post(post: Publication, zone: str) -> CalendarEntry:
    return CalendarEntry(
        kind="post", id=post.id, series_id=post.series_id, at=post.at, local=wall(post.at, zone).isoformat(),
        title=post.title, body=(post.body or _first_text(post))[:_SHOWN], state=post.state,
        account_ids=list(post.account_ids), channels=list(dict.fromkeys(t.channel for t in post.targets)),
        labels=list(post.labels),
    )  # fmt: skip


def _coming(all_series: list[Series], begins: datetime, ends: datetime, zone: str) -> list[CalendarEntry]:
    entries = []
    for series in all_series:
        state: PublicationState = "scheduled" if series.state == "approved" else "submitted"
        for local, at in instants(series.rule, series.starts, series.time_zone, begins, ends):
            name = local.isoformat()
            if name <= series.done or name in series.skipped or name in series.changed:
                continue
            entries.append(
                CalendarEntry(
                    kind="occurrence", id=series.occurrence_id(name), series_id=series.id, at=at,
                    local=wall(at, zone).isoformat(), title=series.title, body=series.body[:_SHOWN], state=state,
                    account_ids=list(dict.fromkeys(t.account_id for t in series.targets)),
                    channels=list(dict.fromkeys(t.channel for t in series.targets)), labels=list(series.labels),
                )
            )  # fmt: skip
    return entries


def _first_text(post: Publication) -> str:
    return next((text for target in post.targets if (text := post.text_for(target))), "")


def _invalid(field: str, why: str) -> Problem:
    return Problem(422, why, code="invalid", errors=[{"field": f"/query/{field}", "message": why}])
