"""Writes under an Idempotency-Key: carried out once, answered alike."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

import httpx
import msgspec
import pytest
from chorally_core.adapters.sqlite.ledger import SqliteLedger
from chorally_core.api import problem
from chorally_core.api.auth import allowed
from chorally_core.api.idempotency import IdempotencyKey, Idempotent, Once, _fingerprint, answer, release_claims
from chorally_core.api.problem import Problem
from chorally_core.ports.documents import Query, Write
from chorally_core.ports.identity import Caller
from fastapi import FastAPI, Request, Response
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel


class NoteIn(BaseModel):
    text: str


class NoteOut(BaseModel):
    id: str
    text: str


class Notes:
    """A service in miniature: notes by id, and how often one was asked for."""

    def __init__(self, identity: Any, once: Once) -> None:
        self.kept: dict[str, str] = {}
        self.calls = 0
        self.fails: list[Exception] = []
        self.asked = asyncio.Event()
        self.gate: asyncio.Event | None = None
        self.app = FastAPI()
        self.app.state.identity = identity
        problem.install(self.app)

        @self.app.post("/{place}/notes", status_code=201, response_model=NoteOut)
        async def add(
            place: str,
            body: NoteIn,
            request: Request,
            caller: Annotated[Caller, allowed()],
            key: IdempotencyKey = None,
        ) -> Response:
            async def make(note_id: str) -> Response:
                self.calls += 1
                self.asked.set()
                if self.gate is not None:
                    await self.gate.wait()
                if self.fails:
                    raise self.fails.pop()
                self.kept.setdefault(note_id, body.text)
                return answer(NoteOut(id=note_id, text=body.text), 201, {"Location": f"/notes/{note_id}"})

            return await once(request, caller, key, make)


@pytest.fixture
def notes(ledger: SqliteLedger, clock: Any, ids: Callable[[], str], badges: Any) -> Notes:
    """Notes that can be added."""
    return Notes(badges, Once(ledger.documents, now=clock, new_id=ids))


async def test_the_same_request_again_is_answered_alike_and_creates_nothing(notes: Any, speak: Any, badge: Any) -> None:
    """Status, body and Location are those of the first answer, and a header tells that it is a repeat."""
    client = speak(notes.app, badge())
    first = await client.post("/a/notes", json={"text": "hi"}, headers={"Idempotency-Key": "k1"})
    again = await client.post("/a/notes", json={"text": "hi"}, headers={"Idempotency-Key": "k1"})

    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert first.headers["location"] == again.headers["location"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert (len(notes.kept), notes.calls) == (1, 1)


async def test_without_a_key_each_request_creates(notes: Any, speak: Any, badge: Any) -> None:
    """Whoever sends no key asks anew each time."""
    client = speak(notes.app, badge())
    for _ in range(2):
        await client.post("/a/notes", json={"text": "hi"})

    assert len(notes.kept) == 2


async def test_the_same_key_with_another_body_is_refused(notes: Any, speak: Any, badge: Any) -> None:
    """A key used for something else is a mistake of the caller, told as one."""
    client = speak(notes.app, badge())
    await client.post("/a/notes", json={"text": "hi"}, headers={"Idempotency-Key": "k1"})
    other = await client.post("/a/notes", json={"text": "ho"}, headers={"Idempotency-Key": "k1"})

    assert other.status_code == 422
    assert other.json()["type"] == "urn:chorally:problem:idempotency-key-reused"
    assert list(notes.kept.values()) == ["hi"]


async def test_a_key_is_the_callers_own_and_the_routes(notes: Any, speak: Any, badge: Any) -> None:
    """Another tenant, another user or another place with the same key is another request."""
    for headers, place in [
        (badge("acme", "ada"), "a"),
        (badge("acme", "bob"), "a"),
        (badge("umbrella", "ada"), "a"),
        (badge("acme", "ada"), "b"),
    ]:
        await speak(notes.app, headers).post(
            f"/{place}/notes", json={"text": "hi"}, headers={"Idempotency-Key": "same"}
        )

    assert len(notes.kept) == 4


async def test_a_repeat_while_the_first_is_carried_out_is_told_to_wait(notes: Any, speak: Any, badge: Any) -> None:
    """The second gets 409 with Retry-After; once the first is done it gets its answer."""
    client = speak(notes.app, badge())
    notes.gate = asyncio.Event()
    first = asyncio.create_task(client.post("/a/notes", json={"text": "hi"}, headers={"Idempotency-Key": "k1"}))
    await notes.asked.wait()
    early = await client.post("/a/notes", json={"text": "hi"}, headers={"Idempotency-Key": "k1"})
    notes.gate.set()
    done = await first
    late = await client.post("/a/notes", json={"text": "hi"}, headers={"Idempotency-Key": "k1"})

    assert (early.status_code, early.headers["retry-after"]) == (409, "1")
    assert done.json() == late.json()
    assert notes.calls == 1


async def test_a_request_killed_before_its_record_is_carried_out_again_under_the_same_id(
    notes: Any, speak: Any, badge: Any, ledger: Any, clock: Any
) -> None:
    """What was created before the kill is met again, not created twice."""
    client = speak(notes.app, badge())
    first = await client.post("/a/notes", json={"text": "hi"}, headers={"Idempotency-Key": "k1"})
    [record] = await ledger.documents.find(Query(Idempotent, "acme"))
    await ledger.documents.delete(Idempotent, [record.id])
    killed = Idempotent(
        id=record.id, tenant="acme", version=1, fingerprint=record.fingerprint, created_at=record.created_at,
        claim="who is dead", claimed_at=record.created_at,
    )  # fmt: skip
    await ledger.documents.write([Write(killed, 0)])

    early = await client.post("/a/notes", json={"text": "hi"}, headers={"Idempotency-Key": "k1"})
    clock.pass_(minutes=2)
    again = await client.post("/a/notes", json={"text": "hi"}, headers={"Idempotency-Key": "k1"})

    assert early.status_code == 409
    assert first.json() == again.json()
    assert len(notes.kept) == 1


async def test_a_process_that_starts_anew_frees_the_keys_of_the_one_before(
    notes: Any, speak: Any, badge: Any, ledger: Any, clock: Any
) -> None:
    """Nobody waits for the end of a claim whose process was killed; answers that were given stay."""
    client = speak(notes.app, badge())
    await client.post("/a/notes", json={"text": "done"}, headers={"Idempotency-Key": "k0"})
    first = await client.post("/a/notes", json={"text": "hi"}, headers={"Idempotency-Key": "k1"})
    [record] = [r for r in await ledger.documents.find(Query(Idempotent, "acme")) if "hi" in r.body]
    killed = msgspec.structs.replace(record, version=2, status=0, body="", claim="who is dead")
    await ledger.documents.delete(Idempotent, [record.id])
    await ledger.documents.write([Write(killed, 0)])

    freed = await release_claims(ledger.documents, clock)
    again = await client.post("/a/notes", json={"text": "hi"}, headers={"Idempotency-Key": "k1"})

    assert freed == 1
    assert (again.status_code, again.json()) == (201, first.json())
    assert notes.calls == 3
    late = await client.post("/a/notes", json={"text": "done"}, headers={"Idempotency-Key": "k0"})
    assert late.headers["idempotent-replayed"] == "true"


async def test_a_refused_request_may_be_corrected_under_the_same_key(notes: Any, speak: Any, badge: Any) -> None:
    """A refusal did nothing, so the key is still free for the corrected request."""
    client = speak(notes.app, badge())
    notes.fails = [Problem(422, "no")]
    refused = await client.post("/a/notes", json={"text": "bad"}, headers={"Idempotency-Key": "k1"})
    mended = await client.post("/a/notes", json={"text": "good"}, headers={"Idempotency-Key": "k1"})

    assert (refused.status_code, mended.status_code) == (422, 201)


async def test_after_an_error_the_same_request_may_be_tried_again_but_no_other(
    notes: Any, speak: Any, badge: Any
) -> None:
    """It is not known what an error left behind: the same id is used again, and only for the same body."""
    client = speak(notes.app, badge())
    notes.fails = [Problem(503, "not now")]
    failed = await client.post("/a/notes", json={"text": "hi"}, headers={"Idempotency-Key": "k1"})
    other = await client.post("/a/notes", json={"text": "ho"}, headers={"Idempotency-Key": "k1"})
    again = await client.post("/a/notes", json={"text": "hi"}, headers={"Idempotency-Key": "k1"})

    assert (failed.status_code, other.status_code, again.status_code) == (503, 422, 201)


async def test_after_a_day_the_key_is_free_again(notes: Any, speak: Any, badge: Any, clock: Any, ledger: Any) -> None:
    """An answer is given again for 24 hours; then the key asks for something new, and old records are swept."""
    client = speak(notes.app, badge())
    await client.post("/a/notes", json={"text": "hi"}, headers={"Idempotency-Key": "k1"})
    await client.post("/a/notes", json={"text": "hi"}, headers={"Idempotency-Key": "k2"})
    clock.pass_(hours=25)
    again = await client.post("/a/notes", json={"text": "ho"}, headers={"Idempotency-Key": "k1"})

    assert (again.status_code, again.json()["text"]) == (201, "ho")
    assert len(notes.kept) == 3
    assert await ledger.documents.count(Query(Idempotent, None)) == 1


@pytest.mark.parametrize("key", ["", "two words", "k" * 256, "\t"])
async def test_a_malformed_key_is_refused(notes: Any, speak: Any, badge: Any, key: Any) -> None:
    """A key is 1 to 255 visible ASCII characters."""
    client = speak(notes.app, badge())
    refused = await client.post("/a/notes", json={"text": "hi"}, headers={"Idempotency-Key": key})

    assert refused.status_code == 422
    assert notes.calls == 0


async def test_the_record_shows_nothing_of_the_body_or_the_key(notes: Any, speak: Any, badge: Any, ledger: Any) -> None:
    """Only a keyed hash of the body is kept beside the answer, and the key itself is not kept."""
    client = speak(notes.app, badge())
    notes.fails = [Problem(503, "not now")]
    await client.post("/a/notes", json={"text": "hunter2"}, headers={"Idempotency-Key": "the-key"})
    [record] = await ledger.documents.find(Query(Idempotent, "acme"))

    assert "hunter2" not in repr(record)
    assert "the-key" not in repr(record)


@given(st.dictionaries(st.text(max_size=5), st.integers()), st.text(min_size=1))
def test_bodies_that_say_the_same_have_the_same_fingerprint(said: Any, key: Any) -> None:
    """The order of fields and white space do not count; another key gives another fingerprint."""
    one = httpx.Request("POST", "http://a", json=said).content
    other = repr(dict(reversed(said.items()))).replace("'", '"').encode()
    try:
        httpx.Response(200, content=other).json()
    except ValueError:
        other = one
    assert _fingerprint(key, one) == _fingerprint(key, other)
    assert _fingerprint(key, one) != _fingerprint(key + "x", one)
