"""Reads what a call sends: JSON, a form, or a multipart form with files."""

import json
from typing import Any

from chorally_sdk.sandbox import Call
from chorally_sdk.sandbox.parts import MULTIPART, parts_of

Files = dict[str, tuple[str, str, bytes]]
"""Name, media type and bytes of a file by its field."""

_WORDS = frozenset({"text", "caption"})


async def fields_of(call: Call) -> tuple[dict[str, Any], Files]:
    """Return the parameters of a call, of whatever form, and its files."""
    is_json = call.request.headers.get("content-type", "").startswith("application/json")
    told: dict[str, Any] = {**call.query, **({} if is_json else call.fields)}
    files: Files = {}
    kind = call.request.headers.get("content-type", "")
    if kind.startswith(MULTIPART):
        for part in parts_of(kind, await call.request.body()):
            if part.filename is not None:
                files[part.name] = (part.filename, part.media_type, part.content)
            else:
                told[part.name] = part.text
    read_as = {name: each if name in _WORDS else _value(each) for name, each in told.items()}
    return {**read_as, **(call.fields if is_json else {})}, files


def _value(text: Any) -> Any:
    """What a form's text stands for: JSON where it is an object, a list, a number or a word of JSON."""
    if not isinstance(text, str) or not (text[:1] in "[{" or text in ("true", "false") or text.lstrip("-").isdecimal()):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
