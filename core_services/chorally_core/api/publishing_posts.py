"""The routes of posts: list, look at, draft, change, cancel."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter

from chorally_core.api.etag import IfMatch, etag
from chorally_core.api.idempotency import IdempotencyKey
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.publishing_parts import (
    Drafter,
    Publishing,
    Reader,
    Writer,
    by,
    invalid,
    settings_in,
    settings_key,
    shown,
)
from chorally_core.api.publishing_views import (
    FieldProblem,
    PreviewAsk,
    PreviewView,
    PublicationAdd,
    PublicationChange,
    PublicationView,
    TargetPreview,
    step_views,
)
from chorally_core.api.responses import problems, with_etag
from chorally_core.events.records import Attached
from chorally_core.ports.documents import Condition, Key, Query
from chorally_core.ports.files import File
from chorally_core.ports.going_out import Wanted
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.services.publishing import commands
from chorally_core.services.publishing.model import Publication, PublicationState, Target
from chorally_core.services.publishing.times import note


def posts_router(parts: Publishing) -> APIRouter:
    """Return the routes of posts."""
    router = APIRouter(tags=["publications"], responses=problems(401, 403, 429))

    @router.get("/publications", summary="List posts", responses=problems(400))
    async def list_publications(
        caller: Reader,
        state: Annotated[PublicationState | None, Parameter(title="State", description="Only in this state.")] = None,
        account_id: Annotated[str | None, Parameter(title="Account", description="Only of this account.")] = None,
        label: Annotated[str | None, Parameter(title="Label", description="Only with this label.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[PublicationView]:
        """Return the tenant's posts, the newest first."""
        where = [] if state is None else [Condition("state", "is", state)]
        if account_id is not None:
            where.append(Condition("account_ids", "has", account_id))
        if label is not None:
            where.append(Condition("labels", "has", label))
        place = decode_cursor(cursor, datetime, str) if cursor else None
        after = (place[0], place[1]) if place else None
        query = Query(Publication, caller.tenant, tuple(where), "created_at", True, limit + 1, after)
        found: list[Publication] = await parts.documents.find(query)
        items, following = paged(found, limit, lambda p: (p.created_at, p.id))
        return Page[PublicationView](items=[PublicationView.of(p) for p in items], next=following)

    @router.get(
        "/publications/{publication_id}",
        summary="Show a post",
        responses={200: with_etag("The post."), **problems(404)},
    )
    async def show_publication(publication_id: str, caller: Reader, response: Response) -> PublicationView:
        """Return one post, what was approved of it, and how far it got."""
        found = await parts.own(publication_id, caller)
        response.headers["ETag"] = etag(found.version)
        return PublicationView.of(found)

    @router.post(
        "/publications",
        status_code=201,
        summary="Write a post, and hand it in",
        response_model=PublicationView,
        responses={
            201: with_etag("The post: a draft, asked for, waiting for its time, or on its way."),
            **problems(409),
        },
    )
    async def add_publication(
        body: PublicationAdd, request: Request, caller: Drafter, key: IdempotencyKey = None
    ) -> Response:
        """Publish in the name of accounts, now or at a time; where workflows name approvers, they are asked first."""

        async def make(name: str) -> Response:
            await _add(parts, body, caller, name)
            made = await parts.own(name, caller)
            return shown(made, 201, {"Location": f"/publishing/v1/publications/{name}"})

        return await parts.once(request, caller, key, make)

    @router.patch(
        "/publications/{publication_id}",
        summary="Change a post that is not out",
        response_model=PublicationView,
        responses={200: with_etag("The post as it is now."), **problems(404, 409, 412)},
    )
    async def change_publication(
        publication_id: str, body: PublicationChange, caller: Drafter, if_match: IfMatch = None
    ) -> Response:
        """Change what is named. What was handed in or approved asks again, as nobody has approved what it is now."""

        def decide(known: Publication, found: Found) -> Change:
            at = parts.now()
            content, targets, used = _changes(parts, body, known, found, caller, at)
            accounts = [t.account_id for t in (known.targets if targets is None else targets)]
            labels = content.get("labels", known.labels)
            change = commands.edit(
                known, content=content, targets=targets, steps=parts.steps(found, accounts, labels, caller),
                actor=by(caller), at=at,
            )  # fmt: skip
            for edited in change.writes:
                if isinstance(edited, Publication) and edited.stage != "draft":
                    parts.check(edited, _in_targets)
            return Change(change.writes, change.events, mended=used if change.writes else ())

        keys = parts.keys(body.targets or (), body.files or ())
        return shown(await parts.change(publication_id, caller, decide, if_match=if_match, keys=keys))

    @router.post(
        "/publications/{publication_id}/cancel",
        summary="Cancel a post that is not on its way",
        response_model=PublicationView,
        responses={200: with_etag("The post, cancelled."), **problems(404, 409, 412)},
    )
    async def cancel_publication(
        publication_id: str,
        request: Request,
        caller: Writer,
        key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response:
        """Keep a post from being published; one that is on its way is refused with 409."""

        async def make(_: str) -> Response:
            at = parts.now()
            return shown(
                await parts.change(
                    publication_id, caller, lambda known, _: commands.cancel(known, actor=by(caller), at=at),
                    if_match=if_match,
                )
            )  # fmt: skip

        return await parts.once(request, caller, key, make)

    @router.post("/previews", summary="Look at a post before it is written", responses=problems(404))
    async def preview(body: PreviewAsk, caller: Drafter) -> PreviewView:
        """Say how a post would look on each target, what speaks against it, and whom it would ask; store nothing."""
        wanted = body.wanted
        found = await _look_up(parts, [settings_key(caller.tenant), *parts.keys(wanted, body.files)])
        settings = settings_in(found, caller.tenant)
        planned = parts.planned(body.publish_at, body.publish_local, body.time_zone, settings)
        read = parts.read(
            found, wanted, body.files, body.at, caller=caller, at=parts.now(), needed_at=planned["publish_at"]
        )
        odd = note(body.publish_local, planned["time_zone"]) if body.publish_local else ""
        views = _previews(
            parts, read.targets, lambda t: body.body if t.body is None else t.body,
            lambda t: read.attachments if t.attachments is None else t.attachments,
        )  # fmt: skip
        steps = parts.steps(found, [t.account_id for t in read.targets], body.labels, caller)
        return PreviewView(
            is_fit=bool(views) and not any(view.problems for view in views), targets=views,
            publish_at=planned["publish_at"], note=odd, steps=step_views(steps),
        )  # fmt: skip

    @router.get("/publications/{publication_id}/preview", summary="Look at a post as it is", responses=problems(404))
    async def preview_publication(publication_id: str, caller: Reader) -> PreviewView:
        """Say how a post would look on each target, what speaks against it, and whom it would ask."""
        known = await parts.own(publication_id, caller)
        found = await _look_up(parts, [settings_key(caller.tenant)])
        local = datetime.fromisoformat(known.local_at) if known.local_at else None
        views = _previews(parts, known.targets, known.text_for, known.files_for)
        return PreviewView(
            is_fit=bool(views) and not any(view.problems for view in views), targets=views,
            publish_at=known.publish_at, note=note(local, known.time_zone) if local and known.time_zone else "",
            steps=step_views(parts.steps(found, known.account_ids, known.labels, caller)),
        )  # fmt: skip

    return router


async def _add(parts: Publishing, body: PublicationAdd, caller: Caller, name: str) -> None:
    def decide(found: Found) -> Change:
        known = found.get(Publication, name)
        if known is not None:
            return NOTHING
        at = parts.now()
        planned = parts.planned(body.publish_at, body.publish_local, body.time_zone, settings_in(found, caller.tenant))
        if body.submit and not body.wanted:
            raise invalid("targets", "name where it goes: an account and a channel")
        read = parts.read(
            found, body.wanted, body.files, body.at, caller=caller, at=at, needed_at=planned["publish_at"]
        )
        content = {
            "title": body.title, "body": body.body, "attachments": read.attachments,
            "labels": tuple(dict.fromkeys(body.labels)), "waits": body.waits, **planned,
        }  # fmt: skip
        draft = commands.drafted(
            publication_id=name, tenant=caller.tenant, content=content, targets=read.targets, actor=by(caller), at=at,
            known=known,
        )  # fmt: skip
        if draft is None:
            return NOTHING
        steps = None
        if body.submit:
            parts.check(draft, body.at)
            steps = parts.steps(found, draft.account_ids, draft.labels, caller)
        change = commands.add(draft, steps=steps, actor=by(caller), at=at)
        return Change(change.writes, change.events, mended=read.used)

    keys = [Key.by_id(Publication, name), settings_key(caller.tenant), *parts.keys(body.wanted, body.files)]
    await parts.actions.act(keys, decide)


def _changes(
    parts: Publishing, body: PublicationChange, known: Publication, found: Found, caller: Caller, at: datetime
) -> tuple[dict[str, Any], list[Target] | None, tuple[File, ...]]:
    """What a change says, checked."""
    named = body.model_fields_set
    content: dict[str, Any] = {}
    for name in ("title", "body", "waits"):
        if name in named:
            if (value := getattr(body, name)) is None:
                raise invalid(name, "leave it out, or give a value")
            content[name] = value
    if "labels" in named:
        content["labels"] = tuple(dict.fromkeys(body.labels or ()))
    if named & {"publish_at", "publish_local", "time_zone"}:
        local, zone = body.publish_local, body.time_zone or known.time_zone or None
        if local is None and not named & {"publish_at", "publish_local"} and known.local_at:
            local = datetime.fromisoformat(known.local_at)
        content |= parts.planned(body.publish_at, local, zone, settings_in(found, caller.tenant))
    needed_at = content.get("publish_at", known.publish_at)
    read = parts.read(
        found, body.targets or (), body.files or (), _in_targets, caller=caller, at=at, needed_at=needed_at
    )
    if "files" in named:
        content["attachments"] = read.attachments
    if "targets" in named and body.targets is None:
        raise invalid("targets", "leave it out, or name where it goes")
    return content, read.targets if body.targets is not None else None, read.used


def _previews(
    parts: Publishing,
    targets: Sequence[Target],
    text_for: Callable[[Target], str],
    files_for: Callable[[Target], tuple[Attached, ...]],
) -> list[TargetPreview]:
    views = []
    for target in targets:
        text, files = text_for(target), files_for(target)
        seen = parts.preview(Wanted(target.channel, "publish", text, files, options=target.options))
        found = [FieldProblem(field=no.field, message=no.why) for no in seen.problems]
        if not text.strip() and not files:
            found = [FieldProblem(field="body", message="write a text, or name a file")]
        views.append(
            TargetPreview(
                account_id=target.account_id, channel=target.channel, length=seen.length, unit=seen.unit,
                max_length=seen.most, parts=seen.parts, max_parts=seen.most_parts, files=seen.files,
                max_files=seen.most_files, links=list(seen.links), problems=found,
            )
        )  # fmt: skip
    return views


async def _look_up(parts: Publishing, keys: Sequence[Key]) -> Found:
    """What is stored of what a request names."""
    loaded = await parts.documents.load(keys)

    def none(*_: Any) -> int:
        raise Problem(500, "nothing is numbered here")

    return Found({(key.of, key.field, key.value): loaded.get(key) for key in keys}, none)


def _in_targets(number: int) -> str:
    return f"targets/{number}/"
