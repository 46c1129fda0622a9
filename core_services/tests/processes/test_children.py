"""Processes are started, watched, started again, and stopped together."""

import asyncio
import io
import os
import sys
from pathlib import Path

from chorally_core.children import Child, run_all

_LISTENS = "import sys, time; print('it listens at http://127.0.0.1:1', flush=True); time.sleep(60)"
_DIES = "import sys; print('to be read', file=sys.stderr); sys.exit(3)"


class Pauses:
    """Pauses that take no time, up to the sixth, which never ends."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.enough = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        """Pause."""
        self.seconds.append(seconds)
        if len(self.seconds) == 6:
            self.enough.set()
            await asyncio.Event().wait()


def _child(code: str, output: io.StringIO, pauses: Pauses | None = None) -> Child:
    return Child("one", [sys.executable, "-c", code], dict(os.environ), output=output, sleep=pauses or Pauses())


async def _listening(child: Child) -> None:
    async with asyncio.timeout(20):
        while child.url is None:  # noqa: ASYNC110 (nothing else tells)
            await asyncio.sleep(0.01)


async def test_where_a_process_listens_is_learnt_from_what_it_prints() -> None:
    """Its lines go on with its name before them; once it is stopped it listens nowhere."""
    output = io.StringIO()
    child = _child(_LISTENS, output)

    async def told() -> None:
        await _listening(child)
        assert child.url == "http://127.0.0.1:1"

    await run_all([child], told)
    assert output.getvalue() == "one             | it listens at http://127.0.0.1:1\n"
    assert child.url is None
    assert child.pid is None


async def test_a_process_that_dies_is_started_again_ever_later() -> None:
    """With a pause that doubles up to half a minute."""
    output, pauses = io.StringIO(), Pauses()
    child = _child(_DIES, output, pauses)
    async with asyncio.timeout(30):
        await run_all([child], pauses.enough.wait)
    assert pauses.seconds == [1, 2, 4, 8, 16, 30]
    assert output.getvalue().count("one             | to be read\n") == 6


async def test_all_are_stopped_and_each_may_finish(tmp_path: Path) -> None:
    """They are asked, and waited for."""
    code = (
        "import signal, sys, pathlib, time\n"
        "def end(*_):\n"
        "    pathlib.Path(sys.argv[1]).write_text('done')\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('it listens at http://127.0.0.1:1', flush=True)\n"
        "time.sleep(60)\n"
    )
    files = [tmp_path / "a", tmp_path / "b"]
    output = io.StringIO()
    children = [
        Child(file.name, [sys.executable, "-c", code, str(file)], dict(os.environ), output=output) for file in files
    ]

    async def told() -> None:
        await asyncio.gather(*map(_listening, children))

    await run_all(children, told)
    assert [file.read_text() for file in files] == ["done", "done"]


async def test_a_long_line_does_not_stop_the_others() -> None:
    """It comes in parts."""
    output = io.StringIO()
    code = "import time; print('x' * 3_000_000); print('it listens at http://127.0.0.1:1', flush=True); time.sleep(60)"
    child = _child(code, output)
    await run_all([child], lambda: _listening(child))
    assert output.getvalue().count("x") == 3_000_000
