"""Canned replies: texts to answer with, in several languages, with variables and files."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter
from pydantic import BaseModel, ConfigDict, Field

from chorally_core.api.actor import actor
from chorally_core.api.auth import allowed
from chorally_core.api.etag import IfMatch, check_match, etag
from chorally_core.api.files_named import FileIds
from chorally_core.api.idempotency import IdempotencyKey, answer
from chorally_core.api.metadata_filling import Filling
from chorally_core.api.metadata_parts import Agent, Metadata, Reader, Shared, invalid
from chorally_core.api.metadata_views import Line
from chorally_core.api.paging import Cursor, Limit, Page, decode_cursor, paged
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems, with_etag
from chorally_core.events.ids import derived
from chorally_core.ports.canned import VARIABLES, Audience, CannedReply
from chorally_core.ports.documents import Condition, Conflict, Key
from chorally_core.ports.handlers import Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.ports.permissions import Permission
from chorally_core.services.metadata import kept
from chorally_core.services.metadata.actions import Text

TicketReader = Annotated[Caller, allowed(Permission.TICKETS_READ)]

_NEEDED = timedelta(days=3650)
"""How long the files of a reply are kept from its last change on."""
_LANGUAGE = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"

Shortcut = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,59}$")]
Language = Annotated[str, Field(pattern=_LANGUAGE, max_length=20)]
Texts = Annotated[dict[Language, Text], Field(min_length=1, max_length=50)]


class CannedAdd(Shared):
    """A text to answer with."""

    name: Line = Field(title="Name")
    shortcut: Shortcut = Field(title="Shortcut", description="What is typed to have it; one for each audience.")
    texts: Texts = Field(title="Texts", description="By language, such as `de` or `pt-BR`; with variables.")
    language: Language = Field(
        title="Language", description="Whose text is taken where there is none in the one wanted."
    )
    files: FileIds = []


class CannedChange(BaseModel):
    """What of a canned reply is to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: Line | None = Field(None, title="Name")
    shortcut: Shortcut | None = Field(None, title="Shortcut")
    texts: Texts | None = Field(None, title="Texts", description="Replace all.")
    language: Language | None = Field(None, title="Language")
    files: FileIds | None = None


class CannedView(BaseModel):
    """A canned reply as it is."""

    id: str = Field(title="Id")
    version: int = Field(title="Version", description="Goes up with each change; also the ETag.")
    name: str = Field(title="Name")
    shortcut: str = Field(title="Shortcut")
    audience: Audience = Field(title="Audience")
    team_id: str | None = Field(title="Team")
    owner_id: str | None = Field(title="Owner", description="Whose it is, where it is personal.")
    language: str = Field(title="Language")
    texts: dict[str, str] = Field(title="Texts")
    files: list[str] = Field(title="Files")
    created_at: datetime = Field(title="Created")
    created_by: str = Field(title="Created by")
    changed_at: datetime = Field(title="Changed")
    changed_by: str = Field(title="Changed by")

    @classmethod
    def of(cls, canned: CannedReply) -> "CannedView":
        """Return a canned reply as the API shows it."""
        same = {name: getattr(canned, name) for name in cls.model_fields if name != "files"}
        return cls(files=list(canned.files), **same)


class Render(BaseModel):
    """For what a canned reply is wanted."""

    model_config = ConfigDict(extra="forbid")

    ticket_id: str = Field(title="Ticket", min_length=1, max_length=64)
    language: str = Field("", title="Language", max_length=20, description="The ticket's where left out.")


class Rendered(BaseModel):
    """A text ready to be sent, or to be worked on."""

    language: str = Field(title="Language", description="The one that the text is in.")
    text: str = Field(title="Text")
    files: list[str] = Field(title="Files", description="To be named by the answer.")


