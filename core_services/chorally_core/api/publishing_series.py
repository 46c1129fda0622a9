"""The routes of recurring posts."""

from collections.abc import Callable
from datetime import datetime
from itertools import islice
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Request, Response

from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.idempotency import IdempotencyKey, answer
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.publishing_parts import (
    Approver,
    Drafter,
    Publishing,
    Reader,
    Writer,
    by,
    invalid,
    refuse,
    settings_in,
    settings_key,
    shown,
)
from chorally_core.api.publishing_series_views import (
    OccurrenceChange,
    OccurrenceView,
    SeriesAdd,
    SeriesChange,
    SeriesView,
    local_named,
)
from chorally_core.api.publishing_views import DecisionAdd, PublicationView, Remark
from chorally_core.api.responses import problems, with_etag
from chorally_core.ports.documents import Condition, Key, Query
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.ports.zones import zone_mistake
from chorally_core.services.publishing import commands, series
from chorally_core.services.publishing.approval import NotPossible, NotYours
from chorally_core.services.publishing.facts import name_of
from chorally_core.services.publishing.model import Publication
from chorally_core.services.publishing.recurrence import LONGEST, mistake_in
from chorally_core.services.publishing.series import Series
from chorally_core.services.publishing.times import instant, note

MOST_SERIES = 200
"""Series of a tenant that go on, or ask to."""

_ANSWERS = {200: with_etag("The series as it is now."), **problems(404, 409, 412)}
Local = Annotated[
    str,
    Path(
        title="Time by the clock", pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$",
        description="Of the series' time zone, such as 2026-12-01T09:00:00.",
    ),
]  # fmt: skip


