"""What a command tells the person at the terminal: mistakes with what to do, and how far it is."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pydantic import ValidationError


class Told(Exception):
    """Ends the command with a message that says what to do, and with an exit status."""

    def __init__(self, message: str, *, status: int = 2) -> None:
        super().__init__(message)
        self.status = status


def mistakes(error: ValidationError) -> str:
    """Return what is wrong with some settings, one line for each, without their values."""
    told = (f"  {'.'.join(map(str, each['loc'])) or 'they'}: {each['msg']}" for each in error.errors())
    return "\n".join(told)


@contextmanager
def progress(doing: str, total: int | None = None) -> Iterator[Callable[[str], None]]:
    """Show on the terminal what goes on; what is given takes one step and says where it is.

    Nothing is shown where the errors go elsewhere than to a terminal, nor where results scroll by on it.
    """
    if not sys.stderr.isatty() or (total is None and sys.stdout.isatty()) or "NO_PROGRESS" in os.environ:
        yield lambda where: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[where]}"))
    console = Console(stderr=True)
    shown = Progress(*columns, TimeElapsedColumn(), console=console, transient=True, redirect_stdout=False)
    with shown:
        task = shown.add_task(doing, total=total, where="")
        yield lambda where: shown.update(task, advance=1, where=where)
