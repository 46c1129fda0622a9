"""The real command, some services to a process."""

import asyncio
import contextlib
import os
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

COMMAND = str(Path(sys.executable).with_name("chorally"))
PATIENCE_S = 90.0

_LISTENS = re.compile(r" at (http://\S+)$", re.MULTILINE)


class NotSo(Exception):
    """What a test waited for did not come; the message says what there was instead."""


class Process:
    """``chorally`` with some arguments, over several lives."""

    def __init__(self, name: str, arguments: list[str], settings: Mapping[str, str], folder: Path) -> None:
        """Prepare; nothing is started yet.

        Args:
            name: Of its output in the folder.
            arguments: Of the command.
            settings: By variable; others of ours are not handed on.
            folder: Where it runs and its output goes.
        """
        self.name = name
        self._arguments = arguments
        self._environment = {
            **{variable: value for variable, value in os.environ.items() if not variable.startswith("CHORALLY_")},
            "CHORALLY_PORT": "0",
            **settings,
        }
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._lives = 0

    @property
    def _told(self) -> Path:
        return self._folder / f"{self.name}-{self._lives}.out"

    @property
    def said(self) -> Path:
        """What it has logged."""
        return self._folder / f"{self.name}-{self._lives}.err"

    @property
    def url(self) -> str | None:
        """Where it listens in its present life; None while it does not."""
        if self._process is None or self._process.returncode is not None:
            return None
        found = _LISTENS.search(self._told.read_text("utf-8"))
        return found[1] if found else None

    async def start(self) -> None:
        """Begin a life."""
        self._lives += 1
        with self._told.open("wb") as out, self.said.open("wb") as err:
            self._process = await asyncio.create_subprocess_exec(
                COMMAND, *self._arguments, env=self._environment, cwd=self._folder, stdin=asyncio.subprocess.DEVNULL,
                stdout=out, stderr=err, start_new_session=True,
            )  # fmt: skip

    async def readiness(self) -> tuple[int, list[str]]:
        """Return status and reasons of ``/readyz``; 0 where nobody answers."""
        if self.url is None:
            return 0, []
        async with httpx.AsyncClient(trust_env=False) as http:
            try:
                answer = await http.get(f"{self.url}/readyz")
            except httpx.TransportError:
                return 0, []
            return answer.status_code, answer.json()["reasons"]

    async def until_ready(self) -> None:
        """Wait until it is ready.

        Raises:
            NotSo: It ended, or is not in time.
        """
        end = time.monotonic() + PATIENCE_S
        found: tuple[int, list[str]] = (0, [])
        while time.monotonic() < end:
            found = await self.readiness()
            if found[0] == 200:
                return
            if self._process is None or self._process.returncode is not None:
                raise NotSo(f"{self.name} has ended: {self.last_words()}")
            await asyncio.sleep(0.05)
        raise NotSo(f"{self.name} is not ready: {found}; {self.last_words()}")

    def signal(self, kind: int) -> None:
        """Send it a signal."""
        if self._process is not None:
            self._process.send_signal(kind)

    async def ended(self) -> int:
        """Wait for its end, and return its status.

        Raises:
            NotSo: It does not end.
        """
        if self._process is None:
            raise NotSo(f"{self.name} was never started")
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._process.wait()
        except TimeoutError:
            raise NotSo(f"{self.name} does not end: {self.last_words()}") from None

    async def kill(self) -> None:
        """End its life at once, if it has one."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def output(self) -> str:
        """Run it to its end, and return what it prints."""
        await self.start()
        await self.ended()
        return self._told.read_text("utf-8").strip()

    def last_words(self) -> str:
        """Return the end of what it has logged."""
        return self.said.read_text("utf-8", errors="replace")[-3000:] if self._lives else ""
