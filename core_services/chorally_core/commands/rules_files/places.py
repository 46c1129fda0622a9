"""YAML that remembers where everything stands, so that a mistake names its file, line and field."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

_LARGEST = 5_000_000  # bytes of a file
_DEEPEST = 50


class Mistake(NamedTuple):
    """Something in a file that cannot be used."""

    path: Path
    line: int
    """From 1."""
    field: str
    """Where it is within its rule or test, such as ``conditions/all/0/op``; empty where it is all of it."""
    why: str

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else ""
        return f"{self.path}:{self.line}: {where}{self.why}"


class Mistakes(Exception):
    """A file cannot be used; tells every mistake."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = list(mistakes)


def read(path: Path) -> CommentedMap:
    """Return what a file holds, with its comments.

    Raises:
        Mistakes: It cannot be read, or is no mapping.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise Mistakes([Mistake(path, 1, "", f"the file is larger than {_LARGEST:,} bytes; split it")])
        found = _yaml().load(path.read_text("utf-8"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        why = " ".join(str(part) for part in (error.context, error.problem) if part)
        raise Mistakes([Mistake(path, line, "", f"is no YAML: {why}")]) from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise Mistakes([Mistake(path, 1, "", f"is no YAML: {error}")]) from error
    except OSError as error:
        raise Mistakes([Mistake(path, 1, "", f"cannot be read: {error.strerror}")]) from error
    if not isinstance(found, CommentedMap):
        raise Mistakes([Mistake(path, 1, "", "must have `rules:`, a list, at its beginning")])
    return found


def write(path: Path, content: Any) -> None:
    """Write a file, with the comments that its content has kept."""
    with path.open("w", encoding="utf-8") as file:
        _yaml().dump(content, file)


def plain(node: Any, deep: int = 0) -> Any:
    """Return a part of a file as JSON has it; times and dates as texts.

    Raises:
        ValueError: It refers to itself, or has keys that are no texts.
    """
    if deep > _DEEPEST:
        raise ValueError(f"is nested deeper than {_DEEPEST} levels, or refers to itself")
    if isinstance(node, dict):
        if wrong := next((key for key in node if not isinstance(key, str)), None):
            raise ValueError(f"has the key {wrong!r}, which is no text; put it in quotes")
        return {str(key): plain(value, deep + 1) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(each, deep + 1) for each in node]
    if isinstance(node, datetime | date):
        return node.isoformat()
    if isinstance(node, bool) or node is None:
        return node
    for of in (str, int, float):
        if isinstance(node, of):
            return of(node)
    raise ValueError(f"is a {type(node).__name__}, which rules have no use for")


def line_of(node: Any, place: Sequence[str | int]) -> int:
    """Return the line, from 1, of what stands at a place, or of what is nearest to it."""
    line = node.lc.line if isinstance(node, CommentedMap | CommentedSeq) else 0
    for part in place:
        if isinstance(node, CommentedMap) and part in node:
            found, node = (node.lc.data or {}).get(part), node[part]
        elif isinstance(node, CommentedSeq) and str(part).isdigit() and int(part) < len(node):
            found, node = (node.lc.data or {}).get(int(part)), node[int(part)]
        else:
            continue  # it was put in by whoever checks, such as the kind of an action, or is missing
        line = found[0] if found is not None else line  # what has a tag of a program's own is not told a line
    return int(line) + 1


def shown(place: Sequence[str | int], node: Any) -> str:
    """Return a place as people read it: what stands in the file, and the last part, which may be missing there."""
    parts: list[str] = []
    for number, part in enumerate(place):
        is_there = (isinstance(node, CommentedMap) and part in node) or (
            isinstance(node, CommentedSeq) and str(part).isdigit() and int(part) < len(node)
        )
        if is_there:
            parts.append(str(part))
            node = node[int(part) if isinstance(node, CommentedSeq) else part]
        elif number == len(place) - 1:
            parts.append(str(part))
    return "/".join(parts)


def _yaml() -> YAML:
    made = YAML(typ="rt")
    made.preserve_quotes = True
    made.width = 100
    made.indent(mapping=2, sequence=4, offset=2)
    return made
