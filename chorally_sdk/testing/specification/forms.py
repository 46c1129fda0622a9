"""Reads forms and parameters: texts that stand for numbers, lists and objects, and files among them."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from chorally_sdk.sandbox.parts import MULTIPART, parts_of

FORM = "application/x-www-form-urlencoded"
A_FILE = "a file"
"""What a file of a form is taken for."""


def is_form(media: str) -> bool:
    """Whether a body of this type is a form."""
    return media in {FORM, MULTIPART}


def fields_of(content_type: str, body: bytes) -> Iterator[tuple[str, str | None]]:
    """Yield the fields of a form by name; None where one is a file."""
    if not content_type.startswith(MULTIPART):
        yield from parse_qsl(body.decode(), keep_blank_values=True)
        return
    for part in parts_of(content_type, body):
        yield part.name, None if part.filename else part.text


def kinds_of(schema: Mapping[str, Any], followed: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> frozenset[str]:
    """Return the types of JSON that a schema allows, as far as it says so at its top."""
    schema = followed(schema)
    told = schema.get("type", [])
    found = {told} if isinstance(told, str) else set(told)
    for word in ("anyOf", "oneOf", "allOf"):
        for each in schema.get(word, ()):
            found |= kinds_of(each, followed)
    if "array" in found and isinstance(schema.get("items"), Mapping):
        inner = kinds_of(schema["items"], followed)
        found |= {f"{kind}s" for kind in inner}
    return frozenset(found)


def typed(text: str | None, kinds: frozenset[str]) -> Any:
    """Return what a text in a URL or a form stands for; it stays text where it does not fit, and is then refused.

    A list is JSON, or its parts with commas between. A file stands for a text.
    """
    if text is None:
        return A_FILE
    looks_like_json = text[:1] in {"[", "{"} and {"array", "object"} & kinds
    if looks_like_json or ("string" not in kinds and {"integer", "number", "boolean"} & kinds):
        try:
            return json.loads(text)
        except ValueError:
            return text
    if "array" in kinds:
        within = frozenset(kind.removesuffix("s") for kind in kinds if kind.endswith("s"))
        return [typed(part, within) for part in text.split(",")]
    return text
