"""Recipients of lists, uploaded as JSON or line by line: all are taken, or the answer says what is wrong with which."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi import Query as Parameter
from pydantic import ValidationError

from chorally_core.api.actor import actor
from chorally_core.api.auth import allowed
from chorally_core.api.idempotency import IdempotencyKey, answer
from chorally_core.api.outbound_conversations import address_of
from chorally_core.api.outbound_mailings import own
from chorally_core.api.outbound_parts import Outbound, not_reached
from chorally_core.api.outbound_views import Duplicates, RecipientAdd, RecipientsTaken
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems
from chorally_core.ports.documents import Condition, Key, Query, Write
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.identity import Caller
from chorally_core.ports.permissions import Permission
from chorally_core.ports.reaching import NotReached, Way
from chorally_core.services.outbound import mailings
from chorally_core.services.outbound.mailings import MOST_RECIPIENTS
from chorally_core.services.outbound.model import Mailing, Opening
from chorally_core.services.outbound.sending import lacking

Sender = Annotated[Caller, allowed(Permission.MAILINGS_WRITE)]

_MOST_SHOWN = 20
_LINE = 64 * 1024
_STEP = 200
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "array", "title": "Recipients", "maxItems": MOST_RECIPIENTS,
                    "items": RecipientAdd.model_json_schema(),
                }
            },
            "application/x-ndjson": {"schema": {"type": "string", "title": "Recipients, one a line"}},
        },
    }
}  # fmt: skip


class _Mistakes:
    """What is wrong with which recipient, the first of them."""

    def __init__(self) -> None:
        self.errors: list[dict[str, str]] = []
        self.count = 0

    def add(self, place: int, why: str, field: str = "") -> None:
        """Remember one."""
        self.count += 1
        if len(self.errors) < _MOST_SHOWN:
            self.errors.append({"field": f"/body/{place}{'/' + field if field else ''}", "message": why})

    def check(self) -> None:
        """Refuse all where one is wrong.

        Raises:
            Problem: 422.
        """
        if self.count:
            why = f"{self.count} of the recipients cannot be taken, and none was; see errors"
            raise Problem(422, why, code="invalid", errors=self.errors)


def recipients_router(parts: Outbound) -> APIRouter:
    """Return the route that takes recipients."""
    router = APIRouter(tags=["mailings"], responses=problems(401, 403, 429))

    @router.post(
        "/recipients", summary="Add recipients to a list", response_model=RecipientsTaken,
        responses=problems(400, 404, 409, 413), openapi_extra=_BODY,
    )  # fmt: skip
    async def add_recipients(
        request: Request,
        caller: Sender,
        mailing: Annotated[str, Parameter(title="List", description="Id of the list.", max_length=64)],
        duplicates: Annotated[
            Duplicates, Parameter(title="Duplicates", description="Whether who is named twice is refused, or merged.")
        ] = "refuse",
        key: IdempotencyKey = None,
    ) -> Response:
        """Add up to 10,000, as a JSON array or one JSON object a line; a list that has begun takes none any more."""

        async def make(name: str) -> Response:
            return answer(await taken(request, caller, mailing, duplicates, name))

        return await parts.once(request, caller, key, make)

    async def taken(
        request: Request, caller: Caller, mailing: str, duplicates: Duplicates, upload: str
    ) -> RecipientsTaken:
        there = await own(parts.documents, mailing, caller)
        if there.state != "draft":
            raise Problem(409, f"the list is {there.state}; only a draft takes recipients", code="not-possible")
        way = await parts.reaching.way(caller.tenant, there.account_id, there.channel)
        if isinstance(way, NotReached):
            raise not_reached(way)
        mistakes = _Mistakes()
        openings, merged = await _read(parts, request, there, way, duplicates, mistakes, caller, upload)
        mistakes.check()
        if not openings:
            raise Problem(400, "the upload has no recipients; send one JSON object a line", code="empty")
        added, ours, known = await _new(parts, list(openings.values()), duplicates, upload)
        await _store(parts, there, added)
        total = await _counted(parts, there, caller)
        return RecipientsTaken(added=len(added) + ours, merged=merged + known, recipients=total)

    return router


async def _read(
    parts: Outbound, request: Request, there: Mailing, way: Way, duplicates: Duplicates, mistakes: _Mistakes,
    caller: Caller, upload: str,
) -> tuple[dict[str, Opening], int]:  # fmt: skip
    """The people that are named, by the id of their message, and how many were named again."""
    openings: dict[str, Opening] = {}
    at, merged, place = parts.now(), 0, -1
    async for raw in _rows(request):
        place += 1
        if place >= MOST_RECIPIENTS:
            raise Problem(413, f"a list has at most {MOST_RECIPIENTS} recipients; make another one", code="too-many")
        try:
            wanted = RecipientAdd.model_validate(raw)
        except ValidationError as error:
            first = error.errors()[0]
            mistakes.add(place, first["msg"], "/".join(str(part) for part in first["loc"]))
            continue
        try:
            to, known_as = await address_of(parts.documents, caller.tenant, wanted.to, wanted.author_id)
        except Problem as problem:
            mistakes.add(place, problem.detail, "author_id")
            continue
        reached = way.to(to)
        if isinstance(reached, NotReached):
            mistakes.add(place, reached.why, "to")
            continue
        name = wanted.name or known_as
        if missing := lacking(there, name, wanted.values):
            mistakes.add(place, f"there is no value for {', '.join(missing)}, which the text names", "values")
            continue
        message_id = Opening.of_mailing(there.id, reached.author_id)
        if message_id in openings:
            merged += 1
            if duplicates == "refuse":
                mistakes.add(place, "the person is named before in the same upload", "to")
                continue
        openings[message_id] = Opening(
            id=message_id, tenant=there.tenant, account_id=there.account_id, platform=there.platform,
            channel=there.channel, author_id=reached.author_id, to=reached.external_id, name=name,
            mailing_id=there.id, waits_in=there.id, upload=upload, values=dict(wanted.values), state="waiting",
            created_by=caller.subject, created_at=at, changed_at=at,
        )  # fmt: skip
    return openings, merged


async def _rows(request: Request) -> AsyncIterator[Any]:
    """Each recipient as it was sent, read while it comes where each has a line of its own."""
    if "ndjson" not in request.headers.get("content-type", ""):
        try:
            rows = msgspec.json.decode(await request.body())
        except msgspec.DecodeError as error:
            raise Problem(400, f"the body is no JSON: {error}", code="not-json") from None
        if not isinstance(rows, list):
            raise Problem(400, "the body is no JSON array of recipients", code="not-json")
        for row in rows:
            yield row
        return
    rest = b""
    number = 0
    async for piece in request.stream():
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > _LINE:
            raise Problem(400, f"line {number + len(lines) + 1} is longer than {_LINE} bytes", code="not-json")
        for line in lines:
            number += 1
            if line.strip():
                yield _decoded(line, number)
    if rest.strip():
        yield _decoded(rest, number + 1)


def _decoded(line: bytes, number: int) -> Any:
    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        raise Problem(400, f"line {number} is no JSON: {error}", code="not-json") from None


async def _new(
    parts: Outbound, openings: list[Opening], duplicates: Duplicates, upload: str
) -> tuple[list[Opening], int, int]:
    """Those who are not on the list yet, how many this very upload put there before a kill, and how many others are."""
    found: dict[Key, Any] = {}
    for begin in range(0, len(openings), _STEP):
        step = openings[begin : begin + _STEP]
        found |= await parts.documents.load([Key.by_id(Opening, opening.id) for opening in step])
    there = {key.value for key, opening in found.items() if opening.upload != upload}
    if there and duplicates == "refuse":
        names = ", ".join(sorted(opening.to for opening in openings if opening.id in there)[:5])
        why = f"{len(there)} of the recipients are on the list already ({names}…); leave them out, or have them merged"
        raise Problem(409, why, code="on-the-list")
    known = {key.value for key in found}
    return [opening for opening in openings if opening.id not in known], len(known - there), len(there)


async def _store(parts: Outbound, there: Mailing, openings: list[Opening]) -> None:
    room = MOST_RECIPIENTS - await _total(parts, there)
    if len(openings) > room:
        why = f"a list has at most {MOST_RECIPIENTS} recipients, and there is room for {room}; make another one"
        raise Problem(413, why, code="too-many")
    for begin in range(0, len(openings), _STEP):
        await parts.documents.write(
            [Write(msgspec.structs.replace(opening, version=1), 0) for opening in openings[begin : begin + _STEP]]
        )


async def _total(parts: Outbound, there: Mailing) -> int:
    where = (Condition("mailing_id", "is", there.id),)
    return await parts.documents.count(Query(Opening, there.tenant, where))


async def _counted(parts: Outbound, there: Mailing, caller: Caller) -> int:
    total = await _total(parts, there)
    at, who = parts.now(), actor(caller)
    states: list[str] = []

    def decide(found: Found) -> Change:
        current = found.get(Mailing, there.id)
        states.append("" if current is None else current.state)
        return NOTHING if current is None else mailings.counted(current, total, who, at)

    await parts.actions.act([Key.by_id(Mailing, there.id)], decide)
    if states[-1] == "cancelled":
        raise Problem(409, "the list was cancelled meanwhile; make another one", code="not-possible")
    return total
