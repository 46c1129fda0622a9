"""What the usage headers of the Graph API say: in percent and in minutes.

Sources: "Rate Limits" of the Graph API and of the Marketing API (read 2026-11-23). A connector's whole ``usage`` is
``return quota.usage(answer)``.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pydantic_core

import chorally_sdk as sdk

_TOO_MUCH = 1e6
_PARTS = ("call_count", "total_time", "total_cputime")


def usage(answer: httpx.Response) -> Iterable[sdk.Usage]:
    """Yield what the usage headers say; unreadable ones say nothing.

    ``X-App-Usage`` is the app's, ``X-Page-Usage`` and each row of ``X-Business-Use-Case-Usage`` the account's;
    ``X-Ad-Account-Usage`` and ``X-FB-Ads-Insights-Throttle`` come with calls about advertisements only.
    """
    yield from _window(_header(answer, "x-app-usage"), "app")
    yield from _window(_header(answer, "x-page-usage"), "account")
    for row in _business(answer):
        yield from _window(row, "account", _minutes(row))
    ads, insights = _header(answer, "x-ad-account-usage"), _header(answer, "x-fb-ads-insights-throttle")
    yield from _window(ads, "account", _seconds(ads), names=("acc_id_util_pct",))
    yield from _window(insights, "app", names=("app_id_util_pct",))
    yield from _window(insights, "account", names=("acc_id_util_pct",))


def regain(answer: httpx.Response) -> timedelta | None:
    """Return how long a throttled caller has to wait, the longest that is told; None where nothing is."""
    return max((wait for row in _business(answer) if (wait := _minutes(row))), default=None)


def _window(
    row: Any, scope: sdk.Scope, wait: timedelta | None = None, *, names: tuple[str, ...] = _PARTS
) -> Iterator[sdk.Usage]:
    """The largest of some percentages, 1.0 being exhausted."""
    shares = [_amount(row.get(name)) for name in names] if isinstance(row, dict) else []
    known = [share for share in shares if share is not None]
    if known:
        yield sdk.Usage(used=max(known) / 100, wait=wait, scope=scope)


def _business(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    """The rows of ``X-Business-Use-Case-Usage``: by page or business, one for each kind of use."""
    rows = _header(answer, "x-business-use-case-usage")
    for group in rows.values() if isinstance(rows, dict) else ():
        for row in group if isinstance(group, list) else ():
            if isinstance(row, dict):
                yield row


def _header(answer: httpx.Response, name: str) -> Any:
    raw = answer.headers.get(name)
    try:
        return pydantic_core.from_json(raw.encode("utf-8", "replace")) if raw else None
    except ValueError:
        return None


def _minutes(row: dict[str, Any]) -> timedelta | None:
    minutes = _amount(row.get("estimated_time_to_regain_access"))
    return timedelta(minutes=minutes) if minutes else None


def _seconds(row: Any) -> timedelta | None:
    seconds = _amount(row.get("reset_time_duration")) if isinstance(row, dict) else None
    return timedelta(seconds=seconds) if seconds else None


def _amount(value: Any) -> float | None:
    """A number one can wait or count with: not negative, and below two years of minutes."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < _TOO_MUCH else None
