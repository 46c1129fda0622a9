"""A process ends with the one that started it, however that ends."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

_CHILD = """
import socket, sys, time
from chorally_core.following import end_with_parent
end_with_parent()
{before}
telling = socket.create_connection(("127.0.0.1", {port}))
telling.sendall(b"here\\n")
for _ in range(1200):
    print("nobody may read this", flush=True)
    time.sleep(0.05)
"""
_PARENT = """
import asyncio, os, sys
from chorally_core.children import Child, run_all
child = Child("one", [sys.executable, "-c", sys.argv[1]], dict(os.environ), output=open(os.devnull, "w"))
asyncio.run(run_all([child], asyncio.Event().wait))
"""


class Callers:
    """Takes the one call of a child, and knows when the child is no more: its call ends."""

    def __init__(self) -> None:
        self.called, self.ended = asyncio.Event(), asyncio.Event()
        self.said = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Listen to it to its end."""
        self.said = await reader.readline()
        self.called.set()
        self.said += await reader.read()
        writer.close()
        self.ended.set()


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("", b""),
        (
            "import signal\ndef end(*_):\n    print('stopping', flush=True)\n    telling.sendall(b'in good order')\n"
            "    sys.exit(0)\nsignal.signal(signal.SIGTERM, end)",
            b"in good order",
        ),
    ],
    ids=["that does nothing about it", "that ends in good order"],
)
async def test_a_process_whose_parent_is_killed_ends(before: str, said: bytes, tmp_path: Path) -> None:
    """It is asked to, though the parent could tell nobody, and its lines that nobody reads do not fail it."""
    calls = Callers()
    server = await asyncio.start_server(calls, "127.0.0.1", 0)
    code = _CHILD.format(before=before, port=server.sockets[0].getsockname()[1])
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", _PARENT, code, cwd=tmp_path)
    try:
        async with server, asyncio.timeout(30):
            await calls.called.wait()
            parent.send_signal(signal.SIGKILL)
            await parent.wait()
            await calls.ended.wait()
    finally:
        if parent.returncode is None:
            parent.kill()
    assert calls.said == b"here\n" + said


async def test_a_process_that_does_not_end_when_asked_is_ended(tmp_path: Path) -> None:
    """Once it has had its time."""
    calls = Callers()
    server = await asyncio.start_server(calls, "127.0.0.1", 0)
    before = (
        "import signal, chorally_core.following as f\nf.PATIENCE_S = 0.2\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)"
    )
    code = _CHILD.format(before=before, port=server.sockets[0].getsockname()[1])
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", _PARENT, code, cwd=tmp_path)
    try:
        async with server, asyncio.timeout(30):
            await calls.called.wait()
            parent.kill()
            await parent.wait()
            await calls.ended.wait()
    finally:
        if parent.returncode is None:
            parent.kill()
