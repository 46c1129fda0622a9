"""How long a text is, in the units that platforms count in."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from chorally_sdk.errors import Unsupported
from chorally_sdk.model.manifest import Unit

if TYPE_CHECKING:
    from regex import Pattern


def length(text: str, unit: Unit, own: Callable[[str], int] = len) -> int:
    """Return how long a text is.

    Args:
        text: What is counted; halves of surrogate pairs count as what they take.
        unit: What it is counted in: ``code_points``; ``graphemes``, what a person sees as one character, of which
            an emoji of a family is one; ``utf16``, code units, two for each emoji; ``bytes`` of UTF-8; ``own``.
        own: The platform's own measure, ``Connector.measure``.

    Raises:
        Unsupported: Graphemes are to be counted, and ``chorally-sdk[graphemes]`` is not installed.
    """
    match unit:
        case "code_points":
            return len(text)
        case "graphemes":
            return len(text) if text.isascii() and "\r\n" not in text else sum(1 for _ in _grapheme().finditer(text))
        case "utf16":
            return len(text.encode("utf-16-le", "surrogatepass")) // 2
        case "bytes":
            return len(text.encode("utf-8", "surrogatepass"))
        case "own":
            return own(text)


def counts_graphemes() -> bool:
    """Whether graphemes can be counted here."""
    try:
        _grapheme()
    except Unsupported:
        return False
    return True


@cache
def _grapheme() -> "Pattern[str]":
    try:
        import regex  # an extra: few platforms count so
    except ImportError as error:
        raise Unsupported("graphemes cannot be counted; pip install chorally-sdk[graphemes]") from error
    return regex.compile(r"\X")
