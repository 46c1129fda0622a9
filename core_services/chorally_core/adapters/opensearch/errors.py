"""What calls to OpenSearch may end with, as the port knows it."""

from collections.abc import Iterator
from contextlib import contextmanager

from opensearchpy.exceptions import ConnectionError as Unconnected
from opensearchpy.exceptions import TransportError

from chorally_core.ports.search import SearchUnavailable

AWAY = (401, 403, 408, 429, 500, 502, 503, 504)
"""Statuses after which the same may be asked again later."""


def reason(error: TransportError) -> str:
    """Return why a call failed, without addresses, bodies and secrets."""
    if isinstance(error, Unconnected):
        return f"OpenSearch cannot be reached ({type(error).__name__})"
    return f"OpenSearch answers {error.status_code} ({error.error})"


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
