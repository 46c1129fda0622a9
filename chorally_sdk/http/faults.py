"""What an answer means where the platform says no more than HTTP does."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from chorally_sdk.errors import ConnectorError, RateLimited, Reason, Reauthorize, Rejected, RetryLater, Scope
from chorally_sdk.model.base import Model

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
        return max(timedelta(seconds=float(value)), timedelta(0))
    except (ValueError, OverflowError):
        pass
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(at - (now or datetime.now(UTC)), timedelta(0)) if at.tzinfo else None


def by_status(answer: httpx.Response) -> ConnectorError | None:
    """Classify an answer by its HTTP status; None for success."""
    status = answer.status_code
    if status < 400:
        return None
    why = f"the platform answered {status}: {answer.text[:_SHOWN]}".rstrip(": ")
    wait = retry_after(answer.headers.get("Retry-After"))
    if status == 401 or (status == 400 and '"invalid_grant"' in answer.text):
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
        if limit > 0:
            return (Usage(used=1 - remaining / limit, wait=_reset(answer.headers.get(f"{prefix}-reset"))),)
    return ()


def _reset(value: str | None) -> timedelta | None:
    """Seconds from now, or a Unix time, as platforms mix them."""
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    if seconds > 1e9:
        seconds -= datetime.now(UTC).timestamp()
    return timedelta(seconds=max(seconds, 0.0))
