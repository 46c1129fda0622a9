"""Reads the lexicons of the AT Protocol.

Records, and what an open union holds, are judged by the lexicon that their `$type` names; a type that no file
describes judges nothing. What is not judged: limits of blobs, and languages.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from jsonschema import Draft7Validator, ValidationError
from jsonschema.validators import extend

from chorally_sdk.testing.specification.description import Description, Operation, Parameter, pointer
from chorally_sdk.text import counts_graphemes, length

_SIMPLE: dict[str, dict[str, Any]] = {
    "blob": {"type": "object", "required": ["$type", "ref", "mimeType", "size"]},
    "bytes": {"type": "object", "required": ["$bytes"]},
    "cid-link": {"type": "object", "required": ["$link"]},
    "token": {"type": "string"},
    "null": {"type": "null"},
}
_LIMITS = {"minimum": "minimum", "maximum": "maximum", "enum": "enum", "const": "const"}
_FORMATS = {
    "datetime": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$",
    "did": r"^did:[a-z]+:[A-Za-z0-9._:%-]*[A-Za-z0-9._-]$",
    "handle": r"^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$",
    "at-uri": r"^at://[A-Za-z0-9._:%-]+(/[A-Za-z0-9.-]+(/[A-Za-z0-9._:~-]+)?)?$",
    "nsid": r"^[A-Za-z][A-Za-z0-9-]*(\.[A-Za-z0-9-]+)+\.[A-Za-z][A-Za-z0-9]*$",
    "cid": r"^[A-Za-z0-9+=]{8,256}$",
    "tid": r"^[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}$",
    "record-key": r"^(?!\.{1,2}$)[A-Za-z0-9._:~-]{1,512}$",
    "uri": r"^[a-z][a-z0-9+.-]*:\S+$",
}
"""As the AT Protocol's pages "String Formats" have them (read 2026-11-23)."""
_RECORD = "any record"
_FAILED = {"type": "object", "required": ["error"], "properties": {"error": {"type": "string"}}}


def _no_longer(unit: Any) -> Any:
    def judge(_: Any, most: int, text: Any, __: Any) -> Iterator[ValidationError]:
        if isinstance(text, str) and length(text, unit) > most:
            yield ValidationError(f"{text[:20]!r}… has more than {most} {unit}")

    return judge


_Validator = extend(  # type: ignore[no-untyped-call]
    Draft7Validator,
    {"maxBytes": _no_longer("bytes"), **({"maxGraphemes": _no_longer("graphemes")} if counts_graphemes() else {})},
)


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
    records = [each["id"] for each in documents if each.get("defs", {}).get("main", {}).get("type") == "record"]
    schemas[_RECORD] = _by_type(f"{record}#main" for record in records)
    known = {reference: schemas.get(reference, {}) for reference in {*schemas, *_referred(schemas, operations)}}
    return Description({"schemas": known}, operations, _Validator)


def _operation(nsid: str, told: Mapping[str, Any]) -> Operation:
    parameters = told.get("parameters", {})
    needed = parameters.get("required", [])
    query = {
        name: Parameter(_schema(each, nsid), name in needed) for name, each in parameters.get("properties", {}).items()
    }
    body = {}
    if "input" in told:
        schema = _schema(told["input"].get("schema", {"type": "unknown"}), nsid)
        closed = {"additionalProperties": False} if "properties" in schema else {}  # a misspelt field is passed over
        body = {told["input"]["encoding"]: {**schema, **closed}}
    output = told.get("output", {})
    answer = _schema(output["schema"], nsid) if "schema" in output else None
    answers = {"2XX": answer, "4XX": _FAILED, "5XX": None}
    method = "GET" if told["type"] == "query" else "POST"
    return Operation(nsid, method, f"/xrpc/{nsid}", query, body, "schema" in told.get("input", {}), answers)


def _schema(told: Mapping[str, Any], nsid: str) -> dict[str, Any]:
    kind = told.get("type")
    if kind == "ref":
        return dict(pointer("schemas", _full(told["ref"], nsid)))
    if kind == "union":
        names = [_full(ref, nsid) for ref in told["refs"]]
        closed = {"properties": {"$type": {"enum": sorted({n for name in names for n in _names(name)})}}}
        return _by_type(names) | (closed if told.get("closed") else {})
    if kind == "unknown":
        return dict(pointer("schemas", _RECORD))
    if kind in _SIMPLE:
        return _SIMPLE[kind]
    schema: dict[str, Any] = {"type": kind} if kind else {}
    schema |= {ours: told[theirs] for theirs, ours in _LIMITS.items() if theirs in told}
    if kind == "array":
        schema["items"] = _schema(told["items"], nsid)
        schema |= {f"{end}Items": told[f"{end}Length"] for end in ("min", "max") if f"{end}Length" in told}
    if kind == "string":
        words = {"maxLength": "maxBytes", "maxGraphemes": "maxGraphemes"}
        schema |= {ours: told[theirs] for theirs, ours in words.items() if theirs in told}
        if told.get("format") in _FORMATS:
            schema["pattern"] = _FORMATS[told["format"]]
    if kind == "object":
        nullable = set(told.get("nullable", ()))
        properties = {name: _schema(inner, nsid) for name, inner in told.get("properties", {}).items()}
        schema["properties"] = {
            n: {"anyOf": [s, {"type": "null"}]} if n in nullable else s for n, s in properties.items()
        }
        if told.get("required"):
            schema["required"] = list(told["required"])
    return schema


def _by_type(names: Iterable[str]) -> dict[str, Any]:
    """An object that is as the type says which it names."""
    fits = [
        {"if": {"properties": {"$type": {"enum": _names(name)}}}, "then": dict(pointer("schemas", name))}
        for name in sorted(names)
    ]
    return {"type": "object", "if": {"required": ["$type"]}, "then": {"allOf": fits}} if fits else {"type": "object"}


def _names(name: str) -> list[str]:
    """How `$type` may write a name."""
    return [name, name.removesuffix("#main")] if name.endswith("#main") else [name]


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
