"""Patterns of calls: what a quota counts, and what a call weighs in it.

A pattern is ``*`` for every call, or a method and a path: ``GET /me/*``, ``* /search``. Paths are those after
the base URL's; of another host's calls the path is ``//host/path``. In both parts ``*`` stands for any
characters, slashes too, and ``?`` for one.
"""

import re
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator

ANY = "*"
_FORM = re.compile(r"(\*|[A-Z]+) (\*|/\S*)")


def _is_pattern(text: str) -> str:
    if text != ANY and not _FORM.fullmatch(text):
        raise ValueError(f"{text!r} is no pattern of calls; write * or METHOD /path, such as GET /me/*")
    return text


Pattern = Annotated[str, AfterValidator(_is_pattern)]


@lru_cache(maxsize=4096)
def matches(pattern: str, method: str, path: str) -> bool:
    """Whether a pattern fits a call."""
    if pattern == ANY:
        return True
    of_method, _, of_path = pattern.partition(" ")
    return fnmatchcase(method.upper(), of_method) and fnmatchcase(path, of_path)
