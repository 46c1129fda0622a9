"""What a homeserver's errors cause: one table by error code (Matrix 1.16, "Standard error response")."""

from datetime import timedelta
from typing import Any

import httpx
import pydantic_core

import chorally_sdk as sdk

_TOKEN = frozenset({"M_UNKNOWN_TOKEN", "M_MISSING_TOKEN", "M_USER_DEACTIVATED"})
"""The session is over; where ``soft_logout`` is true it goes on with another token, which is the renewal's to get."""

_REASONS = {
    "M_FORBIDDEN": sdk.Reason.PERMISSION,
    "M_GUEST_ACCESS_FORBIDDEN": sdk.Reason.PERMISSION,
    "M_EXCLUSIVE": sdk.Reason.PERMISSION,
    "M_UNAUTHORIZED": sdk.Reason.PERMISSION,
    "M_CONSENT_NOT_GIVEN": sdk.Reason.PERMISSION,
    "M_USER_SUSPENDED": sdk.Reason.BLOCKED,
    "M_RESOURCE_LIMIT_EXCEEDED": sdk.Reason.BLOCKED,
    "M_NOT_FOUND": sdk.Reason.GONE,
    "M_TOO_LARGE": sdk.Reason.INVALID,
}
_TRANSIENT = frozenset({"M_USER_LOCKED", "M_NOT_YET_UPLOADED"})
_LOCKED_FOR = timedelta(hours=1)  # the specification says to come back, not when
_LONGEST = timedelta(days=7)


class Duplicate(sdk.Rejected):
    """The same reaction is there already."""


class Unrecognized(sdk.Rejected):
    """The homeserver has no such endpoint: it is older than that, or newer."""


def fault(answer: httpx.Response) -> sdk.ConnectorError | None:
    """Classify an answer by its error code; by its status where it has none."""
    by_status = sdk.by_status(answer)
    if by_status is None:
        return None
    told = _told(answer)
    code = told.get("errcode")
    if not isinstance(code, str) or answer.status_code >= 500:
        return by_status
    why = f"{told.get('error') or 'no explanation'} ({code})"[:300]
    if code in _TOKEN:
        return sdk.Reauthorize(f"the homeserver no longer accepts the token: {why}")
    if code == "M_LIMIT_EXCEEDED":
        return sdk.RateLimited(why, wait=_wait(by_status, told))
    if code in _TRANSIENT:
        return sdk.RetryLater(why, wait=_LOCKED_FOR if code == "M_USER_LOCKED" else None)
    if code == "M_DUPLICATE_ANNOTATION":
        return Duplicate(why)
    if code == "M_UNRECOGNIZED":
        return Unrecognized(why)
    if code in _REASONS:
        return sdk.Rejected(why, reason=_REASONS[code])
    return by_status if answer.status_code in (401, 403, 404, 408, 410, 425, 429) else sdk.Rejected(why)


def is_soft_logout(answer: httpx.Response) -> bool:
    """Whether only the token has ended, and the session can go on with another."""
    return _told(answer).get("soft_logout") is True


def _wait(by_status: sdk.ConnectorError, told: dict[str, Any]) -> timedelta | None:
    """The header counts; the deprecated field where there is none."""
    asked = getattr(by_status, "wait", None)
    if isinstance(asked, timedelta):
        return asked
    field = told.get("retry_after_ms")
    is_number = isinstance(field, int | float) and not isinstance(field, bool) and 0 <= field < _LONGEST / _MS
    return timedelta(milliseconds=field) if is_number and field is not None else None


_MS = timedelta(milliseconds=1)


def _told(answer: httpx.Response) -> dict[str, Any]:
    try:
        read = pydantic_core.from_json(answer.content)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}
