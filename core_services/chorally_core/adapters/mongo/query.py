"""Queries as MongoDB asks them."""

import re
from typing import Any

from pymongo import ASCENDING, DESCENDING

from chorally_core.adapters.mongo.shape import Shape, to_value
from chorally_core.ports.documents import ARRIVAL, Condition, Query

_COMPARED = {"<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}


def conditions(shape: Shape, query: Query) -> dict[str, Any]:
    """Return the filter of a query's tenant and conditions."""
    parts: list[dict[str, Any]] = []
    if query.tenant is not None:
        parts.append({"tenant": query.tenant})
    parts += [_condition(shape, condition) for condition in query.where]
    return {"$and": parts} if len(parts) > 1 else parts[0] if parts else {}


def _condition(shape: Shape, condition: Condition) -> dict[str, Any]:
    field, test, value = condition
    path = shape.path(field)
    if test == "in":
        return {path: {"$in": [to_value(v) for v in value]}}
    if test == "absent":
        return {path: None}
    if test == "present":
        return {path: {"$ne": None}}
    if test == "contains":
        return {path: {"$regex": re.escape(str(value)), "$options": "i"}}
    if test in _COMPARED:
        return {path: {_COMPARED[test]: to_value(value)}}
    return {path: to_value(value)}


def order_of(shape: Shape, query: Query, after: Any) -> tuple[list[tuple[str, int]], dict[str, Any]]:
    """Return how to sort, and the filter of what lies behind the place to resume from."""
    direction, sign = (DESCENDING, "$lt") if query.descending else (ASCENDING, "$gt")
    if query.order == "id":
        return [("_id", direction)], {"_id": {sign: after[1]}} if after else {}
    path = "arrived" if query.order == ARRIVAL else shape.path(query.order)
    sort = [(path, direction), ("_id", direction)]
    if not after:
        return sort, {}
    value = to_value(after[0])
    return sort, {"$or": [{path: {sign: value}}, {path: value, "_id": {sign: after[1]}}]}
