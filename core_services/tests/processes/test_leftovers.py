"""A process in which something does not end, ends."""

import subprocess
import sys
import textwrap

PROGRAM = textwrap.dedent("""
    import asyncio, contextlib
    from chorally_core import serving
    serving._LEFTOVERS_S = 0.2

    async def stubborn():
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)

    async def main():
        global task
        task = asyncio.create_task(stubborn(), name="stubborn")
        await asyncio.sleep(0)
        {end}

    serving.run(main())
""")


def test_a_task_that_swallows_its_end_does_not_hold_up_the_process() -> None:
    """Everything was closed before: it ends with 0, and says what went on."""
    ran = subprocess.run([sys.executable, "-c", PROGRAM.format(end="return")], capture_output=True, timeout=60)  # noqa: S603
    assert ran.returncode == 0
    assert b"is cut off" in ran.stdout + ran.stderr
    assert b"stubborn" in ran.stdout + ran.stderr


def test_a_process_that_failed_says_so_although_something_goes_on() -> None:
    """It is no clean end."""
    program = PROGRAM.format(end="raise OSError('no')")
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60)  # noqa: S603
    assert ran.returncode == 1