def canned_router(parts: Metadata) -> APIRouter:
    """Return the routes of canned replies."""
    router = APIRouter(prefix="/canned-replies", tags=["canned replies"], responses=problems(401, 403, 429))
    filling = Filling(parts.documents)

    @router.get("", summary="List canned replies", responses=problems(400))
    async def list_canned_replies(
        caller: Reader,
        q: Annotated[
            str | None,
            Parameter(title="Text", min_length=1, max_length=100, description="Part of the name or the shortcut."),
        ] = None,
        shortcut: Annotated[
            str | None, Parameter(title="Shortcut", max_length=60, description="What the shortcut begins with.")
        ] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[CannedView]:
        """Return the replies that you may use, by name: those shared, your teams', your own."""
        after = decode_cursor(cursor, str, str) if cursor else None
        begins: tuple[Condition, ...] = ()
        if shortcut is not None:
            low = shortcut.lower()
            begins = (Condition("shortcut", ">=", low), Condition("shortcut", "<", f"{low}\U0010ffff"))
        variants = [begins] if q is None else [(*begins, Condition(f, "contains", q)) for f in ("name", "shortcut")]
        place = (after[0], after[1]) if after else None
        found = await parts.listed(CannedReply, caller, limit, place, variants)
        items, following = paged(found[: limit + 1], limit, lambda each: (each.name, each.id))
        return Page(items=[CannedView.of(each) for each in items], next=following)

    @router.get("/variables", summary="List the variables of texts")
    async def list_variables(caller: Reader) -> dict[str, str]:
        """Return what may stand in a text as `{{name|instead}}`, and what it means."""
        return dict(VARIABLES)

    @router.get("/{canned_id}", summary="Show a canned reply", responses={200: with_etag("It."), **problems(404)})
    async def show_canned_reply(canned_id: str, caller: Reader, response: Response) -> CannedView:
        """Return one canned reply."""
        canned = await parts.seen(CannedReply, canned_id, caller)
        response.headers["ETag"] = etag(canned.version)
        return CannedView.of(canned)

    @router.post(
        "",
        status_code=201,
        summary="Add a canned reply",
        response_model=CannedView,
        responses={201: with_etag("The canned reply."), **problems(409)},
    )
    async def add_canned_reply(
        body: CannedAdd, request: Request, caller: Agent, key: IdempotencyKey = None
    ) -> Response:
        """Add a text for yourself; for a team or everybody with `metadata:write`."""

        async def make(name: str) -> Response:
            at, whose = parts.now(), await parts.whose(body, caller)
            _check_language(body.language, body.texts)
            new = CannedReply(
                id=name, tenant=caller.tenant, name=body.name, shortcut=body.shortcut, language=body.language,
                texts=body.texts, files=tuple(body.files), created_at=at, created_by=caller.subject, changed_at=at,
                changed_by=caller.subject, **whose,
            )  # fmt: skip

            def decide(found: Found) -> Change:
                known = found.get(CannedReply, name)
                change = kept.add(known, _placed(new), actor=actor(caller), cause=derived("canned", name))
                return _with_files(parts, found, change, body.files, caller, at)

            await _stored(parts, name, decide, body.files)
            made = await parts.seen(CannedReply, name, caller)
            headers = {"ETag": etag(made.version), "Location": f"/metadata/v1/canned-replies/{name}"}
            return answer(CannedView.of(made), 201, headers)

        return await parts.once(request, caller, key, make)

    @router.patch(
        "/{canned_id}",
        summary="Change a canned reply",
        responses={200: with_etag("The canned reply as it is now."), **problems(404, 409, 412)},
    )
    async def change_canned_reply(
        canned_id: str, body: CannedChange, caller: Agent, response: Response, if_match: IfMatch = None
    ) -> CannedView:
        """Change what is named."""
        at, cause = parts.now(), parts.new_id()
        await parts.changed(CannedReply, canned_id, caller)
        changes: dict[str, Any] = {
            name: value for name in body.model_fields_set if (value := getattr(body, name)) is not None
        }
        if "files" in changes:
            changes["files"] = tuple(changes["files"])

        def decide(found: Found) -> Change:
            known = _known(found.get(CannedReply, canned_id), caller)
            check_match(if_match, known.version)
            new = kept.revised(known, changes, caller.subject, at)
            _check_language(new.language, new.texts)
            change = kept.change(known, new if new is known else _placed(new), actor=actor(caller), cause=cause)
            return _with_files(parts, found, change, body.files or [], caller, at)

        await _stored(parts, canned_id, decide, body.files or [])
        canned = await parts.seen(CannedReply, canned_id, caller)
        response.headers["ETag"] = etag(canned.version)
        return CannedView.of(canned)

    @router.delete("/{canned_id}", status_code=204, summary="Remove a canned reply", responses=problems(404, 409, 412))
    async def remove_canned_reply(canned_id: str, caller: Agent, if_match: IfMatch = None) -> None:
        """Remove a text; what was answered with it stays."""
        at, cause = parts.now(), parts.new_id()
        await parts.changed(CannedReply, canned_id, caller)

        def decide(found: Found) -> Change:
            known = _known(found.get(CannedReply, canned_id), caller)
            check_match(if_match, known.version)
            return kept.remove(known, actor=actor(caller), at=at, cause=cause)

        await parts.actions.act([Key.by_id(CannedReply, canned_id)], decide)

    @router.post("/{canned_id}/render", summary="Fill a canned reply in for a ticket", responses=problems(404))
    async def render(canned_id: str, body: Render, caller: TicketReader) -> Rendered:
        """Return the text in the ticket's language with its variables replaced; nothing is sent."""
        canned = await parts.seen(CannedReply, canned_id, caller)
        filled = await filling.canned(canned, body.ticket_id, body.language, caller)
        return Rendered(language=filled.language, text=filled.text, files=list(canned.files))

    return router


def _placed(canned: CannedReply) -> CannedReply:
    """The reply with its shortcut as it is unique."""
    whose = canned.team_id or canned.owner_id or ""
    place = CannedReply.place_of(canned.tenant, canned.audience, whose, canned.shortcut)
    return msgspec.structs.replace(canned, place=place)


def _check_language(language: str, texts: dict[str, str]) -> None:
    if language not in texts:
        raise invalid("language", "must be one of those that there is a text in")


def _with_files(
    parts: Metadata, found: Found, change: Change, files: list[str], caller: Caller, at: datetime
) -> Change:
    """The change with its files kept for as long as it needs them."""
    named = parts.files.named(found, files, tenant=caller.tenant, at=at, person=None, needed_at=at + _NEEDED)
    return Change(change.writes, change.events, remove=change.remove, mended=named.used if change.writes else ())


async def _stored(parts: Metadata, name: str, decide: Any, files: list[str]) -> None:
    try:
        await parts.actions.act([Key.by_id(CannedReply, name), *parts.files.keys(files)], decide)
    except Conflict:
        detail = "there is a canned reply with this shortcut already; choose another"
        raise Problem(409, detail, code="shortcut-taken") from None


def _known(canned: CannedReply | None, caller: Caller) -> CannedReply:
    if canned is None or canned.tenant != caller.tenant:
        raise Problem(404, "there is no such canned reply", code="unknown-canned-reply")
    return canned