def series_router(parts: Publishing) -> APIRouter:
    """Return the routes of recurring posts."""
    router = APIRouter(prefix="/series", tags=["series"], responses=problems(401, 403, 429))

    @router.get("", summary="List series", responses=problems(400))
    async def list_series(caller: Reader, limit: Limit = 50, cursor: Cursor = None) -> Page[SeriesView]:
        """Return the tenant's recurring posts, the newest first."""
        place = decode_cursor(cursor, datetime, str) if cursor else None
        after = (place[0], place[1]) if place else None
        found: list[Series] = await parts.documents.find(
            Query(Series, caller.tenant, (), "created_at", True, limit + 1, after)
        )
        items, following = paged(found, limit, lambda s: (s.created_at, s.id))
        return Page[SeriesView](items=[SeriesView.of(s) for s in items], next=following)

    @router.get("/{series_id}", summary="Show a series", responses={200: with_etag("The series."), **problems(404)})
    async def show_series(series_id: str, caller: Reader, response: Response) -> SeriesView:
        """Return one series."""
        found = await own(parts, series_id, caller)
        response.headers["ETag"] = etag(found.version)
        return SeriesView.of(found)

    @router.post(
        "",
        status_code=201,
        summary="Begin a series",
        response_model=SeriesView,
        responses={201: with_etag("The series: a draft, asked for, or going on."), **problems(409)},
    )
    async def add_series(body: SeriesAdd, request: Request, caller: Drafter, key: IdempotencyKey = None) -> Response:
        """Publish the same again and again, by the clock of a time zone; one approval is for all occurrences."""

        async def make(name: str) -> Response:
            await _check_room(parts, caller)
            await _add(parts, body, caller, name)
            made = await own(parts, name, caller)
            headers = {"ETag": etag(made.version), "Location": f"/publishing/v1/series/{name}"}
            return answer(SeriesView.of(made), 201, headers)

        return await parts.once(request, caller, key, make)

    @router.patch("/{series_id}", summary="Change a series", response_model=SeriesView, responses=_ANSWERS)
    async def change_series(series_id: str, body: SeriesChange, caller: Drafter, if_match: IfMatch = None) -> Response:
        """Change what is named, for the occurrences to come; what was handed in or approved asks again."""

        def decide(known: Series, found: Found) -> Change:
            at = parts.now()
            content, used = _content(parts, body, known, found, caller, at)
            after = msgspec.structs.replace(known, **content)
            steps = parts.steps(found, [t.account_id for t in after.targets], after.labels, caller)
            if known.state in ("submitted", "approved"):
                _check(parts, after)
            change = series.edit(known, content=content, steps=steps, actor=by(caller), at=at)
            return Change(change.writes, change.events, mended=used if change.writes else ())

        keys = parts.keys(body.targets or (), body.files or ())
        return _shown(await _change(parts, series_id, caller, decide, if_match=if_match, keys=keys))

    def simple(
        path: str, summary: str, name: str, doc: str, who: Any, decide: Callable[[Series, Found, Caller, str], Change]
    ) -> None:
        """Add a route that takes a remark and changes a series."""

        async def endpoint(
            series_id: str, body: Remark, request: Request, caller: Caller, key: IdempotencyKey = None,
            if_match: IfMatch = None,
        ) -> Response:  # fmt: skip
            async def make(_: str) -> Response:
                if path == "submit":
                    await _check_room(parts, caller)
                return _shown(
                    await _change(
                        parts, series_id, caller, lambda known, found: decide(known, found, caller, body.comment),
                        if_match=if_match,
                    )
                )  # fmt: skip

            return await parts.once(request, caller, key, make)

        endpoint.__name__, endpoint.__doc__ = name, doc
        endpoint.__annotations__["caller"] = who
        router.post(f"/{{series_id}}/{path}", summary=summary, response_model=SeriesView, responses=_ANSWERS)(endpoint)

    def submit(known: Series, found: Found, caller: Caller, _: str) -> Change:
        _check(parts, known)
        steps = parts.steps(found, [t.account_id for t in known.targets], known.labels, caller)
        return series.submit(known, steps=steps, actor=by(caller), at=parts.now())

    simple(
        "submit", "Hand a series in", "submit_series",
        "Ask the approvers that the workflows name; where there are none, it begins at once.", Drafter, submit,
    )  # fmt: skip
    simple(
        "withdraw", "Withdraw a series", "withdraw_series",
        "Make a draft of it, of which nothing is published until it is approved anew; what is out stays.", Drafter,
        lambda known, _, caller, why: series.withdraw(known, comment=why, actor=by(caller), at=parts.now()),
    )  # fmt: skip
    simple(
        "cancel", "End a series", "cancel_series", "Publish nothing more of it; what is out stays.", Writer,
        lambda known, _, caller, why: series.cancel(known, actor=by(caller), at=parts.now()),
    )  # fmt: skip

    @router.post(
        "/{series_id}/decisions", summary="Approve or reject a series", response_model=SeriesView, responses=_ANSWERS
    )
    async def decide_series(
        series_id: str, body: DecisionAdd, request: Request, caller: Approver, key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response:  # fmt: skip
        """Decide about the series with this hash, and so about all its occurrences; one that is changed asks itself."""

        async def make(_: str) -> Response:
            person = await parts.person(caller)
            before = await own(parts, series_id, caller)
            colleagues = await parts.colleagues(caller.tenant, {one.by for one in before.approval.decisions})

            def decide(known: Series, _: Found) -> Change:
                return series.decide(
                    known, person, body.verdict, content_hash=body.content_hash, comment=body.comment,
                    colleagues=colleagues, at=parts.now(),
                )  # fmt: skip

            return _shown(await _change(parts, series_id, caller, decide, if_match=if_match))

        return await parts.once(request, caller, key, make)

    @router.get("/{series_id}/occurrences", summary="List what is to come of a series", responses=problems(400, 404))
    async def list_occurrences(
        series_id: str, caller: Reader, limit: Limit = 50, cursor: Cursor = None
    ) -> Page[OccurrenceView]:
        """Return the occurrences to come, those that are skipped or changed too."""
        known = await own(parts, series_id, caller)
        after = decode_cursor(cursor, str)[0] if cursor else ""
        coming = islice((local for local in known.to_come() if local > after), limit + 1)
        items, following = paged(list(coming), limit, lambda local: (local,))
        views = [
            OccurrenceView(
                local=local, at=known.at(local), note=note(datetime.fromisoformat(local), known.time_zone),
                skipped=local in known.skipped,
                publication_id=known.occurrence_id(local) if local in known.changed else None,
            )
            for local in items
        ]  # fmt: skip
        return Page[OccurrenceView](items=views, next=following)

    @router.delete(
        "/{series_id}/occurrences/{local}", summary="Skip an occurrence", response_model=SeriesView, responses=_ANSWERS
    )
    async def skip_occurrence(series_id: str, local: Local, caller: Writer, if_match: IfMatch = None) -> Response:
        """Leave one out."""
        return _shown(await _skip(parts, series_id, local, caller, if_match, skipped=True))

    @router.post(
        "/{series_id}/occurrences/{local}/restore", summary="Take a skipped occurrence in again",
        response_model=SeriesView, responses=_ANSWERS,
    )  # fmt: skip
    async def restore_occurrence(series_id: str, local: Local, caller: Writer, if_match: IfMatch = None) -> Response:
        """Publish one after all."""
        return _shown(await _skip(parts, series_id, local, caller, if_match, skipped=False))

    @router.put(
        "/{series_id}/occurrences/{local}", summary="Change one occurrence", response_model=PublicationView,
        responses={200: with_etag("The draft that the occurrence has become."), **problems(404, 409, 412)},
    )  # fmt: skip
    async def change_occurrence(
        series_id: str, local: Local, body: OccurrenceChange, caller: Drafter, if_match: IfMatch = None
    ) -> Response:
        """Make a draft of its own of one occurrence, to be approved by itself; its series leaves it out."""
        wall = local_named(local)

        def decide(known: Series, found: Found) -> Change:
            at = parts.now()
            apart = series.set_apart(known, wall, actor=by(caller), at=at)
            name = known.occurrence_id(wall)
            left = found.get(Publication, name)  # by a kill before the series heard of it: somebody else's wish
            when = body.publish_local or datetime.fromisoformat(wall)
            planned = parts.planned(None, when, known.time_zone, settings_in(found, caller.tenant))
            read = parts.read(
                found,
                body.targets or (),
                body.files or (),
                lambda n: f"targets/{n}/",
                caller=caller,
                at=at,
                needed_at=planned["publish_at"],
            )
            draft = commands.drafted(
                publication_id=name, tenant=caller.tenant,
                content={
                    "title": known.title, "body": known.body if body.body is None else body.body,
                    "attachments": known.attachments if body.files is None else read.attachments,
                    "labels": known.labels, "series_id": known.id, "occurrence": wall, **planned,
                    "authors": tuple(dict.fromkeys((*known.authors, name_of(by(caller))))),
                },
                targets=known.targets if body.targets is None else read.targets, actor=by(caller), at=at,
                known=None if left is not None and left.stage == "draft" else left,
            )  # fmt: skip
            told = series.told("publication_occurrence_changed", apart, by(caller), at)
            if draft is None or left is None:
                return Change((*(() if draft is None else (draft,)), apart), (told,), mended=read.used)
            again = msgspec.structs.replace(draft, version=left.version)
            return Change((apart,), (told,), mended=(*read.used, again))

        known = await own(parts, series_id, caller)
        name = known.occurrence_id(wall)
        keys = [Key.by_id(Publication, name), *parts.keys(body.targets or (), body.files or ())]
        await _change(parts, series_id, caller, decide, if_match=if_match, keys=keys)
        return shown(await parts.own(name, caller))

    return router


async def own(parts: Publishing, series_id: str, caller: Caller) -> Series:
    """Return a series of the caller's tenant.

    Raises:
        Problem: 404, there is none.
    """
    found = await parts.documents.get(Series, series_id)
    if found is None or found.tenant != caller.tenant:
        raise Problem(404, "there is no such series")
    return found


async def _check_room(parts: Publishing, caller: Caller) -> None:
    """Let a series go on only where there are not too many.

    Raises:
        Problem: 409; there are.
    """
    going_on = (Condition("state", "in", ("submitted", "approved")),)
    if await parts.documents.count(Query(Series, caller.tenant, going_on)) >= MOST_SERIES:
        raise Problem(409, f"there are {MOST_SERIES} series already; cancel one", code="too-many")


async def _change(
    parts: Publishing, series_id: str, caller: Caller, decide: Callable[[Series, Found], Change], *,
    if_match: str | None, keys: list[Key] | None = None,
) -> Series:  # fmt: skip
    def decided(found: Found) -> Change:
        known = found.get(Series, series_id)
        if known is None or known.tenant != caller.tenant:
            raise Problem(404, "there is no such series")
        check_match(if_match, known.version)
        try:
            return decide(known, found)
        except NotYours as error:
            raise Problem(403, str(error), code="not-yours") from None
        except NotPossible as error:
            raise Problem(409, str(error), code="not-possible") from None

    await parts.actions.act([Key.by_id(Series, series_id), settings_key(caller.tenant), *(keys or [])], decided)
    return await own(parts, series_id, caller)


async def _skip(
    parts: Publishing, series_id: str, local: str, caller: Caller, if_match: str | None, *, skipped: bool
) -> Series:
    wall = local_named(local)
    return await _change(
        parts, series_id, caller,
        lambda known, _: series.skip(known, wall, skipped=skipped, actor=by(caller), at=parts.now()),
        if_match=if_match,
    )  # fmt: skip


async def _add(parts: Publishing, body: SeriesAdd, caller: Caller, name: str) -> None:
    def decide(found: Found) -> Change:
        if found.get(Series, name) is not None:
            return NOTHING
        at = parts.now()
        empty = Series(
            id=name, tenant=caller.tenant, rule="", starts_at="", time_zone=settings_in(found, caller.tenant).time_zone,
            created_by=caller.subject, created_at=at, authors=(name_of(by(caller)),),
        )  # fmt: skip
        content, used = _content(parts, body, empty, found, caller, at)
        made = msgspec.structs.replace(empty, **content)
        steps = None
        if body.submit:
            _check(parts, made)
            steps = parts.steps(found, [t.account_id for t in made.targets], made.labels, caller)
        change = series.add(made, steps=steps, actor=by(caller), at=at)
        return Change(change.writes, change.events, mended=used)

    keys = [Key.by_id(Series, name), settings_key(caller.tenant), *parts.keys(body.targets, body.files)]
    await parts.actions.act(keys, decide)


def _content(
    parts: Publishing, body: SeriesAdd | SeriesChange, known: Series, found: Found, caller: Caller, at: datetime
) -> tuple[dict[str, Any], tuple[Any, ...]]:
    """What a request says of a series, checked; its files are kept for as long as it may last."""
    named = body.model_fields_set if isinstance(body, SeriesChange) else set(SeriesAdd.model_fields)
    content: dict[str, Any] = {}
    for field in ("title", "body", "rule"):
        if field in named:
            if (value := getattr(body, field)) is None:
                raise invalid(field, "leave it out, or give a value")
            content[field] = value
    if "rule" in content:
        content["rule"] = content["rule"].strip().upper().removeprefix("RRULE:")
    if body.starts is not None:
        content["starts_at"] = body.starts.replace(microsecond=0).isoformat()
        if not at.year - 1 <= body.starts.year <= at.year + 10:
            raise invalid("starts", "is long past, or more than ten years ahead; name another time")
    if body.time_zone is not None:
        if why := zone_mistake(body.time_zone):
            raise invalid("time_zone", why)
        content["time_zone"] = body.time_zone
    if "labels" in named:
        content["labels"] = tuple(dict.fromkeys(body.labels or ()))
    after = msgspec.structs.replace(known, **content)
    if why := mistake_in(after.rule, after.starts, after.time_zone):
        raise invalid("rule", why)
    read = parts.read(
        found, body.targets or (), body.files or (), lambda number: f"targets/{number}/", caller=caller, at=at,
        needed_at=max(at, instant(after.starts, after.time_zone) + LONGEST),
    )  # fmt: skip
    if "files" in named:
        content["attachments"] = read.attachments
    if body.targets is not None:
        content["targets"] = tuple(read.targets)
    return content, read.used


def _check(parts: Publishing, known: Series) -> None:
    refuse(parts.speaks_against(known.targets, known.text_for, known.files_for, lambda number: f"targets/{number}/"))


def _shown(known: Series) -> Response:
    return answer(SeriesView.of(known), 200, {"ETag": etag(known.version)})
