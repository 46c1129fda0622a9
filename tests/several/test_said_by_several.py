"""What is remembered of what was published never keeps anything from being published."""

import asyncio
from typing import Any

import pytest
from chorally_core.events import topics
from chorally_core.services.io.directory import pulls

from tests.support.hooks import a_hook
from tests.support.several import Process, Several

A_NOTE = {"id": "n1", "signer": {"id": "ada", "name": "Ada"}, "text": "hello", "at": "2026-11-23T08:00:00+00:00"}


async def _pulled(process: Process, account_id: str) -> None:
    account = process.io.directory.accounts[account_id]
    stream = next(iter(pulls(process.io.directory.connector(account)).streams()))
    await process.io.pulling.run(account, stream, "live")


async def _texts(several: Several) -> list[str]:
    said = await several.published(topics.MESSAGES)
    return [event.data.body for event in said if event.name == "add"]


async def test_a_pull_that_is_broken_off_before_its_page_is_published_gives_it_the_next_time(several: Several) -> None:
    """As where the account goes to another worker, or is changed, while the bus takes its time."""
    one = await several.start("one", "api", "worker")
    account = await several.account(one)
    several.platform.note("n1", "ada", "hello")
    publish, stuck = several.ledger.bus.publish, asyncio.Event()

    async def slow(events: Any) -> None:
        if any(event.topic == topics.MESSAGES for event in events):
            stuck.set()
            await asyncio.Event().wait()
        await publish(events)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(several.ledger.bus, "publish", slow)
        pull = asyncio.create_task(_pulled(one, account.id))
        await stuck.wait()
        pull.cancel()
        await asyncio.gather(pull, return_exceptions=True)
    await _pulled(one, account.id)

    assert await _texts(several) == ["hello"]


async def test_what_a_pull_is_about_to_publish_is_published_from_a_webhook_all_the_same(several: Several) -> None:
    """The webhook was answered, and the pull may yet fail for good."""
    one = await several.start("one", "api", "worker")
    await several.app(one)
    account = await several.account(one)
    several.platform.note("n1", "ada", "hello")
    publish = several.ledger.bus.publish
    is_first = True

    async def failing(events: Any) -> None:
        nonlocal is_first
        if is_first and any(event.topic == topics.MESSAGES for event in events):
            is_first = False
            await one.receive(a_hook(one, A_NOTE))
            await one.read()
            raise OSError("the bus is away")
        await publish(events)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(several.ledger.bus, "publish", failing)
        with pytest.raises(OSError, match="away"):
            await _pulled(one, account.id)

    assert await _texts(several) == ["hello"]


async def test_what_a_text_was_changed_back_to_is_published_although_another_read_what_was_between(
    several: Several,
) -> None:
    """What the first reader remembers is of its own time as the reader."""
    one = await several.start("one", "api", "worker")
    await several.app(one)
    await several.account(one)
    await one.receive(a_hook(one, A_NOTE))
    await one.read()
    await one.leases.release("io/journal")
    two = await several.start("two", "worker")
    await one.receive(a_hook(one, {**A_NOTE, "text": "goodbye"}))
    await two.read()
    await two.leases.release("io/journal")
    await one.receive(a_hook(one, A_NOTE))
    await one.read()

    assert await _texts(several) == ["hello", "goodbye", "hello"]
