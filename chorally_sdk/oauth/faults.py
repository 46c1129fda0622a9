"""What a token endpoint's refusal causes: whose fault it is decides who is asked.

Only ``Reauthorize`` costs a person's time, so it is raised only where the platform says that the grant itself is
refused (RFC 6749, section 5.2). What the operator has set up wrongly is ``Rejected``; anything that may pass by itself
is ``RetryLater``. No message carries a secret: platforms like to repeat what they were sent.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pydantic_core

from chorally_sdk.errors import ConnectorError, RateLimited, Reason, Reauthorize, Rejected, RetryLater
from chorally_sdk.http.faults import retry_after

GRANT_REFUSED = frozenset(
    {"invalid_grant", "access_denied", "consent_required", "interaction_required", "login_required"}
)
"""Errors that only a person can mend. The last three are OpenID Connect's, which Microsoft gives for refreshes too."""

SERVER_FAILED = frozenset({"server_error", "temporarily_unavailable"})
TOO_FAST = frozenset({"slow_down", "rate_limited", "rate_limit_exceeded", "too_many_requests", "ratelimited"})
_SHOWN = 200  # characters of a platform's own words that a message quotes
_SHORTEST = 6  # characters; a shorter "secret" is a word that may stand anywhere

Fault = Callable[[httpx.Response], ConnectorError | None]


def refusal(
    answer: httpx.Response,
    *,
    now: datetime,
    refused: Collection[str] = (),
    fault: Fault | None = None,
    secrets: Collection[str] = (),
    within: str = "",
) -> ConnectorError | None:
    """Return what a token endpoint's answer causes; None where it gives a token.

    Args:
        answer: What came.
        now: The time, for a ``Retry-After`` that is a date.
        refused: Further error codes by which this platform refuses a grant.
        fault: Asked about errors that are not OAuth's, such as those of a platform's own shape.
        secrets: What must not be repeated.
        within: See ``body_of``.
    """
    wait = retry_after(answer.headers.get("Retry-After"), now)
    if answer.status_code == 429:
        return RateLimited("the platform's token endpoint asks for a pause", wait=wait, scope="app")
    if answer.status_code >= 500 or answer.status_code in (408, 425):
        return RetryLater(f"the platform's token endpoint answered {answer.status_code}", wait=wait)
    said = body_of(answer, within)
    error = said.get("error")
    if isinstance(error, str) and error:
        return _of_code(error, masked(_why(said, error), secrets), refused, wait)
    if error or not answer.is_success:
        own = fault(answer) if fault else None
        if own is not None:
            own.args = tuple(masked(part, secrets) if isinstance(part, str) else part for part in own.args)
            return own
        why = f"the platform's token endpoint answered {answer.status_code} and does not say why"
        return Rejected(f"{why}; check the app's settings", reason=Reason.INVALID)
    return None


def _of_code(error: str, why: str, refused: Collection[str], wait: Any) -> ConnectorError:
    if error in GRANT_REFUSED or error in refused:
        return Reauthorize(f"{why}; connect the account again")
    if error in SERVER_FAILED:
        return RetryLater(why, wait=wait)
    if error in TOO_FAST:
        return RateLimited(why, wait=wait, scope="app")
    reason = Reason.PERMISSION if error in ("invalid_scope", "unauthorized_client") else Reason.INVALID
    return Rejected(f"{why}; check the id, the secret and the permissions of the app", reason=reason)


def _why(said: Mapping[str, Any], error: str) -> str:
    told = said.get("error_description")
    text = " ".join(told.split())[:_SHOWN] if isinstance(told, str) else ""
    return f"the platform refuses a token: {error[:60]}" + (f" ({text})" if text else "")


def body_of(answer: httpx.Response, within: str = "") -> dict[str, Any]:
    """Return an answer's object, from JSON or from a form as some platforms send; empty where it is neither.

    ``within`` names a field whose object, or first of a list of objects, counts where there is one: its fields go
    before those around it.
    """
    said = _object(answer)
    inner = said.get(within) if within else None
    if isinstance(inner, list) and inner:
        inner = inner[0]
    return {**said, **inner} if isinstance(inner, dict) else said


def _object(answer: httpx.Response) -> dict[str, Any]:
    if "application/x-www-form-urlencoded" in answer.headers.get("Content-Type", ""):
        return dict(parse_qsl(answer.text))
    try:
        said = pydantic_core.from_json(answer.content)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def masked(text: str, secrets: Collection[str]) -> str:
    """Return a text without the secrets that it may repeat."""
    for secret in secrets:
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, "***")
    return text
