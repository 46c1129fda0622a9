"""What calls to OpenSearch may end with, as the port knows it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
from opensearchpy.exceptions import ConnectionError as Unconnected
from opensearchpy.exceptions import TransportError

from chorally_core.ports.search import SearchUnavailable

AWAY = (401, 403, 408, 429, 500, 502, 503, 504)
"""Statuses after which the same may be asked again later."""


def type_of(error: TransportError) -> str:
    """Return OpenSearch's own word for what went wrong; empty where it says none."""
    told: Any = error.error
    with suppress(msgspec.MsgspecError, TypeError, KeyError):  # it is text, unless the driver knows the content type
        told = msgspec.json.decode(told)["error"]["type"]
    return told if isinstance(told, str) and re.fullmatch(r"[a-z_]{1,80}", told) else ""


def reason(error: TransportError) -> str:
    """Return why a call failed, without addresses, bodies and secrets."""
    if isinstance(error, Unconnected):
        return f"OpenSearch cannot be reached ({type(error).__name__})"
    return f"OpenSearch answers {error.status_code} {type_of(error)}".rstrip()


@contextmanager
def reached() -> Iterator[None]:
    """Turn what passes by itself into ``SearchUnavailable``; anything else is a mistake of ours."""
    try:
        yield
    except Unconnected as error:
        raise SearchUnavailable(reason(error)) from error
    except TransportError as error:
        if error.status_code in AWAY:
            raise SearchUnavailable(reason(error)) from error
        raise
