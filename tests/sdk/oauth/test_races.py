"""Many want the same grant at once, from a server whose refresh tokens work once: one asks, nobody fails."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from chorally_sdk import oauth
from tests.sdk.oauth.loopback import OnceServer, served
from tests.sdk.oauth.renewer import NAME, all_at_once, an_old_grant, renewing

ROOT = Path(__file__).parents[3]


@pytest.fixture
def server() -> OnceServer:
    """The server, counting."""
    return OnceServer()


@pytest.fixture
def url(server: OnceServer) -> Iterator[str]:
    """Where it is served."""
    with served(server) as url:
        yield url


async def test_eight_tasks_ask_once(server: OnceServer, url: str) -> None:
    """One call, and all have the new token."""
    ours = renewing(oauth.MemoryGrants(), url)
    await ours.put(NAME, an_old_grant())
    assert await all_at_once(ours, 8) == ["access-2"] * 8
    assert (server.calls, server.refused) == (1, 0)


def test_eight_threads_ask_once(server: OnceServer, url: str) -> None:
    """Each with a loop of its own."""
    ours = renewing(oauth.MemoryGrants(), url)
    asyncio.run(_put(ours))
    together, got = threading.Barrier(8), list[str]()

    def thread() -> None:
        together.wait()
        got.extend(asyncio.run(all_at_once(ours, 2)))

    threads = [threading.Thread(target=thread) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert got == ["access-2"] * 16
    assert (server.calls, server.refused) == (1, 0)


@pytest.mark.parametrize(("processes", "tasks"), [(2, 8), (8, 2)])
def test_processes_ask_once(server: OnceServer, url: str, tmp_path: Path, processes: int, tasks: int) -> None:
    """Processes with several tasks each, over files: the locks are the system's."""
    asyncio.run(_put(renewing(oauth.FileGrants(tmp_path), url)))
    command = [sys.executable, "-m", "tests.sdk.oauth.renewer", str(tmp_path), url, str(tasks)]
    running = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    for process in running:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    got = [process.communicate()[0].split() for process in running]
    assert got == [["access-2"] * tasks] * processes
    assert (server.calls, server.refused) == (1, 0)
    assert not [path for path in tmp_path.iterdir() if path.stat().st_mode & 0o077]


async def _put(ours: oauth.Renewing) -> None:
    await ours.put(NAME, an_old_grant())
