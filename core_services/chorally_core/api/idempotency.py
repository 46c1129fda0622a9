"""Writes that may be repeated: ``Idempotency-Key`` makes the same request again give the same answer, once done.

What a request creates gets its id from the caller, the route and the key, so that even a repeat after a kill
between the creation and its record meets what is there instead of creating it twice. A small record
keeps the answer for a day, and tells a key that is used again for something else.
"""

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Annotated

import msgspec
from fastapi import Header, Request, Response
from pydantic import BaseModel

from chorally_core.api.problem import Problem
from chorally_core.events.ids import derived
from chorally_core.ports.documents import Condition, Conflict, Document, Documents, Query, Write
from chorally_core.ports.identity import Caller
from chorally_core.ports.refused import Refused

REPLAYED = "Idempotent-Replayed"
"""Header of an answer that was given before; its value is ``true``."""

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+$",
        title="Idempotency-Key",
        description=(
            "Any text of your own, such as a UUID. The same request with the same key within 24 hours is carried "
            "out once and answered alike; with another body it is refused with 422."
        ),
    ),
]
"""The request header ``Idempotency-Key``: 1 to 255 visible ASCII characters."""

KEPT = timedelta(hours=24)
"""How long an answer is given again."""

_LEASE = timedelta(seconds=90)  # after which a request that was never recorded is taken as killed
_MOST_CLAIMS = 100_000  # records of one lease that are looked at
_SWEPT_EVERY = timedelta(hours=1)
_HEADERS = ("content-type", "location", "etag")


class Idempotent(Document, frozen=True, kw_only=True):
    """One request under a key, and its answer."""

    kind = "idempotency"
    indexes = (("created_at",),)

    fingerprint: str = ""
    """Keyed hash of the body; empty where a refused request may be corrected under the same key."""
    created_at: datetime
    """When the key was used first; part of the id of what it creates."""
    claim: str = ""
    """Who carries the request out now, empty where nobody does."""
    claimed_at: datetime
    status: int = 0
    """Of the answer; 0 until there is one."""
    headers: dict[str, str] = {}
    body: str = ""


