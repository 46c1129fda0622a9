"""The first signal asks a process to end, the second one ends it."""

import signal
import subprocess
import sys

_CODE = """
import asyncio
from chorally_core.serving import Ending, run

async def main():
    with Ending() as ending:
        print("begun", flush=True)
        if LATE:
            print(await ending.before(asyncio.Event().wait()), flush=True)
            return
        await ending.told.wait()
        print("told", flush=True)
        await asyncio.Event().wait()

run(main())
"""


def _begun(*, late: bool = False) -> "subprocess.Popen[str]":
    code = f"LATE = {late}\n{_CODE}"
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)  # noqa: S603 (our own code)


def test_a_second_signal_ends_the_process_at_once() -> None:
    """Whatever it is waiting for, and whichever signal comes first."""
    with _begun() as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "told\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == -signal.SIGTERM


def test_a_start_that_takes_long_can_be_broken_off() -> None:
    """A back end that does not answer must not keep the process."""
    with _begun(late=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "False\n"
        assert process.wait(30) == 0
