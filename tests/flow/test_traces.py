"""One trace shows what became of a webhook, and of the answer to it; what is not traced costs and carries nothing."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from chorally_core.api.webhooks import Webhooks
from chorally_core.events import topics
from chorally_core.services.io.model import Delivery, Hook
from chorally_core.services.message.model import Message
from chorally_core.telemetry import traces

from tests.support.hooks import SECRET, a_hook
from tests.support.spans import spans
from tests.support.wall import Wall, WallPlatform
from tests.support.world import World, a_world

NOTE: dict[str, Any] = {
    "id": "n1",
    "signer": {"id": "ada", "name": "Ada"},
    "text": "hello",
    "at": "2026-11-23T08:00:00+00:00",
}


@pytest.fixture
def platform() -> WallPlatform:
    """A wall without notes."""
    return WallPlatform()


@pytest.fixture
async def world(tmp_path: Path, platform: WallPlatform, in_order: bool) -> AsyncIterator[World]:
    """A core with one wall connected."""
    async with a_world(tmp_path, {"wall": Wall}, transports={"wall": platform.transport()}, in_order=in_order) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        yield world


async def _nothing(scope: object, receive: object, send: object) -> None:
    raise AssertionError("only webhooks come here")


async def _sent(world: World, *items: dict[str, Any], secret: str = SECRET) -> int:
    """Send a signed hook through the door, and let everything happen."""
    body = json.dumps({"items": items}).encode()
    headers = {"x-wall-signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}
    door = httpx.ASGITransport(app=Webhooks(_nothing, world.io.journal, now=world.clock))
    async with httpx.AsyncClient(transport=door, base_url="http://chorally.test") as client:
        answer = await client.post("/wall/v1/webhook", content=body, headers=headers)
    await world.settle()
    return answer.status_code


async def _asked_and_answered(world: World) -> None:
    await _sent(world, NOTE)
    (ticket,) = await world.tickets()
    with traces.begin("POST /message/v1/tickets/{ticket_id}/messages"):
        await world.reply(ticket, "hi")
    await world.settle()


async def test_one_trace_shows_hook_ticket_log_and_answer_push_reconcile(world: World) -> None:
    """From the door to the log, and from the answer to its confirmation, each step follows the one that caused it."""
    with spans() as seen:
        await _asked_and_answered(world)

    door = seen.named("webhook wall")
    on_way = [span for span in seen.all() if span.context.trace_id == door.context.trace_id]
    ways = [seen.way_to(span) for span in on_way]
    asked = ["webhook wall", "read webhook wall", "message: messages add"]
    pushed = [*asked, "asked: wall_note reply", "io: wall_note reply", "deliver wall_note"]
    assert [*asked, "log: logs add"] in ways
    assert ["webhook wall", "read webhook wall", "author: authors add", "log: logs add"] in ways
    assert [*pushed, "POST wall"] in ways
    assert [*pushed, "message: messages reconcile", "log: logs add"] in ways


async def test_the_request_that_asks_for_an_answer_is_linked_both_ways(world: World) -> None:
    """The agent's request is a trace of its own; it and the trace that it goes on with name each other."""
    with spans() as seen:
        await _asked_and_answered(world)

    request, asked = seen.named("POST /message/v1/tickets/{ticket_id}/messages"), seen.named("asked: wall_note reply")
    assert request.context.trace_id != asked.context.trace_id
    assert request.context.span_id in {link.context.span_id for link in asked.links}
    assert asked.context.trace_id in {link.context.trace_id for link in request.links}


async def test_a_batch_is_one_span_that_names_each_trace_in_it(world: World) -> None:
    """Two hooks handled together: each has its own trace, and the batch is linked to the second, being in the first."""
    with spans() as seen:
        for number in (1, 2):
            with traces.begin(f"hook {number}"):
                await world.io.journal.receive("wall", "", a_hook(world, {**NOTE, "id": f"n{number}"}))
        await world.settle()

    first, second = seen.named("hook 1"), seen.named("hook 2")
    (batch,) = [span for span in seen.all() if span.name == "message: batch"]
    handled = [span for span in seen.all() if span.name == "message: messages add"]
    assert batch.context.trace_id == first.context.trace_id
    assert {link.context.trace_id for link in batch.links} == {second.context.trace_id}
    assert {span.context.trace_id for span in handled} == {first.context.trace_id, second.context.trace_id}
    assert all(span.links[0].context.span_id == batch.context.span_id for span in handled)


