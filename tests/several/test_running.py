"""Processes that run by themselves, in real time, with short leases."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from chorally_core.events import topics
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.io.model import Account, Delivery

from tests.support.hooks import a_hook
from tests.support.patience import patiently
from tests.support.several import Process, Several


class InRealTime(Several):
    """What the processes share, and time that passes by itself."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.ttl_s = 1.0

    def ticks(self) -> float:
        """Return the seconds."""
        return time.monotonic()


class Running:
    """A process whose tasks run."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.tasks: list[asyncio.Task[Any]] = []

    async def run(self) -> "Running":
        """Begin."""
        await self.process.io.start()
        self.tasks = [asyncio.create_task(job) for job in (self.process.leases.run(), self.process.pump.run())]
        return self

    async def kill(self) -> None:
        """End without a word."""
        await self._end(self.tasks + self.process.io._tasks)
        await self.process.kill()

    async def stop(self) -> None:
        """End in good order."""
        await self.process.io.stop()
        await self._end(self.tasks)
        await self.process.leases.stop()
        await self.process.kill()

    async def _end(self, tasks: list[asyncio.Task[Any]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def several(tmp_path: Path) -> AsyncIterator[InRealTime]:
    """A store without processes."""
    several = InRealTime(tmp_path)
    yield several
    await several.close()


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with patiently():
        while not await holds():  # noqa: ASYNC110 - other tasks do it, and none of them tells
            await asyncio.sleep(0.02)


def _note(name: str) -> dict[str, Any]:
    return {
        "id": name, "signer": {"id": "ada", "name": "Ada"}, "text": name, "at": "2026-11-23T08:00:00+00:00"
    }  # fmt: skip


def _an_answer(several: Several, account: Account, name: str) -> Work:
    at = several.clock()
    answer = Delivery(
        id=name, tenant="acme", account_id=account.id, platform="wall", channel="wall_note", key="acme/ada",
        client_ref=Delivery.client_ref_of(name), body=name, in_reply_to="n1", created_at=at, next_at=at,
    )  # fmt: skip
    return Work([Step.of([answer])])


async def test_two_processes_do_the_work_and_the_one_that_lives_goes_on_alone(several: InRealTime) -> None:
    """Webhooks at both doors, an answer, a kill, more of both."""
    one = await Running(await several.start("one", "api", "worker")).run()
    two = await Running(await several.start("two", "api", "worker")).run()
    await several.app(one.process)
    account = await several.account(one.process)
    several.platform.note("p1", "bob", "pulled")
    await _until(lambda: _knows(two, account))

    await one.process.receive(a_hook(several, _note("n1")))
    await two.process.receive(a_hook(several, _note("n2")))
    await several.ledger.commit(_an_answer(several, account, "answer-1"))
    two.process.io.outbox.wake()
    await _until(lambda: _answered(several, "answer-1"))
    await two.process.receive(a_hook(several, _note("n3")))
    await one.kill()
    await two.process.receive(a_hook(several, _note("n4")))
    await several.ledger.commit(_an_answer(several, account, "answer-2"))
    await _until(lambda: _answered(several, "answer-1", "answer-2"))
    await _has_all(several, "n1", "n2", "n3", "n4")

    assert two.process.io.ended() == []
    await two.stop()


async def _has_all(several: Several, *names: str) -> None:
    async def holds() -> bool:
        said = [event.data.external_id for event in await several.published(topics.MESSAGES)]
        return [name for name in dict.fromkeys(said) if name.startswith("n")] == list(names)  # a kill repeats some

    await _until(holds)


async def _knows(running: Running, account: Account) -> bool:
    return account.id in running.process.io.directory.accounts


async def _answered(several: Several, *texts: str) -> bool:
    return sorted(answer["text"] for answer in several.platform.answers) == list(texts)
