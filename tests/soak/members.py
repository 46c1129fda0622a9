"""The processes under test: ``chorally service``, killed and started again, each on a port of its own."""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from tests.crash.core import TENANT, NotServing, _free_port
from tests.soak.plan import MEMBERS, Plan
from tests.soak.servers import Servers

KEY = "c29hay1zb2FrLXNvYWstc29hay1zb2FrLXNvYWstc28="
"""Seals what is stored on servers that live as long as the run."""


class Member:
    """One process, over all its lives."""

    def __init__(
        self, kind: str, number: int, environment: dict[str, str], folder: Path, told: Sequence[str] = ()
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            kind: What it is, which begins its name.
            number: Tells it apart from others of its kind.
            environment: The settings that it shares with them.
            folder: Where its output goes.
            told: Arguments of the command; those of its kind where empty.
        """
        self.kind = kind
        self._told = tuple(told) or MEMBERS[kind]
        self.name = f"{kind}-{number}"
        self.port = _free_port()
        self.lives = 0
        self.output = folder / f"{self.name}.txt"
        self._environment = {
            **environment, "CHORALLY_PORT": str(self.port), "CHORALLY_DATA": str(folder / f"{self.name}-data")
        }  # fmt: skip
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process's id while it lives."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Begin a life."""
        self.lives += 1
        with self.output.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "chorally_core.cli", "service", *self._told, env=self._environment,
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip

    async def ready(self, patience_s: float) -> None:
        """Wait until it says that it can do its work; one that ended by itself is started again, as a supervisor does.

        Raises:
            NotServing: It does not, in time.
        """
        end = time.monotonic() + patience_s
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", trust_env=False) as http:
            while time.monotonic() < end:
                await self.again()
                with contextlib.suppress(httpx.TransportError):
                    if (await http.get("/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.1)
        raise NotServing(f"{self.name} is not ready after {patience_s} s: {self.last_words()}")

    async def again(self) -> bool:
        """Start it where it has ended by itself; return whether that was so."""
        if self._process is not None and self._process.returncode is None:
            return False
        await asyncio.sleep(0.5)
        await self.start()
        return True

    async def kill(self) -> None:
        """End the life at once: SIGKILL, to this process only."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def stop(self, patience_s: float = 60.0) -> int:
        """Ask it to end, and return its exit status; one that does not end in time is killed."""
        if self._process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(patience_s):
                return await self._process.wait()
        except TimeoutError:
            await self.kill()
            return -9

    def last_words(self) -> str:
        """Return the end of what all lives have printed."""
        return self.output.read_text("utf-8", errors="replace")[-3000:] if self.output.exists() else ""


class Cluster:
    """All processes of the system."""

    def __init__(self, folder: Path, servers: Servers, platform_url: str, plan: Plan) -> None:
        self._plan = plan
        self._folder = folder
        self.environment = environment(folder, servers, platform_url, plan)
        self.members = [
            Member(kind, number, self.environment, folder)
            for kind, count in plan.copies.items()
            for number in range(1, count + 1)
        ]
        self._spare = 0
        self.ended: dict[str, int] = {}
        """The exit statuses of those that were asked to end."""
        self._ending = False
        self.ended_by_themselves: list[str] = []

    def of(self, kind: str) -> list[Member]:
        """Return the processes of a kind."""
        return [member for member in self.members if member.kind == kind]

    async def start(self) -> None:
        """Start them, the first of each kind before the others."""
        await command(self.environment, "migrate")
        for member in self.members:
            await member.start()
        for member in self.members:
            await member.ready(self._plan.patience_s)

    async def look_after(self) -> None:
        """Start again whoever ends by itself, for ever, as a supervisor does."""
        while True:
            for member in list(self.members):
                if member.pid is None and not self._ending and await member.again():
                    self.ended_by_themselves.append(f"{member.name}: {member.last_words()[-300:]}")
            await asyncio.sleep(0.5)

    def spare(self, kind: str) -> Member:
        """Return one more process of a kind, not started, which does not belong to the cluster yet."""
        self._spare += 1
        return Member(kind, 100 + self._spare, self.environment, self._folder)

    async def stop(self) -> dict[str, int]:
        """Ask all to end; returns their exit statuses by name."""
        self._ending = True
        statuses = await asyncio.gather(*(member.stop() for member in self.members))
        self.ended |= dict(zip((member.name for member in self.members), statuses, strict=True))
        return self.ended

    async def kill(self) -> None:
        """End whatever lives."""
        self._ending = True
        await asyncio.gather(*(member.kill() for member in self.members))

    async def token(self) -> str:
        """Return an administrator's token."""
        return await command(self.environment, "token", "--tenant", TENANT, "--role", "admin")


async def command(settings: Mapping[str, str], *told: str) -> str:
    """Run a command of the operator's to its end, and return what it printed.

    Raises:
        NotServing: It refused.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chorally_core.cli", *told, env=settings, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    printed, complaints = await process.communicate()
    if process.returncode:
        raise NotServing(f"chorally {' '.join(told)} ended with {process.returncode}: {complaints.decode()[-2000:]}")
    return printed.decode().strip()


def environment(folder: Path, servers: Servers, platform_url: str, plan: Plan) -> dict[str, str]:
    """Return the settings that all processes share."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("CHORALLY_")},
        "CHORALLY_BUS": servers.bus(plan.partitions),
        "CHORALLY_DOCUMENTS": servers.documents,
        "CHORALLY_COORDINATION": servers.coordination(sum(plan.copies.values())),
        "CHORALLY_OBJECTS": str(folder / "objects"),
        "CHORALLY_DATA": str(folder / "data"),
        "CHORALLY_SECRET_KEYS": KEY,
        "CHORALLY_BASE_URLS": json.dumps({"facebook": platform_url}),
        "CHORALLY_PULL_EVERY_S": str(plan.pull_every_s),
        "CHORALLY_TOKEN_RATE": "1000000",
        "CHORALLY_TENANT_RATE": "1000000",
        "CHORALLY_TOKEN_MINUTES": "1440",
        "CHORALLY_DISK_RESERVE_MIB": "1",
        "CHORALLY_DRAIN_S": "0.2",
        "CHORALLY_LOG_LEVEL": "info",
    }
