"""Asks a connector what an answer means; what its own reading raises never replaces the answer's meaning."""

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

import httpx

from chorally_sdk.errors import ConnectorError, Malformed
from chorally_sdk.http.faults import by_status
from chorally_sdk.http.quota import Usage
from chorally_sdk.model.accounts import Grant

_log = logging.getLogger(__name__)
_SHORTEST = 8  # characters; a shorter secret is a word that may stand anywhere


class Dialect(Protocol):
    """What the client asks a connector."""

    def auth(self, grant: Grant) -> httpx.Auth:
        """Say how requests carry the grant."""

    def fault(self, answer: httpx.Response) -> ConnectorError | None:
        """Classify an answer."""

    def usage(self, answer: httpx.Response) -> Iterable[Usage]:
        """Read what an answer tells of the quota."""


def judged(connector: Dialect, answer: httpx.Response, grant: Grant | None) -> ConnectorError | None:
    """Return what the connector makes of an answer, without the grant's secrets, which platforms like to repeat.

    Where its ``fault`` fails, the HTTP status decides, and a success that cannot be judged is malformed.
    """
    try:
        fault = connector.fault(answer)
    except ConnectorError as error:
        fault = error
    except Exception as error:
        why = f"the platform's answer {answer.status_code} could not be judged ({type(error).__name__})"
        fault = by_status(answer) or Malformed(why, answer.content)
        fault.__cause__ = error
    return None if fault is None else _without_secrets(fault, grant)


def tell_usage(connector: Dialect, answer: httpx.Response, *listeners: Callable[[Usage], None]) -> None:
    """Pass on what an answer says of the quota; where that cannot be read, the answer stands all the same."""
    try:
        for usage in connector.usage(answer):
            for listener in listeners:
                listener(usage)
    except Exception as error:
        told = (answer.request.url.host, type(error).__name__)
        _log.warning("%s: what the platform says of its quota cannot be read (%s)", *told)


def _without_secrets(fault: ConnectorError, grant: Grant | None) -> ConnectorError:
    kept = (grant.access, grant.refresh, *grant.keep.values()) if grant else ()
    for secret in (each.get_secret_value() for each in kept if each):
        if len(secret) >= _SHORTEST:
            fault.args = tuple(part.replace(secret, "***") if isinstance(part, str) else part for part in fault.args)
            if isinstance(fault, Malformed):
                fault.payload = fault.payload.replace(secret.encode(), b"***")
    return fault
