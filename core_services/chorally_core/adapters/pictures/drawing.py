"""Draws pictures in small, each in a process of its own, which has nothing of ours and ends in time.

A decoder that breaks, loops or takes all memory takes that process with it, and nothing else.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from chorally_core.ports.pictures import Undrawable

MOST_BYTES = 50 * 1024 * 1024
"""Bytes of a picture that is drawn."""

_WORKER = Path(__file__).with_name("worker.py")
_ANSWER = 4 * 1024 * 1024  # bytes of a thumbnail and more than any has
_WHY = 500


class DrawnApart:
    """Serves the pictures port, by processes."""

    def __init__(self, *, at_once: int = 2, limit_s: float = 30.0, worker: Path = _WORKER) -> None:
        """Prepare.

        Args:
            at_once: Processes at a time.
            limit_s: Seconds that one may take.
            worker: The program that draws.
        """
        self._turns = asyncio.Semaphore(at_once)
        self._limit_s = limit_s
        self._worker = worker

    async def thumbnail(self, pieces: AsyncIterator[bytes]) -> bytes:
        """Return a picture in small.

        Raises:
            Undrawable: It is none, too large, or takes too long.
        """
        async with self._turns:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-B", str(self._worker), env={}, limit=_ANSWER,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            try:
                async with asyncio.timeout(self._limit_s):
                    return await _asked(process, pieces)
            except TimeoutError:
                raise Undrawable(f"it takes more than {self._limit_s:g} seconds to draw") from None
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()


async def _asked(process: asyncio.subprocess.Process, pieces: AsyncIterator[bytes]) -> bytes:
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise AssertionError("the process was begun with pipes")
    feeding = asyncio.create_task(_fed(process.stdin, pieces))
    try:
        drawn, said = await asyncio.gather(process.stdout.read(_ANSWER), process.stderr.read(_WHY))
        await feeding
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
    if await process.wait() or not drawn:
        raise Undrawable(said.decode(errors="replace").strip() or "it breaks whoever draws it")
    return drawn


async def _fed(stdin: asyncio.StreamWriter, pieces: AsyncIterator[bytes]) -> None:
    size = 0
    try:
        async for piece in pieces:
            size += len(piece)
            if size > MOST_BYTES:
                raise Undrawable(f"it has more than {MOST_BYTES} bytes")
            stdin.write(piece)
            await stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        return  # it has seen enough
    finally:
        stdin.close()