class Once:
    """Carries out writes, each once for its key.

    An endpoint hands over what makes its answer::

        once = Once(documents, now=now, new_id=new_id)

        @router.post("/notes", status_code=201, response_model=NoteView, responses=problems(401, 403, 409))
        async def add_note(body: NoteAdd, request: Request, caller: Writer, key: IdempotencyKey = None) -> Response:
            async def make(note_id: str) -> Response:
                note = await notes.add(note_id, body.text)  # the same id again must change nothing
                return answer(NoteView.of(note), 201, {"Location": f"/notes/{note_id}"})

            return await once(request, caller, key, make)

    ``make`` gets the id of what is to be created: 32 hex digits, the same for a repeat. Its answer is recorded if
    it returns one. If it raises a ``Problem`` below 500 or ``Refused``, nothing was done: the key may be used
    again, also with a corrected body. After any other error the same body may be tried again, under the same id.
    """

    def __init__(self, documents: Documents, *, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        """Prepare to carry out writes.

        Args:
            documents: Where answers are recorded.
            now: The clock.
            new_id: Gives ids where there is no key, and tells repeats apart.
        """
        self._documents = documents
        self._now = now
        self._new_id = new_id
        self._swept_at: datetime | None = None

    async def __call__(
        self,
        request: Request,
        caller: Caller,
        key: str | None,
        make: Callable[[str], Awaitable[Response]],
        *,
        body: bytes | None = None,
        lease: timedelta = _LEASE,
    ) -> Response:
        """Return the answer of ``make``, or the one it gave before under the same key.

        Args:
            request: The request; its method, path and query belong to the key, its body is what a repeat must equal.
            caller: Whose key it is.
            key: The header's value; without one nothing is recorded and ``make`` gets a new id.
            make: Carries the request out, given the id of what it creates.
            body: What stands for the request's body where that is too large to be held; the body itself where None.
            lease: How long it may take, after which it is taken as killed.

        Raises:
            Problem: 422, the key was used for another body; 409, the same request is being carried out.
        """
        if key is None:
            return await make(self._new_id())
        await self._sweep_now_and_then()
        query = request.url.query
        route = f"{request.method} {request.url.path}{'?' + query if query else ''}"
        parts = (caller.tenant, caller.kind, caller.subject, route, key)
        printed = _fingerprint(key, await request.body() if body is None else body)
        record = await self._claimed(derived("idempotency", *parts), caller.tenant, printed, lease)
        if record.status:
            return Response(record.body, record.status, {**record.headers, REPLAYED: "true"})
        created = derived("once", *parts, record.created_at.isoformat())
        try:
            made = await make(created)
        except (Problem, Refused) as error:
            certain = isinstance(error, Refused) or error.status < 500
            await self._store(record, claim="", fingerprint="" if certain else printed)
            raise
        except Exception:
            await self._store(record, claim="")
            raise
        headers = {name: made.headers[name] for name in _HEADERS if name in made.headers}
        await self._store(record, claim="", status=made.status_code, headers=headers, body=bytes(made.body).decode())
        return made

    async def _claimed(self, name: str, tenant: str, printed: str, lease: timedelta) -> Idempotent:
        """The record with its answer, or claimed by this request."""
        now, claim = self._now(), self._new_id()
        known = await self._documents.get(Idempotent, name)
        if known is not None and now - known.created_at < KEPT:
            if known.fingerprint not in ("", printed):
                why = "this Idempotency-Key was used with another body; use a new key for a new request"
                raise Problem(422, why, code="idempotency-key-reused")
            if known.status:
                return known
            if known.claim and now - known.claimed_at < lease:
                raise _under_way()
            wanted = msgspec.structs.replace(known, claim=claim, claimed_at=now, fingerprint=printed)
        else:
            wanted = Idempotent(
                id=name, tenant=tenant, version=known.version if known else 0, fingerprint=printed, created_at=now,
                claim=claim, claimed_at=now,
            )  # fmt: skip
        try:
            stored = await self._store(wanted)
        except Conflict:
            raise _under_way() from None
        if wanted.version == 0:
            first = await self._documents.get(Idempotent, name)
            if first is None or first.claim != claim:
                raise _under_way()
        return stored

    async def _store(self, record: Idempotent, **changes: object) -> Idempotent:
        changed = msgspec.structs.replace(record, version=record.version + 1, **changes)
        await self._documents.write([Write(changed, record.version)])
        return changed

    async def _sweep_now_and_then(self) -> None:
        now = self._now()
        if self._swept_at is None or now - self._swept_at > _SWEPT_EVERY:
            self._swept_at = now
            await self.sweep()

    async def sweep(self, most: int = 1000) -> int:
        """Forget answers that are kept no longer, at most ``most``; return how many."""
        old = (Condition("created_at", "<", self._now() - KEPT),)
        found = await self._documents.find(Query(Idempotent, None, old, limit=most))
        return await self._documents.delete(Idempotent, [record.id for record in found])


async def release_claims(documents: Documents, now: Callable[[], datetime]) -> int:
    """Free the keys under which a process was at work that is no more, and return how many there were.

    Only for the start of the one process that serves these documents: whoever was killed in the middle of a
    request can repeat it at once, instead of being told for a while that it is being carried out.
    """
    late = (Condition("created_at", ">", now() - _LEASE),)
    found: list[Idempotent] = await documents.find(Query(Idempotent, None, late, limit=_MOST_CLAIMS))
    freed = [msgspec.structs.replace(known, claim="", version=known.version + 1) for known in found if known.claim]
    await documents.write([Write(record, record.version - 1) for record in freed])
    return len(freed)


def answer(view: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a view as the answer that ``Once`` can record."""
    return Response(view.model_dump_json(), status, dict(headers or {}), media_type="application/json")


def _under_way() -> Problem:
    why = "the same request is being carried out; ask again in a moment"
    return Problem(409, why, code="request-under-way", headers={"Retry-After": "1"})


def _fingerprint(key: str, body: bytes) -> str:
    """A hash of the body that says nothing to who does not have the key; white space and order do not count."""
    with contextlib.suppress(msgspec.DecodeError):
        body = msgspec.json.encode(msgspec.json.decode(body), order="sorted")
    return blake2b(body, key=blake2b(key.encode(), digest_size=32).digest(), digest_size=16).hexdigest()
