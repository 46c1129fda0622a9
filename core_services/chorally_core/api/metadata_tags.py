"""Tags: what may stand on tickets and people; renaming and merging them reaches all that is tagged."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter

from chorally_core.api.actor import actor
from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.idempotency import IdempotencyKey, answer
from chorally_core.api.metadata_parts import Metadata, Reader, Writer
from chorally_core.api.metadata_views import Policy, TagAdd, TagChange, TagMerge, TagView
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems, with_etag
from chorally_core.events.ids import derived
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.ports.jobs import Job
from chorally_core.ports.tags import Tag, TagSet, label
from chorally_core.services.metadata import tags as commands
from chorally_core.services.metadata.retagging import job_of


def tags_router(parts: Metadata) -> APIRouter:
    """Return the routes of tags."""
    router = APIRouter(prefix="/tags", tags=["tags"], responses=problems(401, 403, 429))

    async def of(caller: Caller) -> TagSet:
        return await parts.documents.get(TagSet, caller.tenant) or TagSet(id=caller.tenant, tenant=caller.tenant)

    async def own(tag_id: str, caller: Caller) -> Tag:
        return _known((await of(caller)).find(tag_id))

    @router.get("", summary="List tags", responses=problems(400))
    async def list_tags(
        caller: Reader,
        q: Annotated[
            str | None, Parameter(title="Text", max_length=100, description="Part of the name, whatever its case.")
        ] = None,
        group: Annotated[
            str | None, Parameter(title="Group", max_length=100, description="Only of this group.")
        ] = None,
        archived: Annotated[
            bool | None, Parameter(title="Archived", description="Only those that are; or that are not.")
        ] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[TagView]:
        """Return the tenant's tags by name."""
        after = decode_cursor(cursor, str, str) if cursor else None
        found = sorted((label(tag.name), tag.id, tag) for tag in (await of(caller)).tags)
        wanted = [
            tag
            for name, tag_id, tag in found
            if (after is None or (name, tag_id) > after)
            and (q is None or label(q) in name)
            and (group is None or tag.group == group)
            and (archived is None or tag.archived == archived)
        ]
        items, following = paged(wanted[: limit + 1], limit, lambda tag: (label(tag.name), tag.id))
        return Page(items=[TagView.of(tag) for tag in items], next=following)

    @router.get("/policy", summary="Show whether free tags are allowed")
    async def show_tag_policy(caller: Reader) -> Policy:
        """Return whether tags may be used that nobody has declared."""
        return Policy(free=(await of(caller)).free)

    @router.put("/policy", summary="Allow free tags, or not", responses=problems(409))
    async def set_tag_policy(body: Policy, caller: Writer) -> Policy:
        """Decide whether tags may be used that nobody has declared; those in use stay where they are."""
        at, cause = parts.now(), parts.new_id()
        await parts.actions.act(
            [commands.key(caller.tenant)],
            lambda found: commands.allow(
                found, caller.tenant, free=body.free, actor=actor(caller), at=at, cause=cause
            ),
        )  # fmt: skip
        return body

    @router.get("/{tag_id}", summary="Show a tag", responses={200: with_etag("The tag."), **problems(404)})
    async def show_tag(tag_id: str, caller: Reader, response: Response) -> TagView:
        """Return one tag."""
        tag = await own(tag_id, caller)
        response.headers["ETag"] = etag(tag.number)
        return TagView.of(tag)

    @router.post(
        "",
        status_code=201,
        summary="Add a tag",
        response_model=TagView,
        responses={201: with_etag("The tag."), **problems(409)},
    )
    async def add_tag(body: TagAdd, request: Request, caller: Writer, key: IdempotencyKey = None) -> Response:
        """Declare a tag; where free ones bear the name already, they are this one."""

        async def make(name: str) -> Response:
            at = parts.now()
            tag = Tag(
                id=name, name=body.name, colour=body.colour, description=body.description, group=body.group,
                created_at=at, created_by=caller.subject, changed_at=at, changed_by=caller.subject,
            )  # fmt: skip
            await parts.actions.act(
                [commands.key(caller.tenant)],
                lambda found: commands.add(found, caller.tenant, tag, actor=actor(caller), cause=derived("tag", name)),
            )
            made = await own(name, caller)
            headers = {"ETag": etag(made.number), "Location": f"/metadata/v1/tags/{name}"}
            return answer(TagView.of(made), 201, headers)

        return await parts.once(request, caller, key, make)

    @router.patch(
        "/{tag_id}",
        summary="Change, rename or archive a tag",
        responses={200: with_etag("The tag as it is now."), **problems(404, 409, 412)},
    )
    async def change_tag(
        tag_id: str, body: TagChange, caller: Writer, response: Response, if_match: IfMatch = None
    ) -> TagView:
        """Change what is named; a new name is brought to tickets and people by the job `job_id`."""
        at, cause = parts.now(), parts.new_id()
        was = ""

        def decide(found: Found) -> Change:
            nonlocal was
            known = _known(commands.of(found, caller.tenant).find(tag_id))
            check_match(if_match, known.number)
            was = known.name
            tag = commands.revised(known, body.changes(), caller.subject, at)
            if tag is known:
                return NOTHING
            return commands.change(found, caller.tenant, tag, actor=actor(caller), cause=cause)

        await parts.actions.act([commands.key(caller.tenant)], decide)
        tag = await own(tag_id, caller)
        response.headers["ETag"] = etag(tag.number)
        return TagView.of(tag, job_of(cause) if body.changes().get("name", was) != was else None)

    @router.post(
        "/{tag_id}/merge", summary="Merge a tag into another", response_model=TagView, responses=problems(404, 409)
    )
    async def merge_tag(
        tag_id: str, body: TagMerge, request: Request, caller: Writer, key: IdempotencyKey = None
    ) -> Response:
        """Let another tag take its place, on all that is tagged; the job `job_id` does so. Its name means the other."""

        async def make(name: str) -> Response:
            at = parts.now()

            def decide(found: Found) -> Change:
                if found.get(Job, job_of(name)) is not None:
                    return NOTHING
                return commands.merge(
                    found, caller.tenant, tag_id, body.into, actor=actor(caller), at=at, cause=name
                )  # fmt: skip

            await parts.actions.act([commands.key(caller.tenant), Key.by_id(Job, job_of(name))], decide)
            return answer(TagView.of(await own(body.into, caller), job_of(name)), 200)

        return await parts.once(request, caller, key, make)

    return router


def _known(tag: Tag | None) -> Tag:
    if tag is None:
        raise Problem(404, "there is no such tag; it may have been merged into another", code="unknown-tag")
    return tag
