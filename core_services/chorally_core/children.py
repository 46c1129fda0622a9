"""Processes that are started, watched, started again when they die, and stopped together."""

import asyncio
import contextlib
import os
import re
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from signal import Signals
from typing import TextIO

import structlog

log = structlog.get_logger(__name__)

_FIRST_S = 1.0  # seconds before one that died is started again; twice as many each time
_LONGEST_S = 30.0
_HEALTHY_S = 60.0  # seconds after which a process that lived is believed to be sound
_STOP_S = 45.0  # seconds that a process has to end in good order
_LISTENS = re.compile(r" at (https?://\S+)$")
_LONGEST_LINE = 1 << 20


class Child:
    """One process, by name, over all its lives."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        output: TextIO = sys.stderr,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            name: Stands before each of its lines.
            command: Program and arguments; it prints a line that ends with ``at URL`` when it listens.
            environment: Of the process, in place of ours.
            output: Where its lines go.
            sleep: Waits for seconds.
        """
        self.name = name
        self._command = command
        self._environment = environment
        self._output = output
        self._sleep = sleep
        self._process: asyncio.subprocess.Process | None = None
        self._pause_s = _FIRST_S
        self._stopping = False
        self.url: str | None = None
        """Where it listens now; None while it does not."""

    async def run(self) -> None:
        """Start it, and start it again whenever it ends by itself, until it is stopped."""
        while True:
            began = asyncio.get_running_loop().time()
            status = await self._live()
            if self._stopping:
                return
            if asyncio.get_running_loop().time() - began >= _HEALTHY_S:
                self._pause_s = _FIRST_S
            log.error("a process ended by itself", name=self.name, status=_told(status), again_in_s=self._pause_s)
            await self._sleep(self._pause_s)
            self._pause_s = min(2 * self._pause_s, _LONGEST_S)

    async def _live(self) -> int:
        process = self._process = await asyncio.create_subprocess_exec(
            *self._command,
            env=dict(self._environment),
            stdin=asyncio.subprocess.PIPE,  # nothing is written: it ends when this process does (``following``)
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for whoever watches: it stops its children itself, once
            limit=_LONGEST_LINE,
        )
        if self._stopping:
            process.terminate()
        try:
            await asyncio.gather(self._read(process.stdout, is_told=True), self._read(process.stderr, is_told=False))
            return await process.wait()
        finally:
            self.url = None

    async def _read(self, stream: asyncio.StreamReader | None, *, is_told: bool) -> None:
        """Write each line on with the name before it, and learn from it where the process listens."""
        while stream is not None and (line := await _line(stream)):
            text = line.decode(errors="replace").rstrip("\r\n")
            self._output.write(f"{self.name:<16}| {text}\n")
            self._output.flush()
            if is_told and (found := _LISTENS.search(text)):
                self.url = found[1]

    @property
    def pid(self) -> int | None:
        """Of its present life; None while it has none."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def stop(self) -> None:
        """Ask it to end; one that does not end in time is killed."""
        self._stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(_STOP_S):
                await process.wait()
        except TimeoutError:
            log.error("a process did not end in time and is killed", name=self.name)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def run_all(children: Sequence[Child], told: Callable[[], Awaitable[object]]) -> None:
    """Run processes until something is told, then stop them all.

    Raises:
        OSError: One cannot be started at all.
    """
    running = [asyncio.create_task(child.run(), name=child.name) for child in children]
    telling = asyncio.ensure_future(told())
    try:
        done, _ = await asyncio.wait((telling, *running), return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task
    finally:
        await asyncio.gather(*(child.stop() for child in children))
        for task in (telling, *running):
            task.cancel()
        await asyncio.gather(telling, *running, return_exceptions=True)


async def _line(stream: asyncio.StreamReader) -> bytes:
    """The next line; a longer one than is held comes in parts."""
    try:
        return await stream.readuntil()
    except asyncio.IncompleteReadError as end:
        return end.partial
    except asyncio.LimitOverrunError as long:
        return await stream.readexactly(long.consumed)


def _told(status: int) -> str:
    return f"signal {Signals(-status).name}" if status < 0 else str(status)


def without_ours(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return an environment without our settings."""
    return {name: value for name, value in environment.items() if not name.startswith("CHORALLY_")}