async def test_what_was_not_chosen_carries_no_trace_and_none_begins_later(world: World) -> None:
    """With a ratio of 0 nothing is traced, and nothing that is stored or published says anything of traces."""
    with spans(ratio=0.0) as seen:
        await _asked_and_answered(world)

    assert seen.all() == []
    await _carries_nothing(world)


async def test_where_traces_are_off_nothing_carries_one(world: World) -> None:
    """The usual case: no hook, message, delivery or event is a byte longer."""
    await _asked_and_answered(world)

    await _carries_nothing(world)


async def _carries_nothing(world: World) -> None:
    stored = [one for of in (Hook, Message, Delivery) for one in await world.all(of)]
    told = [event for topic in (topics.MESSAGES, topics.LOGS) for event in await world.published(topic)]
    assert len(stored) > 3
    assert len(told) > 5
    assert {one.traceparent for one in (*stored, *told)} == {""}


async def test_what_is_traced_becomes_the_same_events(tmp_path: Path, in_order: bool) -> None:
    """Traced or not, the same hook gives events of the same ids that say the same (G6)."""
    told = []
    transports = {"wall": WallPlatform().transport()}
    for number in (1, 2):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        async with a_world(folder, {"wall": Wall}, transports=transports, in_order=in_order) as world:
            await world.app("wall", {"secret": SECRET})
            await world.account("wall")
            with spans() if number == 1 else nullcontext():
                await _sent(world, NOTE)
            told.append(await world.published(topics.LOGS))

    traced, bare = told
    assert any(event.traceparent for event in traced)
    assert [msgspec.structs.replace(event, traceparent="") for event in traced] == bare


async def test_a_platform_that_fails_is_seen_in_the_trace_without_what_it_said(
    world: World, platform: WallPlatform
) -> None:
    """The call's span tells the status; texts, tokens, paths and queries are in no span."""
    platform.next = ["503"]
    with spans() as seen:
        await _asked_and_answered(world)

    call = seen.named("POST wall")
    assert call.attributes is not None
    assert (call.status.is_ok, call.attributes["http.response.status_code"]) == (False, 503)
    assert [word for word in ("hello", 'hi"', "/answers", "token", "Ada") if word in seen.text()] == []


async def test_a_hook_that_proves_nothing_is_seen_as_rejected(world: World) -> None:
    """The door's span says what was judged."""
    with spans() as seen:
        assert await _sent(world, NOTE, secret="wrong") == 401

    assert dict(seen.named("webhook wall").attributes or {})["chorally.verdict"] == "reject"


async def test_a_pull_is_a_trace_with_its_calls_and_what_came_of_it(world: World, platform: WallPlatform) -> None:
    """Outbound calls are within the pull, and the ticket follows it."""
    platform.note("n1", "ada", "hello")
    (account,) = world.io.directory.accounts.values()
    with spans() as seen:
        world.io.pulling.start(account)
        while not await world.messages():
            await world.settle()
        await world.io.pulling.stop()

    ways = [seen.way_to(span) for span in seen.all()]
    assert ["pull wall notes", "GET wall"] in ways
    assert ["pull wall notes", "message: messages add", "log: logs add"] in ways


def test_what_stands_in_a_header_and_is_no_trace_is_passed_over() -> None:
    """Nothing follows what is malformed, not sampled, or all zeros."""
    with spans() as seen:
        for odd in ("", "00-zz", f"00-{'1' * 32}-{'2' * 16}-00", f"00-{'0' * 32}-{'2' * 16}-01", "x" * 10_000):
            with traces.follow(odd, "odd") as here:
                assert here == ""

    assert seen.all() == []
