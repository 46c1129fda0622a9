"""Reads the descriptions that Meta generates its own SDKs from: one file for each kind of node.

They say names and no more than rough types: which edges a node has, what may be asked of them, and which fields
an answer may have. Which kind of node an id stands for they cannot say, so all kinds that are there are allowed.
"""

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

_FORMS = ("application/x-www-form-urlencoded", "application/json", "multipart/form-data")


def from_nodes(nodes: Mapping[str, Mapping[str, Any]]) -> Description:
    """Return what the nodes describe, by their names."""
    names = {kind: _names(node) for kind, node in nodes.items()}
    apis = [api for node in nodes.values() for api in node.get("apis", [])]
    operations = list(_edges(apis, names))
    every = sorted(set().union(*names.values()) | {"id", "error"})
    shown = {"type": "object", "propertyNames": {"enum": every}, "required": ["id"]}
    for path in ("/{version}/{id}", "/{id}"):
        operations.append(Operation(f"GET {path}", "GET", path, answers={"2XX": shown}))
        own = [api for api in apis if "endpoint" not in api and api["method"] == "POST"]
        operations.append(Operation(f"POST {path}", "POST", path, body=_body(own), answers={"2XX": None}))
        operations.append(Operation(f"DELETE {path}", "DELETE", path, answers={"2XX": None}))
    return Description({}, operations, Draft7Validator, common=COMMON)


def _names(node: Mapping[str, Any]) -> set[str]:
    """What an answer about a node may hold: its fields, and its edges where they are asked for as fields."""
    edges = {api["endpoint"].strip("/") for api in node.get("apis", []) if "endpoint" in api}
    return {field["name"] for field in node.get("fields", [])} | edges


def _edges(apis: Sequence[Mapping[str, Any]], names: Mapping[str, set[str]]) -> Iterable[Operation]:
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for api in apis:
        if "endpoint" in api:
            found[api["method"], api["endpoint"].strip("/")].append(api)
    for (method, edge), same in found.items():
        query = {param["name"]: Parameter({}) for api in same for param in api["params"]} if method == "GET" else {}
        kinds = [names[api["return"]] for api in same if api["return"] in names]
        known = sorted(set().union(*kinds) | {"id"})
        listed = {"type": "object", "propertyNames": {"enum": known}} if len(kinds) == len(same) else {"type": "object"}
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
    known = sorted({param["name"] for api in apis for param in api["params"]} | set(COMMON))
    schema = {"type": "object", "propertyNames": {"enum": known}}
    return dict.fromkeys(_FORMS, schema)
