"""Reads descriptions that are spread over several files which refer to each other."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chorally_sdk.testing.specification.description import pointer

_SHOWN = frozenset({"example", "examples", "x-examples"})


def loaded(path: Path) -> Any:
    """Return what a file of JSON or YAML holds."""
    text = path.read_text("utf-8")
    if path.suffix == ".json":
        return json.loads(text)
    import yaml  # only YAML needs it

    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe


def joined(files: Mapping[str, Any], folder: Path | None = None) -> dict[str, Any]:
    """Return documents by name as one, in which every reference leads to its place, from wherever it is judged.

    Args:
        files: The documents; a name is a path below the folder.
        folder: Where files lie that are only referred to; what is not there judges nothing.
    """
    whole: dict[str, Any] = {}
    waiting = dict(files)
    while waiting:
        name, document = waiting.popitem()
        needed: set[str] = set()
        whole[name] = _rooted(document, name, needed)
        for each in needed - set(whole) - set(waiting):
            path = folder / each if folder else None
            waiting[each] = loaded(path) if path and path.is_file() else {}
    return whole


def _rooted(node: Any, name: str, needed: set[str], *, is_named: bool = False) -> Any:
    if isinstance(node, Mapping):
        found = {}
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str) and not is_named:
                found[key] = _led(value, name, needed)
            elif is_named or key not in _SHOWN:
                found[key] = _rooted(value, name, needed, is_named=key in {"properties", "paths"} and not is_named)
        return found if is_named else _closed(found)
    return [_rooted(each, name, needed) for each in node] if isinstance(node, list) else node


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """A whole whose parts each forbid the others' names, so that nothing fits, forbids what none of them has."""
    parts = schema.get("allOf")
    if not isinstance(parts, list) or not any(p.get("additionalProperties") is False for p in parts):
        return schema
    opened = [{name: value for name, value in part.items() if name != "additionalProperties"} for part in parts]
    return {**schema, "allOf": opened, "unevaluatedProperties": False}


def _led(reference: str, name: str, needed: set[str]) -> str:
    file, _, place = reference.partition("#")
    if file:
        parts: list[str] = []
        for part in (Path(name).parent / file).parts:
            if part == ".." and parts and parts[-1] != "..":
                parts.pop()
            elif part != ".":
                parts.append(part)
        name = "/".join(parts)
        needed.add(name)
    return pointer(name)["$ref"] + place
