"""Reads the lexicons of the AT Protocol."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jsonschema import Draft7Validator

from chorally_sdk.testing.specification.description import Description, Operation, Parameter, pointer

_SIMPLE: dict[str, dict[str, Any]] = {
    "blob": {"type": "object", "required": ["$type", "ref", "mimeType", "size"]},
    "bytes": {"type": "object", "required": ["$bytes"]},
    "cid-link": {"type": "object", "required": ["$link"]},
    "unknown": {"type": "object"},
    "token": {"type": "string"},
    "null": {"type": "null"},
}
_LIMITS = {"minimum": "minimum", "maximum": "maximum", "enum": "enum", "const": "const"}


def from_lexicons(documents: Sequence[Mapping[str, Any]]) -> Description:
    """Return what a folder of lexicons describes."""
    schemas: dict[str, Any] = {}
    operations = []
    for document in documents:
        if "lexicon" not in document:
            continue
        for name, told in document["defs"].items():
            if told["type"] == "record":
                schemas[f"{document['id']}#{name}"] = _schema(told["record"], document["id"])
            elif told["type"] in {"query", "procedure"}:
                operations.append(_operation(document["id"], told))
            elif told["type"] not in {"subscription", "permission-set"}:
                schemas[f"{document['id']}#{name}"] = _schema(told, document["id"])
    known = {reference: schemas.get(reference, {}) for reference in {*schemas, *_referred(schemas, operations)}}
    return Description({"schemas": known}, operations, Draft7Validator)


def _operation(nsid: str, told: Mapping[str, Any]) -> Operation:
    parameters = told.get("parameters", {})
    needed = parameters.get("required", [])
    query = {
        name: Parameter(_schema(each, nsid), name in needed) for name, each in parameters.get("properties", {}).items()
    }
    body = {}
    if "input" in told:
        body = {told["input"]["encoding"]: _schema(told["input"].get("schema", {"type": "unknown"}), nsid)}
    output = told.get("output", {})
    answer = _schema(output["schema"], nsid) if "schema" in output else None
    method = "GET" if told["type"] == "query" else "POST"
    return Operation(nsid, method, f"/xrpc/{nsid}", query, body, "schema" in told.get("input", {}), {"2XX": answer})


def _schema(told: Mapping[str, Any], nsid: str) -> dict[str, Any]:
    kind = told.get("type")
    if kind == "ref":
        return dict(pointer("schemas", _full(told["ref"], nsid)))
    if kind == "union":
        refs = [dict(pointer("schemas", _full(ref, nsid))) for ref in told["refs"]]
        return {"anyOf": refs} if told.get("closed") else {"type": "object"}
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    schema: dict[str, Any] = {"type": kind} if kind else {}
    schema |= {ours: told[theirs] for theirs, ours in _LIMITS.items() if theirs in told}
    if kind == "array":
        schema["items"] = _schema(told["items"], nsid)
        schema |= {f"{end}Items": told[f"{end}Length"] for end in ("min", "max") if f"{end}Length" in told}
    if kind == "string" and "maxLength" in told:
        schema["maxLength"] = told["maxLength"]  # counted in bytes there, of which there are no fewer than letters
    if kind == "object":
        nullable = set(told.get("nullable", ()))
        properties = {name: _schema(inner, nsid) for name, inner in told.get("properties", {}).items()}
        schema["properties"] = {
            n: {"anyOf": [s, {"type": "null"}]} if n in nullable else s for n, s in properties.items()
        }
        if told.get("required"):
            schema["required"] = list(told["required"])
    return schema


def _full(reference: str, nsid: str) -> str:
    reference = reference.removeprefix("lex:")
    if reference.startswith("#"):
        return f"{nsid}{reference}"
    return reference if "#" in reference else f"{reference}#main"


def _referred(schemas: Mapping[str, Any], operations: Iterable[Operation]) -> set[str]:
    """Every name that is referred to, so that a lexicon which is not there judges nothing."""
    found: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, Mapping):
            if isinstance(node.get("$ref"), str):
                found.add(node["$ref"].rpartition("#/schemas/")[2].replace("~1", "/").replace("~0", "~"))
            for inner in node.values():
                walk(inner)
        elif isinstance(node, list):
            for inner in node:
                walk(inner)

    walk(dict(schemas))
    for operation in operations:
        walk([dict(operation.body), dict(operation.answers), [vars(each) for each in operation.query.values()]])
    return found
