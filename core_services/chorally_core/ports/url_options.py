"""What the options of a back end's URL may be: each reader comes with words for who gets one wrong."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any


def numeric(of: type[int] | type[float], least: float, most: float) -> tuple[Callable[[str], Any], str]:
    """Return what reads a number within bounds, and what is accepted."""

    def read(text: str) -> float:
        found = of(text)
        return found if least <= found <= most else refuse()

    return read, f"{'a whole number' if of is int else 'a number'} from {least:g} to {most:g}"


def file(text: str) -> Path:
    """Return the path of a file that is there.

    Raises:
        ValueError: There is none.
    """
    path = Path(text)
    return path if text and path.is_file() else refuse()


def like(pattern: str) -> Callable[[str], str]:
    """Return what reads a text of a pattern, and raises ``ValueError`` for any other."""
    return lambda text: text if re.fullmatch(pattern, text) else refuse()


def refuse() -> Any:
    """Say that a text cannot be used; the words beside the reader tell what can."""
    raise ValueError
