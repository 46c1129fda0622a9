"""Reads the descriptions that Meta generates its own SDKs from: one file for each kind of node.

They say names and no more than rough types: which edges a node has, what may be asked of them, and which fields
an answer may have. Which kind of node an id stands for they cannot say, so all kinds that are there are allowed.
What is not judged: the words that an enum allows (the nodes name the enum and do not list it), limits, and errors.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jsonschema import Draft7Validator

from chorally_sdk.testing.specification.description import Description, Operation, Parameter

COMMON = (
    *("fields", "limit", "after", "before", "since", "until", "order", "filter", "summary", "locale", "metadata"),
    *("access_token", "appsecret_proof", "method", "format", "date_format", "offset", "pretty"),
)
"""Parameters that the Graph API takes everywhere ("Field Expansion", "Paginated Results"; read 2026-11-23)."""

_KINDS: Mapping[str, dict[str, Any]] = {
    **{name: {"type": ["integer", "string"], "pattern": r"^-?\d+$"} for name in ("int", "unsigned int")},
    "bool": {"enum": [True, False, 0, 1, "true", "false", "0", "1"]},
}
"""What a type of a parameter allows; others are not judged, as Graph takes JSON written as text for them."""
_FORMS = ("application/x-www-form-urlencoded", "application/json", "multipart/form-data")


def from_nodes(nodes: Mapping[str, Mapping[str, Any]]) -> Description:
    """Return what the nodes describe, by their names."""
    names = {kind: _names(node) for kind, node in nodes.items()}
    apis = [api for node in nodes.values() for api in node.get("apis", [])]
    every = sorted(set().union(*names.values()) | {"id", "error"})
    operations = list(_edges(apis, names, every))
    shown = {"type": "object", "propertyNames": {"enum": every}, "required": ["id"]}
    for path in ("/{version}/{id}", "/{id}"):
        asked = {"fields": Parameter(_fields(every, every))}
        operations.append(Operation(f"GET {path}", "GET", path, asked, answers={"2XX": shown}))
        own = [api for api in apis if "endpoint" not in api and api["method"] == "POST"]
        operations.append(Operation(f"POST {path}", "POST", path, body=_body(own), answers={"2XX": None}))
        operations.append(Operation(f"DELETE {path}", "DELETE", path, answers={"2XX": None}))
    return Description({}, operations, Draft7Validator, common=COMMON)


def _names(node: Mapping[str, Any]) -> set[str]:
    """What an answer about a node may hold: its fields, and its edges where they are asked for as fields."""
    edges = {api["endpoint"].strip("/") for api in node.get("apis", []) if "endpoint" in api}
    return {field["name"] for field in node.get("fields", [])} | edges


def _fields(known: Sequence[str], within: Sequence[str]) -> dict[str, Any]:
    """A list of fields as Graph takes it, each with what is asked of it: ``id,from{name},comments.limit(5){id}``."""
    name, inner = "|".join(map(re.escape, known)), "|".join(map(re.escape, within))
    asked = r"(\.[a-z_]+\([^()]*\))*"
    deepest = rf"({inner}){asked}"
    nested = rf"{deepest}(\{{[^{{}}]*\}})?"
    each = rf"({name}){asked}(\{{{nested}(,{nested})*\}})?"
    return {"type": "string", "pattern": rf"^{each}(,{each})*$"}


def _edges(
    apis: Sequence[Mapping[str, Any]], names: Mapping[str, set[str]], every: Sequence[str]
) -> Iterable[Operation]:
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for api in apis:
        if "endpoint" in api:
            found[api["method"], api["endpoint"].strip("/")].append(api)
    for (method, edge), same in found.items():
        query = {p["name"]: Parameter(_KINDS.get(p.get("type", ""), {})) for api in same for p in api["params"]}
        kinds = [names[api["return"]] for api in same if api["return"] in names]
        known = sorted(set().union(*kinds) | {"id"})
        is_known = len(kinds) == len(same)
        listed = {"type": "object", "propertyNames": {"enum": known}} if is_known else {"type": "object"}
        query = {"fields": Parameter(_fields(known if is_known else every, every)), **query} if method == "GET" else {}
        listing = {
            "type": "object",
            "required": ["data"],
            "properties": {"data": {"type": "array", "items": listed}, "paging": {"type": "object"}},
        }
        answer = listing if method == "GET" else {"type": "object"}
        for path in (f"/{{version}}/{{id}}/{edge}", f"/{{id}}/{edge}"):
            body = {} if method == "GET" else _body(same)
            yield Operation(f"{method} {path}", method, path, query, body, False, {"2XX": answer})


def _body(apis: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    kinds = {param["name"]: _KINDS.get(param.get("type", ""), {}) for api in apis for param in api["params"]}
    schema = {
        "type": "object",
        "properties": {**{name: {} for name in COMMON}, **kinds},
        "propertyNames": {"enum": sorted({*COMMON, *kinds})},
    }
    return dict.fromkeys(_FORMS, schema)
