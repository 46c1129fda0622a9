"""Every service in a process of its own, over shared back ends: the main job, and ends in good order."""

import asyncio
import contextlib
import io
import json
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.bootstrap.parts import PARTS
from chorally_core.demo.story import Story
from chorally_core.gateway import Gateway
from chorally_core.serving import listen, served
from chorally_facebook.sandbox import Sandbox
from rich.console import Console

from tests.support import s3
from tests.support.back_ends import shared_back_ends
from tests.support.processes import Process
from tests.support.world import KEY

pytestmark = pytest.mark.real

PROCESSES = {
    "identity": ["identity"],
    "io": ["io", "--role", "api"],
    "io-consumer": ["io", "--role", "consumer"],
    "io-worker": ["io", "--role", "worker"],
    "author": ["author"],
    "message": ["message"],
    "log": ["log"],
    "search": ["search"],
}
"""Arguments of ``chorally service`` by name; those that serve routes are named as their service."""


class Cluster:
    """Eight processes, a page of the sandbox, and one address in front."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.processes = {
            name: Process(name, ["service", *arguments], settings, folder) for name, arguments in PROCESSES.items()
        }
        self.url = ""
        self.page_url = ""
        self._token = Process("token", ["token", "--tenant", "acme", "--role", "admin"], settings, folder)

    def places(self) -> dict[str, str | None]:
        """Where the services are."""
        return {name: process.url for name, process in self.processes.items() if "-" not in name}

    async def story(self) -> Any:
        """Play the demonstration."""
        story = Story(Console(file=io.StringIO()), self.url, self.page_url, await self._token.output())
        return [(what, seen) for what, happened, seen in await story.play() if not happened]

    async def finds(self, text: str) -> int:
        """Return how many messages a search finds."""
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {await self._token.output()}"}) as http:
            answer = await http.get(f"{self.url}/search/v1/results", params={"text": text, "kind": "message"})
        return int(answer.json()["total"])


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """What all processes share."""
    return {f"CHORALLY_{name.upper()}": value for name, value in shared_back_ends().items()} | {
        "CHORALLY_SECRET_KEYS": KEY,
        "CHORALLY_OBJECTS": s3.a_place(),
        "CHORALLY_PULL_EVERY_S": "1",
        "CHORALLY_TOKEN_RATE": "100000",
        "CHORALLY_DRAIN_S": "1",
    }


@pytest.fixture
async def cluster(tmp_path: Path, settings: dict[str, str]) -> AsyncIterator[Cluster]:
    """The processes, ready."""
    async with contextlib.AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox())
        page = await stack.enter_async_context(served(sandbox.app, listen("127.0.0.1", 0)))
        settings["CHORALLY_BASE_URLS"] = json.dumps({"facebook": f"{page}/v25.0"})
        made = Cluster(tmp_path, settings)
        made.page_url = page
        for process in made.processes.values():
            stack.push_async_callback(process.kill)
            await process.start()
        gateway = Gateway(made.places)
        stack.push_async_callback(gateway.aclose)
        made.url = await stack.enter_async_context(served(gateway, listen("127.0.0.1", 0)))
        for process in made.processes.values():
            await process.until_ready()
        yield made


async def test_the_main_job_is_done_by_processes_of_their_own(cluster: Cluster) -> None:
    """Comments come in, are answered and confirmed, echoes are joined: no two services share a process."""
    assert await cluster.story() == []
    async with asyncio.timeout(20):
        while not await cluster.finds("domenica"):  # noqa: ASYNC110  # nobody sets an event
            await asyncio.sleep(0.2)


async def test_each_process_ends_in_good_order_and_comes_back(cluster: Cluster) -> None:
    """It is not ready any more while it still serves, ends by itself with 0, and leaves its group at once."""
    for name, process in cluster.processes.items():
        process.signal(signal.SIGTERM)
        told = set()
        began = time.monotonic()
        while (found := await process.readiness())[0]:
            told.add((found[0], *found[1]))
            await asyncio.sleep(0.02)
        assert (503, "stopping") in told, name
        assert await process.ended() == 0, (name, process.last_words())
        assert time.monotonic() - began < 20, name
        assert "Traceback" not in process.said.read_text("utf-8"), name
        await process.start()
        began = time.monotonic()
        await process.until_ready()
    assert await cluster.story() == []


async def test_a_person_tries_all_processes_by_one_command(settings: dict[str, str], tmp_path: Path) -> None:
    """It makes the back ends ready, starts everything behind one address, and stops everything when told to."""
    whole = Process("whole", ["up", "--cluster"], settings, tmp_path)
    try:
        await whole.start()
        await whole.until_ready()
        whole.signal(signal.SIGINT)
        assert await whole.ended() == 0, whole.last_words()
    finally:
        await whole.kill()
    said = whole.said.read_text("utf-8")
    assert said.count('"event": "stopping"') == len(PARTS)
    assert "Traceback" not in said
