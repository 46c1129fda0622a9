"""What the Graph API's errors cause, and what its headers say of the quota.

Sources: "Handling Errors" and "Rate Limits" of the Graph API (read 2026-11-23); what is marked
unverified was not found there.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pydantic_core

import chorally_sdk as sdk

_RATE: dict[int, sdk.Scope] = {
    4: "app",
    17: "account",  # the user's calls
    32: "account",  # the page's calls under a user token
    341: "app",  # temporary
    613: "account",  # custom limits
    **dict.fromkeys(range(80000, 80015), "account"),  # business use cases; 80001 is pages
}
_REASONS: dict[int, sdk.Reason] = {
    3: sdk.Reason.PERMISSION,  # a capability of the app
    10: sdk.Reason.PERMISSION,
    **dict.fromkeys(range(200, 300), sdk.Reason.PERMISSION),
    368: sdk.Reason.BLOCKED,  # the page is held back for its policies
    803: sdk.Reason.GONE,  # an unknown id (unverified)
}
_TOKEN = frozenset({102, 190})
_NOT_A_PAGE = (190, 2069032)  # the token is a person's where a page's is needed
_MISSING = (100, 33)  # deleted, or not visible to this token (unverified)
_TRANSIENT = frozenset({1, 2})
_TOO_MUCH = 1e6
_BEGINS_WITH_ERROR = re.compile(rb'\s*\{\s*"error"\s*:')


class Transient(sdk.RetryLater):
    """The platform failed for a moment: nothing is said of whether a call that makes something made it."""


def fault(answer: httpx.Response) -> sdk.ConnectorError | None:
    """Classify an answer by the error in its body, whatever its status; by the status where it has none."""
    error = _error(answer)
    if error is None:
        return sdk.by_status(answer)
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    why = _why(error, code)
    if (code, subcode) == _NOT_A_PAGE:
        return sdk.Rejected(f"{why}; connect with the access token of the page", reason=sdk.Reason.PERMISSION)
    if code in _TOKEN or (code is None and error.get("type") == "OAuthException"):
        return sdk.Reauthorize(f"{why}; connect the page again")
    if code in _RATE:
        return sdk.RateLimited(why, wait=_regain(answer), scope=_RATE[code])
    if (code, subcode) == _MISSING:
        return sdk.Rejected(why, reason=sdk.Reason.GONE)
    if code in _REASONS:
        return sdk.Rejected(why, reason=_REASONS[code])
    if code in _TRANSIENT or error.get("is_transient") is True:
        return Transient(why)
    if code is None or answer.status_code >= 500 or answer.status_code == 429:
        return sdk.by_status(answer) or sdk.Rejected(why)
    return sdk.Rejected(why, reason=sdk.Reason.INVALID)


def usage(answer: httpx.Response) -> Iterable[sdk.Usage]:
    """Yield what the usage headers say; they count in percent and minutes, and unreadable ones say nothing."""
    yield from _window(answer, "x-app-usage", "app")
    yield from _window(answer, "x-page-usage", "account")
    for row in _business(answer):
        used = _used(row)
        if used is not None:
            yield sdk.Usage(used=used, wait=_wait(row), scope="account")


def _window(answer: httpx.Response, header: str, scope: sdk.Scope) -> Iterator[sdk.Usage]:
    used = _used(_header(answer, header))
    if used is not None:
        yield sdk.Usage(used=used, scope=scope)


def _error(answer: httpx.Response) -> dict[str, Any] | None:
    """The error object of an answer; large good answers are not read for it."""
    if answer.status_code < 400 and not _BEGINS_WITH_ERROR.match(answer.content):
        return None
    body = _json(answer.content)
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else None


def _why(error: dict[str, Any], code: int | None) -> str:
    told = error.get("error_user_msg") or error.get("message")
    text = told if isinstance(told, str) else "no message"
    return f"Facebook says: {text[:300]} (code {code})"


def _regain(answer: httpx.Response) -> timedelta | None:
    return max((wait for row in _business(answer) if (wait := _wait(row))), default=None)


def _business(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    """The rows of ``X-Business-Use-Case-Usage``: by page or business, one for each kind of use."""
    rows = _header(answer, "x-business-use-case-usage")
    for group in rows.values() if isinstance(rows, dict) else ():
        for row in group if isinstance(group, list) else ():
            if isinstance(row, dict):
                yield row


def _header(answer: httpx.Response, name: str) -> Any:
    raw = answer.headers.get(name)
    return _json(raw.encode("utf-8", "replace")) if raw else None


def _used(row: Any) -> float | None:
    """The largest of the three percentages, 1.0 being exhausted."""
    if not isinstance(row, dict):
        return None
    shares = [row.get(name) for name in ("call_count", "total_time", "total_cputime")]
    known = [share for share in map(_amount, shares) if share is not None]
    return max(known) / 100 if known else None


def _wait(row: dict[str, Any]) -> timedelta | None:
    minutes = _amount(row.get("estimated_time_to_regain_access"))
    return timedelta(minutes=minutes) if minutes else None


def _amount(value: Any) -> float | None:
    """A number one can wait or count with: not negative, and below two years of minutes."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < _TOO_MUCH else None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _json(raw: bytes) -> Any:
    try:
        return pydantic_core.from_json(raw)
    except ValueError:
        return None
