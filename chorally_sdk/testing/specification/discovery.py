"""Reads Google's discovery documents."""

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft7Validator

from chorally_sdk.testing.specification.description import Description, Operation, Parameter, pointer

_KEPT = frozenset({"type", "enum", "pattern", "minimum", "maximum"})
_SHOWN, _TAKEN = "schemas", "taken"
"""Where the schemas of answers and of requests are: an answer may hold more than the document knows, a request not."""
_NUMBERS_AS_TEXT = frozenset({"int64", "uint64"})


def from_discovery(document: Mapping[str, Any]) -> Description:
    """Return what a discovery document describes."""
    base = "/" + str(document.get("servicePath", "")).strip("/")
    told = document.get("schemas", {})
    schemas = {place: {name: _schema(schema, place) for name, schema in told.items()} for place in (_SHOWN, _TAKEN)}
    common = document.get("parameters", {})
    operations = list(_operations(document, base.rstrip("/")))
    return Description(schemas, operations, Draft7Validator, common=[*common, "key", "access_token"])


def _operations(node: Mapping[str, Any], base: str) -> Iterator[Operation]:
    for method in node.get("methods", {}).values():
        parameters = method.get("parameters", {})
        query = {
            name: Parameter(_schema({**each, "required": None}, _SHOWN), each.get("required") is True)
            for name, each in parameters.items()
            if each.get("location") == "query"
        }
        body = {"application/json": pointer(_TAKEN, method["request"]["$ref"])} if "request" in method else {}
        answer = pointer(_SHOWN, method["response"]["$ref"]) if "response" in method else None
        path = method.get("flatPath") or method["path"]  # the flat one tells names of one kind from another's
        whole = f"{base}/{path.lstrip('/')}"
        yield Operation(method["id"], method["httpMethod"], whole, query, body, False, {"2XX": answer})
    for resource in node.get("resources", {}).values():
        yield from _operations(resource, base)


def _schema(told: Mapping[str, Any], place: str) -> dict[str, Any]:
    """A schema of draft 3, as Google writes it, in the words of draft 7."""
    if "$ref" in told:
        return dict(pointer(place, told["$ref"]))
    schema = {name: value for name, value in told.items() if name in _KEPT and value is not None}
    if schema.get("type") == "any":
        del schema["type"]
    if told.get("format") in _NUMBERS_AS_TEXT:
        schema["type"] = ["string", "integer"]
    for name in ("minimum", "maximum"):
        if name in schema:
            schema[name] = float(schema[name])
    if "properties" in told:
        schema["properties"] = {name: _schema(inner, place) for name, inner in told["properties"].items()}
        if place == _TAKEN and "additionalProperties" not in told:
            schema["additionalProperties"] = False
    for name in ("items", "additionalProperties"):
        if isinstance(told.get(name), Mapping):
            schema[name] = _schema(told[name], place)
    if told.get("repeated"):
        schema = {"type": ["array", "string"], "items": schema}
    return schema
