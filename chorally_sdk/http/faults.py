"""What an answer means where the platform says no more than HTTP does."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from math import isfinite, isnan

import httpx

from chorally_sdk.errors import (
    ConnectorError,
    Malformed,
    RateLimited,
    Reason,
    Reauthorize,
    Rejected,
    RetryLater,
    Scope,
)
from chorally_sdk.model.base import Model

LONGEST_WAIT = timedelta(days=7)
"""What a platform asks for beyond this is taken as this; nonsense must not stop an account for ever."""
_SHOWN = 200  # characters of a platform's answer that a message for people may quote


class Usage(Model):
    """How much of a quota is used, 1.0 being exhausted, and how long until there is more."""

    used: float
    wait: timedelta | None = None
    scope: Scope = "account"
    match: str = "*"


def retry_after(value: str | None, now: datetime | None = None) -> timedelta | None:
    """Read a ``Retry-After`` header, in seconds or as an HTTP date; None where absent or unreadable."""
    if not value:
        return None
    try:
        return _wait(float(value))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(value)
        return _wait((at - (now or datetime.now(UTC))).total_seconds()) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def by_status(answer: httpx.Response) -> ConnectorError | None:
    """Classify an answer by its HTTP status; None for success. A redirect that was not followed is none."""
    status = answer.status_code
    if status < 300 or status == 304:
        return None
    if status < 400:
        return Malformed(
            f"the platform answered {status}, a redirect; check the address that is called", answer.content
        )
    said = answer.content[: 4 * _SHOWN].decode("utf-8", "replace")[:_SHOWN]
    why = f"the platform answered {status}: {said}".rstrip(": ")
    wait = retry_after(answer.headers.get("Retry-After"))
    if status == 401 or (status == 400 and b'"invalid_grant"' in answer.content):
        return Reauthorize(why)
    if status == 403:
        return Rejected(why, reason=Reason.PERMISSION)
    if status in (404, 410):
        return Rejected(why, reason=Reason.GONE)
    if status == 429:
        return RateLimited(why, wait=wait)
    if status >= 500 or status in (408, 425):
        return RetryLater(why, wait=wait)
    return Rejected(why, reason=Reason.INVALID)


def quota_headers(answer: httpx.Response) -> Iterable[Usage]:
    """Read the common ``RateLimit-*`` and ``X-RateLimit-*`` headers; empty where they are absent."""
    for prefix in ("ratelimit", "x-ratelimit"):
        try:
            limit = float(answer.headers[f"{prefix}-limit"])
            remaining = float(answer.headers[f"{prefix}-remaining"])
        except (KeyError, ValueError):
            continue
        if limit > 0 and isfinite(limit) and isfinite(remaining):
            used = min(max(1 - remaining / limit, 0.0), 1.0)
            return (Usage(used=used, wait=_reset(answer.headers.get(f"{prefix}-reset"))),)
    return ()


def _reset(value: str | None) -> timedelta | None:
    """Seconds from now, or a Unix time, as platforms mix them."""
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    if seconds > 1e9:
        seconds -= datetime.now(UTC).timestamp()
    return _wait(seconds)


def _wait(seconds: float) -> timedelta | None:
    """A time to wait, never negative and never longer than makes sense; None for what is no number."""
    if isnan(seconds):
        return None
    return timedelta(seconds=min(max(seconds, 0.0), LONGEST_WAIT.total_seconds()))
