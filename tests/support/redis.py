"""Redis for tests: the server that the environment tells of, and servers of a test's own, to be stopped and failed."""

import asyncio
import inspect
import os
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from chorally_core.adapters.local import InProcess

URL = "CHORALLY_REDIS_URL"
PASSWORD = "canary-of-redis"
PATIENCE_S = 20.0

_ROOT = Path(__file__).resolve().parents[2]


def server_url() -> str:
    """Return the server's URL; without it a test is skipped, or fails in CI."""
    url = os.environ.get(URL, "")
    if not url:
        pytest.skip(f"no Redis server: {URL} not set")
    return url


def a_prefix() -> str:
    """A prefix that nobody else has; keys under it end by themselves."""
    return f"test-{uuid4().hex[:12]}"


@asynccontextmanager
async def a_coordination(url: str, *, clock: Callable[[], float] | None = None, **options: Any) -> AsyncIterator[Any]:
    """A coordination as one process has it."""
    from chorally_core.adapters.redis import RedisCoordination, parse

    settings = parse(f"{url}?{'&'.join(f'{name}={value}' for name, value in options.items())}")
    coordination = RedisCoordination.of(settings, InProcess() if clock is None else InProcess(clock), clock=clock)
    await coordination.start()
    try:
        yield coordination
    finally:
        await coordination.close()


async def eventually(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    """Return once something holds that another process brings about."""
    async with asyncio.timeout(PATIENCE_S):
        while not (await held if inspect.isawaitable(held := holds()) else held):  # noqa: ASYNC110  # nobody sets an event
            await asyncio.sleep(0.02)


@dataclass(frozen=True)
class Own:
    """Servers of one test: a master at the first port; with Sentinels, a replica and three of them behind it."""

    script: Path
    environment: dict[str, str]
    port: int

    @property
    def url(self) -> str:
        """The master's."""
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    def by_sentinels(self, *others: int) -> str:
        """The URL by way of the Sentinels, behind others at some ports."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in (*others, *range(self.port + 2, self.port + 5)))
        return f"redis+sentinel://:{PASSWORD}@{hosts}/chorally/0"

    async def do(self, what: str) -> None:
        """Start or stop the servers, or fail the master."""
        done = await asyncio.create_subprocess_exec(
            *(self.script, what), env=self.environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await done.communicate()
        assert done.returncode == 0, said.decode()


@asynccontextmanager
async def own_servers(state: Path, *, sentinels: bool) -> AsyncIterator[Own]:
    """Start servers and stop them at the end."""
    script = Path(os.environ.get("CHORALLY_SHARED") or _ROOT.parent / "shared") / "services" / "redis"
    if not script.exists():
        pytest.skip("no script to start Redis: set CHORALLY_SHARED")
    port = _free_ports()
    environment = {
        "CHORALLY_SERVICES_STATE": str(state),
        "CHORALLY_REDIS_PORT": str(port),
        "CHORALLY_REDIS_PASSWORD": PASSWORD,
        "CHORALLY_REDIS_SENTINEL": "yes" if sentinels else "no",
        "CHORALLY_REDIS_DATA": "",
    }
    servers = Own(script, {**os.environ, **environment}, port)
    await servers.do("start")
    try:
        yield servers
    finally:
        await servers.do("stop")


def _free_ports() -> int:
    """Return the first of five ports in a row that nobody has."""
    for first in random.sample(range(20_000, 30_000, 5), 200):
        try:
            for port in range(first, first + 5):
                with socket.socket() as bound:
                    bound.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise RuntimeError("there are no five free ports in a row")
