"""Calls of the Bot API: what they answer is unwrapped, and one without a result is malformed."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pydantic_core

import chorally_sdk as sdk

Value = dict[str, Any]


async def read(http: sdk.Http, method: str, *, timeout_s: float | None = None, **asked: Any) -> Any:
    """Call a method that changes nothing and return its result; it may be asked again.

    Args:
        http: The account's client.
        method: Of the Bot API.
        timeout_s: How long to wait for the answer; as long as for others where None.
        asked: Its parameters; those that are None are left out.
    """
    options: Value = {} if timeout_s is None else {"timeout": httpx.Timeout(timeout_s, connect=10.0)}
    query = {name: _text(value) for name, value in asked.items() if value is not None}
    return result(await http.get(f"/{method}", params=query, **options), method)


async def call(http: sdk.Http, method: str, asked: Mapping[str, Any]) -> Any:
    """Call a method once and return its result."""
    return result(await http.post(f"/{method}", json=dict(asked)), method)


def result(answer: httpx.Response, method: str) -> Any:
    """Return what an answer holds.

    Raises:
        Malformed: It is no answer of the Bot API.
    """
    try:
        told = pydantic_core.from_json(answer.content)
    except ValueError as error:
        raise sdk.Malformed(f"the answer to {method} is no JSON", answer.content) from error
    if not isinstance(told, dict) or told.get("ok") is not True or "result" not in told:
        raise sdk.Malformed(f"the answer to {method} has no result", answer.content)
    return told["result"]


def _text(value: Any) -> str | int:
    return value if isinstance(value, str | int) else json.dumps(value)
