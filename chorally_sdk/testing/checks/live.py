"""Checks of streams that never end, and of streams that serve all accounts of an app at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import cast

import chorally_sdk as sdk
from chorally_sdk.testing.bench import Bench
from chorally_sdk.testing.checks.registry import NotApplied, check, ensure, fail

_MOST_PAGES = 50
_PATIENCE_S = 10  # by the real clock, as are the next: what a stream waits for is there
_UNTIL_IT_WAITS_S = 0.2


async def _next(pages: AsyncIterator[sdk.Page]) -> sdk.Page:
    return await anext(pages)


async def _until(pages: AsyncIterator[sdk.Page], said: Callable[[], Awaitable[str]], what: str) -> sdk.Page:
    """Let something be said while the stream waits, and read on until it comes."""
    waiting = asyncio.ensure_future(_next(pages))
    await asyncio.wait({waiting}, timeout=_UNTIL_IT_WAITS_S)
    external_id = await said()
    try:
        for _ in range(_MOST_PAGES):
            page = await asyncio.wait_for(waiting, _PATIENCE_S)
            if any(isinstance(event, sdk.Message) and event.external_id == external_id for event in page.events):
                break
            waiting = asyncio.ensure_future(_next(pages))
        else:
            fail(f"{what} did not bring {external_id!r} in {_MOST_PAGES} pages")
    except StopAsyncIteration:
        fail(f"{what} ended in silence; a live stream ends by an error only")
    except TimeoutError:
        fail(f"{what} told nothing of {external_id!r} in {_PATIENCE_S} s")
    return page


@check("pull", "A live stream goes on after it has caught up", "Pulls", "say", may_be_exempt=False)
async def goes_on(bench: Bench) -> None:
    """A stream that stops at the present is a poll: what is said from then on comes when somebody reopens it."""
    connector = cast("sdk.Pulls", bench.connect())
    live = [stream for stream in connector.streams() if stream.live]
    if not live:
        raise NotApplied("no stream of the connector is live")
    before = await bench.levers.say("before it is opened")
    found = 0
    for stream in live:
        opener = cast("sdk.Pulls", bench.connect(for_app=stream.scope == "app"))
        async with aclosing(opener.pull(stream.name, None, None)) as pages:  # type: ignore[type-var]
            first = await asyncio.wait_for(anext(pages), _PATIENCE_S)
            while not first.done:
                first = await asyncio.wait_for(anext(pages), _PATIENCE_S)
            bench.levers.clock.pass_(seconds=60)
            say = partial(bench.levers.say, "while it is open")
            page = await _until(pages, say, f"the stream {stream.name!r}")
            ids = [event.external_id for event in page.events if isinstance(event, sdk.Message)]
            ensure(before not in ids, f"{stream.name!r} told {before!r} once more")
            found += 1
    ensure(found, "no live stream was read")


@check("pull", "An app's stream says whose each event is", "Pulls", "say", may_be_exempt=False)
async def whose_it_is(bench: Bench) -> None:
    """One socket serves all customers: an event without its account is nobody's, and one under another's is told."""
    wide = [stream for stream in cast("sdk.Pulls", bench.connect()).streams() if stream.scope == "app"]
    if not wide:
        raise NotApplied("no stream of the connector is of the app")
    said = await bench.levers.say("Hello")
    account = bench.levers.connection().external_id
    found = await bench.pull()
    ensure(said in found.ids, f"{said!r} was said, the app's streams brought {found.ids}")
    events = [event for stream, page in found.pages if stream in {each.name for each in wide} for event in page.events]
    wrong = sorted({str(event.account) for event in events} - {account})
    ensure(not wrong, f"events of {account!r} came under {wrong}")
