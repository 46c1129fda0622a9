"""Values that could be stored and never read again, or not stored at all, are refused where they come in."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from chorally_core.events import Raw, Unreadable, decode
from chorally_core.ports.documents import Document
from chorally_core.ports.ledger import Step, Work
from chorally_core.ports.parking import DeadLetter

import chorally_sdk as sdk
from tests.support.api import Api, a_note, an_api
from tests.support.hooks import SECRET, receive
from tests.support.wall import Wall, WallPlatform
from tests.support.world import World, a_world

JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system with one ticket."""
    async with an_api(tmp_path) as api:
        await api.hook(a_note("n1"))
        yield api


@pytest.mark.parametrize(
    "value",
    [b'"\\ud800"', b'{"\\udfff": 1}', b"9" * 400, b"NaN", b"[" * 400 + b"]" * 400],
    ids=["half a character", "half a name", "a huge number", "no number", "nested deeply"],
)
async def test_an_odd_value_is_refused_and_the_ticket_stays_readable(api: Api, value: bytes) -> None:
    """The answer names the field, and nobody's list is spoilt."""
    agent = api.agent()
    (ticket,) = (await agent.get("/message/v1/tickets")).json()["items"]
    body = b'{"custom_fields": {"odd": ' + value + b"}}"
    refused = await agent.patch(f"/message/v1/tickets/{ticket['id']}", content=body, headers=JSON)

    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "/body/custom_fields")
    assert (await agent.get("/message/v1/tickets")).status_code == 200


@pytest.mark.parametrize("body", [b'{"tags": ["\\ud800"]}', b'{"subject": "\\ud800"}'])
async def test_texts_of_a_ticket_are_unicode(api: Api, body: bytes) -> None:
    """Half a character is refused in whatever field."""
    agent = api.agent()
    (ticket,) = (await agent.get("/message/v1/tickets")).json()["items"]
    refused = await agent.patch(f"/message/v1/tickets/{ticket['id']}", content=body, headers=JSON)
    assert refused.status_code == 422


async def test_fields_of_a_ticket_do_not_grow_for_ever(api: Api) -> None:
    """A hundred in all, however they come."""
    agent = api.agent()
    (ticket,) = (await agent.get("/message/v1/tickets")).json()["items"]
    place = f"/message/v1/tickets/{ticket['id']}"
    statuses = [
        (await agent.patch(place, json={"custom_fields": {f"{part}-{i}": i for i in range(60)}})).status_code
        for part in "ab"
    ]
    assert statuses == [200, 422]


@pytest.mark.parametrize("place", ["accounts", "apps"])
async def test_settings_that_could_not_be_read_again_are_refused(api: Api, place: str) -> None:
    """An account or app that spoils the next start is never stored."""
    deep = b"[" * 400 + b"]" * 400
    body = b'{"connector": "wall", "name": "x", "credentials": {}, "settings": {"secret": "s", "deep": ' + deep + b"}}"
    if place == "apps":
        body = body.replace(b'"credentials": {}, ', b"")
    refused = await api.agent().post(f"/io/v1/{place}", content=body, headers=JSON)
    assert refused.status_code == 422


async def test_a_body_that_grows_too_large_on_its_way_is_told_so(api: Api) -> None:
    """Without a declared length, too."""

    async def parts() -> AsyncIterator[bytes]:
        yield b'{"body": "'
        for _ in range(20):
            yield b"x" * 65_536
        yield b'"}'

    agent = api.agent()
    (ticket,) = (await agent.get("/message/v1/tickets")).json()["items"]
    refused = await agent.post(f"/message/v1/tickets/{ticket['id']}/messages", content=parts(), headers=JSON)
    assert (refused.status_code, refused.json()["type"]) == (413, "urn:chorally:problem:body-too-large")


class DeepWall(Wall):
    """Tells more of some notes than anybody can read."""

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Read the notes, and nest what comes beside a deep one."""
        deep: Any = "bottom"
        for _ in range(300):
            deep = [deep]
        return [
            event.model_copy(update={"extra": {"deep": deep}})
            if isinstance(event, sdk.Message) and event.body == "deep"
            else event
            for event in super().parse(hook)
        ]


async def test_a_hook_that_no_reader_could_show_is_a_dead_letter(tmp_path: Path) -> None:
    """A platform's nested oddity does not spoil the ticket it belongs to."""
    async with a_world(tmp_path, {"wall": DeepWall}, transports={"wall": WallPlatform().transport()}) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        await receive(world, a_note("n1", text="deep"))
        await receive(world, a_note("n2"))

        assert [m.external_id for m in await world.messages()] == ["n2"]
        assert "nested deeper" in (await world.all(DeadLetter))[0].error


def test_a_nested_oddity_on_a_topic_is_unreadable() -> None:
    """Whoever writes on a topic cannot stop those who read it."""
    value = b'{"issuer":"x","event":"add","data":{"id":' + b"[" * 100_000 + b"]" * 100_000 + b"}}"
    head = {"id": "1", "tenant": "acme", "occurred_at": "2026-11-23T09:00:00+00:00"}
    assert isinstance(decode(Raw(topic="messages", key="k", value=value, headers=head)), Unreadable)


async def test_an_author_waits_since_the_first_unanswered_message_however_they_arrive(tmp_path: Path) -> None:
    """The older message comes last: the wait began with it."""
    async with a_world(tmp_path, {"wall": Wall}, transports={"wall": WallPlatform().transport()}) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        await receive(world, a_note("n2", at="2026-11-23T08:05:00+00:00"))
        await receive(world, a_note("n1", at="2026-11-23T08:00:00+00:00"))

        (ticket,) = await world.tickets()
        assert ticket.waiting_since is not None
        assert ticket.waiting_since.isoformat() == "2026-11-23T08:00:00+00:00"
        assert ticket.last_author_message_at is not None
        assert ticket.last_author_message_at.isoformat() == "2026-11-23T08:05:00+00:00"


class _Numbered(Document, frozen=True, kw_only=True):
    kind = "numbered"
    numbered = "number"
    indexes = (("number",),)
    number: int


async def test_numbers_of_a_first_turn_that_was_given_up_are_not_given_again(tmp_path: Path) -> None:
    """Whoever reserved them may use them yet."""
    async with a_world(tmp_path, {}) as world:
        given = await _given_up(world)
        again = await world.ledger.documents.reserve(_Numbered, "acme", 5)
        assert not set(given) & set(again)


async def _given_up(world: World) -> range:
    """Numbers that were reserved in a turn that made their table, and failed."""
    given = range(0)
    try:
        async with world.ledger.turn():
            given = await world.ledger.documents.reserve(_Numbered, "acme", 5)
            await world.ledger.commit(Work([Step.of([_Numbered(id="1", tenant="acme", number=given[0])])]))
            raise LookupError
    except LookupError:
        return given


async def test_a_task_that_has_ended_is_told_to_whoever_asks_whether_all_is_ready(api: Api) -> None:
    """Deliveries that nobody makes are no secret."""
    await api.system.start()
    try:
        assert (await api.client().get("/readyz")).status_code == 200
        outbox = next(task for task in api.system.io._tasks if task.get_name() == "outbox")
        outbox.cancel()
        await asyncio.wait({outbox}, timeout=5)
        answer = await api.client().get("/readyz")
        assert (answer.status_code, answer.json()["reasons"]) == (503, ["outbox has ended"])
    finally:
        for task in api.system._tasks:
            task.cancel()
        await asyncio.gather(*api.system._tasks, return_exceptions=True)
