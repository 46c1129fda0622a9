"""What answers tell of a quota: how much is used, and how long until there is more."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from math import isfinite, isnan
from typing import TYPE_CHECKING, Any

import pydantic_core

from chorally_sdk.errors import Scope
from chorally_sdk.model.base import Model

if TYPE_CHECKING:
    import httpx

LONGEST_WAIT = timedelta(days=7)
"""What a platform asks for beyond this is taken as this; nonsense must not stop an account for ever."""

PERCENT_HEADERS: Mapping[str, Scope] = {
    "x-app-usage": "app",
    "x-page-usage": "account",
    "x-ad-account-usage": "account",
    "x-business-use-case-usage": "account",
}
"""Headers of JSON that counts in percent and minutes, and whose quota they tell of (Graph API, "Rate Limits")."""

_SHARES = ("call_count", "total_time", "total_cputime", "acc_id_util_pct")
_AN_INSTANT = 1e9  # seconds; no wait is longer, so a larger number is a Unix time
_DAYS_OF_MINUTES = 1e6
_ITEM = re.compile(r'\s*(?:"([^"]*)"|([A-Za-z*][\w*.-]*))\s*((?:;[^,;]*)*)\s*(?:,|$)')


class Usage(Model):
    """How much of a quota is used, 1.0 being exhausted, and how long until there is more."""

    used: float
    wait: timedelta | None = None
    """Time until it is less, where the platform tells."""
    scope: Scope = "account"
    match: str = "*"
    """Which of its endpoints it is about, as ``Budget.match``."""


def retry_after(value: str | None, now: datetime | None = None) -> timedelta | None:
    """Read a ``Retry-After`` header, in seconds or as an HTTP date; None where absent or unreadable."""
    if not value:
        return None
    try:
        return as_wait(float(value))
    except ValueError:
        pass
    at = _date(value)
    return None if at is None else as_wait((at - (now or datetime.now(UTC))).total_seconds())


def asked_wait(answer: "httpx.Response") -> timedelta | None:
    """Return how long an answer asks to wait: its ``Retry-After``, else until the quota that is used up is less.

    A date is compared with the answer's own, so that a clock that is wrong does not matter.
    """
    now = _date(answer.headers.get("Date", "")) or datetime.now(UTC)
    asked = retry_after(answer.headers.get("Retry-After"), now)
    if asked is not None or answer.status_code != 429:
        return asked
    return max((each.wait for each in quota_headers(answer) if each.used >= 1 and each.wait is not None), default=None)


def quota_headers(answer: "httpx.Response") -> Iterable[Usage]:
    """Read the headers that platforms commonly tell of a quota with; empty where they are absent.

    ``RateLimit-Limit``, ``-Remaining``, ``-Used``, ``-Reset`` and ``-Reset-After``, with and without ``X-``; the
    ``RateLimit`` field of the IETF's drafts, with its policy; and ``PERCENT_HEADERS``.
    """
    return (*_separate(answer.headers), *_structured(answer.headers), *percents(answer))


def percents(answer: "httpx.Response", headers: Mapping[str, Scope] = PERCENT_HEADERS) -> Iterator[Usage]:
    """Read headers of JSON objects that count in percent; rows may lie in lists, by page or business."""
    for name, scope in headers.items():
        for row in _rows(_json(answer.headers.get(name))):
            shares = [share for share in (_amount(row.get(each)) for each in _SHARES) if share is not None]
            if shares:
                minutes = _amount(row.get("estimated_time_to_regain_access"))
                wait = timedelta(minutes=minutes) if minutes else None
                yield Usage(used=max(shares) / 100, wait=min(wait, LONGEST_WAIT) if wait else None, scope=scope)


def _separate(headers: Mapping[str, str]) -> Iterator[Usage]:
    for prefix in ("ratelimit", "x-ratelimit", "x-rate-limit"):
        limit, remaining, spent = (_number(headers.get(f"{prefix}-{each}")) for each in ("limit", "remaining", "used"))
        if limit is None and remaining is not None and spent is not None:
            limit = remaining + spent
        if limit is None or remaining is None or limit <= 0:
            continue
        after = _number(headers.get(f"{prefix}-reset-after"))
        wait = as_wait(after) if after is not None else _reset(headers.get(f"{prefix}-reset"))
        yield Usage(used=_share(limit, remaining), wait=wait)
        return


def _structured(headers: Mapping[str, str]) -> Iterator[Usage]:
    """``RateLimit`` as the drafts had it: ``limit=10, remaining=5, reset=60``, then ``"name";r=5;t=60``."""
    text = headers.get("ratelimit", "")
    plain = dict(part.strip().partition("=")[::2] for part in text.split(",") if "=" in part)
    limit, remaining = _number(plain.get("limit")), _number(plain.get("remaining"))
    if limit and limit > 0 and remaining is not None:
        yield Usage(used=_share(limit, remaining), wait=_reset(plain.get("reset")))
        return
    policies = dict(_items(headers.get("ratelimit-policy", "")))
    for name, told in _items(text):
        quota, left = _number(policies.get(name, {}).get("q")), _number(told.get("r"))
        if left is not None and (left <= 0 or (quota and quota > 0)):
            yield Usage(used=_share(quota, left) if quota and quota > 0 else 1.0, wait=_reset(told.get("t")))


def _items(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    for found in _ITEM.finditer(text):
        pairs = (each.strip().partition("=") for each in found[3].split(";") if each.strip())
        yield found[1] or found[2] or "", {name: value for name, _, value in pairs}


def _share(limit: float, remaining: float) -> float:
    return min(max(1 - remaining / limit, 0.0), 1.0)


def _rows(said: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(said, dict):
        yield said
        for group in said.values():
            yield from (row for row in group if isinstance(row, dict)) if isinstance(group, list) else ()


def _json(raw: str | None) -> Any:
    try:
        return pydantic_core.from_json(raw.encode("utf-8", "replace")) if raw else None
    except ValueError:
        return None


def _amount(value: Any) -> float | None:
    """A number one can wait or count with: not negative, and below two years of minutes."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < _DAYS_OF_MINUTES else None


def _number(value: str | None) -> float | None:
    """The first of numbers that a header may list; None for what is none."""
    try:
        number = float((value or "").partition(",")[0])
    except ValueError:
        return None
    return number if isfinite(number) else None


def _reset(value: str | None) -> timedelta | None:
    """Seconds from now, a Unix time or a date, as platforms mix them."""
    seconds = _number(value)
    if seconds is None:
        at = _date(value or "")
        return None if at is None else as_wait((at - datetime.now(UTC)).total_seconds())
    return as_wait(seconds - datetime.now(UTC).timestamp() if seconds > _AN_INSTANT else seconds)


def _date(value: str) -> datetime | None:
    """An HTTP date or an ISO instant; one without a zone could be any hour."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            at = read(value)
        except (ValueError, OverflowError, TypeError):
            continue
        if at.tzinfo:
            return at
    return None


def as_wait(seconds: float) -> timedelta | None:
    """Return a time to wait, never negative and never longer than makes sense; None for what is no number."""
    if isnan(seconds):
        return None
    return timedelta(seconds=min(max(seconds, 0.0), LONGEST_WAIT.total_seconds()))
