"""Reads the description of Telegram's Bot API: methods and types, each with its fields.

It says which fields there are, of which types, and which are needed. It does not say how long a text may be, which
words a field may hold, or which fields go together: none of that is judged.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from jsonschema import Draft7Validator

from chorally_sdk.sandbox.parts import MULTIPART
from chorally_sdk.testing.specification.description import Description, Operation, Parameter, pointer
from chorally_sdk.testing.specification.forms import A_FILE, FORM

_SIMPLE: Mapping[str, dict[str, Any]] = {
    "Integer": {"type": "integer"},
    "Float": {"type": "number"},
    "String": {"type": "string"},
    "Boolean": {"type": "boolean"},
    "True": {"const": True},
    "InputFile": {"type": "string"},  # the name of a file there, or of a part of the form
}
_HOOK = "Update"
_LIST = "Array of "
_FAILED = {
    "type": "object",
    "required": ["ok", "error_code", "description"],
    "properties": {
        "ok": {"const": False},
        "error_code": {"type": "integer"},
        "description": {"type": "string"},
        "parameters": pointer("ResponseParameters"),
    },
    "additionalProperties": False,
}


def from_methods(document: Mapping[str, Any]) -> Description:
    """Return what methods and types describe."""
    types = document["types"]
    schemas = {name: _SIMPLE.get(name) or _object(told) for name, told in types.items()}
    operations = [each for told in document["methods"].values() for each in _operations(told)]
    file = "/file/bot{token}/{+file_path}"  # "File", the only call that is no method
    operations.append(Operation("the content of a file", "GET", file, answers={"2XX": None}))
    hooks = [pointer(_HOOK)] if _HOOK in schemas else []
    return Description({"ResponseParameters": {}, **schemas}, operations, Draft7Validator, hooks=hooks)


def _operations(told: Mapping[str, Any]) -> Sequence[Operation]:
    name, path = told["name"], f"/bot{{token}}/{told['name']}"
    fields = told.get("fields", [])
    query = {each["name"]: Parameter(_any_of(each["types"]), bool(each["required"])) for each in fields}
    result = {
        "type": "object",
        "required": ["ok", "result"],
        "properties": {"ok": {"const": True}, "result": _any_of(told["returns"]), "description": {"type": "string"}},
        "additionalProperties": False,
    }
    answers = {"2XX": result, "4XX": _FAILED, "5XX": None}
    body = dict.fromkeys(("application/json", FORM), _object(told))
    body[MULTIPART] = {**_object(told), "additionalProperties": {"const": A_FILE}}  # which a field names: attach://
    is_needed = any(each["required"] for each in fields)
    return (
        Operation(name, "GET", path, query, answers=answers),
        Operation(name, "POST", path, body=body, is_body_required=is_needed, answers=answers),
    )


def _object(told: Mapping[str, Any]) -> dict[str, Any]:
    if told.get("subtypes"):
        return _any_of(told["subtypes"])
    fields = told.get("fields", [])
    return {
        "type": "object",
        "properties": {each["name"]: _field(each) for each in fields},
        "required": [each["name"] for each in fields if each["required"]],
        "additionalProperties": False,
    }


def _field(told: Mapping[str, Any]) -> dict[str, Any]:
    always = re.search(r"(?:, always|must be) [“\"*]?(\w+)[”\"*]?\.?$", str(told.get("description", "")))
    if always and told["types"] == ["String"]:  # what tells the kinds of one thing apart
        return {"const": always.group(1)}
    return _any_of(told["types"])


def _any_of(names: Sequence[str]) -> dict[str, Any]:
    if len(names) > 1 and all(name.startswith(_LIST) for name in names):  # a list may mix what it may hold
        return {"type": "array", "items": _any_of([name.removeprefix(_LIST) for name in names])}
    schemas = [_type(name) for name in names]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _type(name: str) -> dict[str, Any]:
    if name.startswith(_LIST):
        return {"type": "array", "items": _type(name.removeprefix(_LIST))}
    return dict(_SIMPLE.get(name) or pointer(name))
