"""Fields of the tenant's own on tickets, people and messages; checked wherever they are written."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter

from chorally_core.api.actor import actor
from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.idempotency import IdempotencyKey, answer
from chorally_core.api.metadata_parts import Metadata, Reader, Writer
from chorally_core.api.metadata_views import FieldAdd, FieldChange, FieldView, Policy, options_of
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems, with_etag
from chorally_core.events.ids import derived
from chorally_core.ports.custom_fields import CustomField, Entity, FieldSet
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.services.metadata import fields as commands


def fields_router(parts: Metadata) -> APIRouter:
    """Return the routes of fields."""
    router = APIRouter(prefix="/fields", tags=["fields"], responses=problems(401, 403, 429))

    async def of(caller: Caller) -> FieldSet:
        return await parts.documents.get(FieldSet, caller.tenant) or FieldSet(id=caller.tenant, tenant=caller.tenant)

    async def own(field_id: str, caller: Caller) -> CustomField:
        return _known((await of(caller)).find(field_id))

    @router.get("", summary="List fields", responses=problems(400))
    async def list_fields(
        caller: Reader,
        entity: Annotated[Entity | None, Parameter(alias="of", title="Of", description="Only of these.")] = None,
        archived: Annotated[
            bool | None, Parameter(title="Archived", description="Only those that are; or that are not.")
        ] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[FieldView]:
        """Return the tenant's fields, by what has them and by key."""
        after = decode_cursor(cursor, str, str) if cursor else None
        found = sorted((await of(caller)).fields, key=lambda field: (field.of, field.key))
        wanted = [
            field
            for field in found
            if (after is None or (field.of, field.key) > after)
            and (entity is None or field.of == entity)
            and (archived is None or field.archived == archived)
        ]
        items, following = paged(wanted[: limit + 1], limit, lambda field: (field.of, field.key))
        return Page(items=[FieldView.shown(field) for field in items], next=following)

    @router.get("/policy", summary="Show whether undeclared fields are allowed")
    async def show_field_policy(caller: Reader) -> Policy:
        """Return whether fields may be written that nobody has declared."""
        return Policy(free=(await of(caller)).free)

    @router.put("/policy", summary="Allow undeclared fields, or not", responses=problems(409))
    async def set_field_policy(body: Policy, caller: Writer) -> Policy:
        """Decide whether fields may be written that nobody has declared; what is there stays."""
        at, cause = parts.now(), parts.new_id()
        await parts.actions.act(
            [commands.key(caller.tenant)],
            lambda found: commands.allow(
                found, caller.tenant, free=body.free, actor=actor(caller), at=at, cause=cause
            ),
        )  # fmt: skip
        return body

    @router.get("/{field_id}", summary="Show a field", responses={200: with_etag("The field."), **problems(404)})
    async def show_field(field_id: str, caller: Reader, response: Response) -> FieldView:
        """Return one field."""
        field = await own(field_id, caller)
        response.headers["ETag"] = etag(field.number)
        return FieldView.shown(field)

    @router.post(
        "",
        status_code=201,
        summary="Add a field",
        response_model=FieldView,
        responses={201: with_etag("The field."), **problems(409)},
    )
    async def add_field(body: FieldAdd, request: Request, caller: Writer, key: IdempotencyKey = None) -> Response:
        """Declare a field; values that are there already are checked when they are written next."""

        async def make(name: str) -> Response:
            at = parts.now()
            given = {each: getattr(body, each) for each in FieldAdd.model_fields if each != "options"}
            field = CustomField(
                id=name, **given, options=options_of(body.options), created_at=at, created_by=caller.subject,
                changed_at=at, changed_by=caller.subject,
            )  # fmt: skip
            cause = derived("field", name)
            await parts.actions.act(
                [commands.key(caller.tenant)],
                lambda found: commands.add(found, caller.tenant, field, actor=actor(caller), cause=cause),
            )
            made = await own(name, caller)
            headers = {"ETag": etag(made.number), "Location": f"/metadata/v1/fields/{name}"}
            return answer(FieldView.shown(made), 201, headers)

        return await parts.once(request, caller, key, make)

    @router.patch(
        "/{field_id}",
        summary="Change or archive a field",
        responses={200: with_etag("The field as it is now."), **problems(404, 409, 412)},
    )
    async def change_field(
        field_id: str, body: FieldChange, caller: Writer, response: Response, if_match: IfMatch = None
    ) -> FieldView:
        """Change what is named; its key, its type and what has it stay for ever."""
        at, cause = parts.now(), parts.new_id()

        def decide(found: Found) -> Change:
            known = _known(commands.of(found, caller.tenant).find(field_id))
            check_match(if_match, known.number)
            field = commands.revised(known, body.changes(), caller.subject, at)
            if field is known:
                return NOTHING
            return commands.change(found, caller.tenant, field, actor=actor(caller), cause=cause)

        await parts.actions.act([commands.key(caller.tenant)], decide)
        field = await own(field_id, caller)
        response.headers["ETag"] = etag(field.number)
        return FieldView.shown(field)

    return router


def _known(field: CustomField | None) -> CustomField:
    if field is None:
        raise Problem(404, "there is no such field", code="unknown-field")
    return field
