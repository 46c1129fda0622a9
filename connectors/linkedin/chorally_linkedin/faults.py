"""What LinkedIn's errors cause: one table, by status and by the words that LinkedIn adds.

Sources: "API Error Handling", "Rate limiting", "Versioning" (learn.microsoft.com, read 2026-11-23). Quotas are by day,
for the app and for each member, and begin anew at 00:00 UTC; LinkedIn sends no header that tells of them.
"""

from datetime import UTC, datetime, timedelta

import httpx
import pydantic_core

import chorally_sdk as sdk

TOKEN = {65600: "is not valid", 65601: "was revoked", 65602: "has ended"}
"""``serviceErrorCode`` of a 401 (unverified); any other 401 is about the token too."""
BRIEFLY = timedelta(minutes=1)
"""The period of the limit on new comments."""
CONFLICT = timedelta(seconds=2)
_SHOWN = 200  # characters of LinkedIn's words that a message for people quotes
_DAY = timedelta(days=1)


def fault(answer: httpx.Response, now: datetime) -> sdk.ConnectorError | None:
    """Classify an answer.

    Args:
        answer: What came.
        now: The time, for quotas that begin anew at midnight.
    """
    if answer.status_code < 300:
        return None
    told = _told(answer)
    message, code = str(told.get("message") or "")[:_SHOWN], str(told.get("code") or "")
    why = f"LinkedIn answered {answer.status_code}" + "".join(f" {part}" for part in (code, message) if part)
    match answer.status_code:
        case 401:
            return sdk.Reauthorize(_of_token(told, why))
        case 403:
            return sdk.Rejected(f"{why}; a role on the page, a scope or a product of the app is missing",
                                reason=sdk.Reason.PERMISSION)  # fmt: skip
        case 409:
            return sdk.RetryLater(why, wait=CONFLICT)
        case 426:
            return sdk.Rejected(f"{why}; set another API version in the app's settings", reason=sdk.Reason.INVALID)
        case 429:
            return _throttled(answer, message, why, now)
    if code in ("VERSION_MISSING", "NONEXISTENT_VERSION"):
        return sdk.Rejected(f"{why}; check the API version in the app's settings", reason=sdk.Reason.INVALID)
    return _other(answer, why)


def _other(answer: httpx.Response, why: str) -> sdk.ConnectorError | None:
    """What HTTP says, in LinkedIn's words; of the rest of the answer nothing is quoted."""
    status = answer.status_code
    if status < 400 or b'"invalid_grant"' in answer.content:
        return sdk.by_status(answer)
    if status >= 500 or status in (408, 425):
        return sdk.RetryLater(why, wait=sdk.asked_wait(answer))
    return sdk.Rejected(why, reason=sdk.Reason.GONE if status in (404, 410) else sdk.Reason.INVALID)


def _of_token(told: dict[str, object], why: str) -> str:
    code = told.get("serviceErrorCode")
    known = TOKEN.get(code) if isinstance(code, int) else None
    return f"the token {known}; connect the page again" if known else f"{why}; connect the page again"


def _throttled(answer: httpx.Response, message: str, why: str, now: datetime) -> sdk.RateLimited:
    """A used-up quota: of a minute for new comments, else of a day; what LinkedIn says of a wait goes first."""
    words = message.upper()
    scope: sdk.Scope = "app" if "APPLICATION" in words and "MEMBER" not in words else "account"
    wait = sdk.asked_wait(answer)
    if wait is None and "CREATE THROTTLED" in words:
        wait = BRIEFLY
    elif wait is None and "DAY" in words:
        wait = until_midnight(now)
    return sdk.RateLimited(why, wait=wait, scope=scope)


def until_midnight(now: datetime) -> timedelta:
    """Return how long it is until quotas begin anew, at 00:00 UTC."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + _DAY - now


def _told(answer: httpx.Response) -> dict[str, object]:
    try:
        said = pydantic_core.from_json(answer.content)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
