"""Describes topics and events as AsyncAPI, from their declaration."""

from collections.abc import Iterable
from typing import Any

import msgspec

from chorally_core.events.catalogue import CHANNEL, DECLARED


def document(channels: Iterable[str] = ()) -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document.

    Args:
        channels: Topics of the installed connectors' channels.
    """
    _, schemas = msgspec.json.schema_components(
        [declared.data for declared in DECLARED], ref_template="#/components/schemas/{name}"
    )
    messages: dict[str, Any] = {}
    topics: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for declared in DECLARED:
        name = declared.data.__name__
        doc = (declared.data.__doc__ or "").strip().splitlines()[0]
        messages[name] = {
            "name": declared.name,
            "title": name,
            "summary": doc,
            "contentType": "application/json",
            "headers": {"$ref": "#/components/schemas/Headers"},
            "payload": {
                "type": "object",
                "required": ["issuer", "event", "data"],
                "additionalProperties": False,
                "properties": {
                    "issuer": {"enum": list(declared.issuers)},
                    "event": {"const": declared.name},
                    "data": {"$ref": f"#/components/schemas/{name}"},
                },
            },
        }
        for topic in sorted(channels) if declared.topic == CHANNEL else (declared.topic,):
            place = topics.setdefault(topic, {"address": topic, "messages": {}})
            place["messages"][name] = {"$ref": f"#/components/messages/{name}"}
            operations[f"{topic}.{declared.name}"] = {
                "action": "send",
                "channel": {"$ref": f"#/channels/{topic}"},
                "messages": [{"$ref": f"#/channels/{topic}/messages/{name}"}],
            }
    headers = {
        "type": "object",
        "required": ["id", "tenant", "occurred_at", "schema"],
        "properties": {
            name: {"type": "string"}
            for name in ("id", "tenant", "occurred_at", "caused_by", "depth", "traceparent", "schema")
        },
    }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Chorally events", "version": "1", "description": "Keyed by `tenant/author`, in order."},
        "channels": topics,
        "operations": operations,
        "components": {"messages": messages, "schemas": {**schemas, "Headers": headers}},
    }
