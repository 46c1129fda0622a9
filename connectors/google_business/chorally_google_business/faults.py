"""What Google's errors cause: ``google.rpc.Status`` with its details.

Sources: "Errors" of Google's API design guide (google.rpc.Status, ErrorInfo, RetryInfo), the Business Profile's own
"Usage limits" (read 2026-11-23). The reasons that ``ErrorInfo`` gives besides are those that its clients meet; they
only choose between words, and between whose quota is used up.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import httpx
import pydantic_core

import chorally_sdk as sdk

SCOPE_MISSING = frozenset({"ACCESS_TOKEN_SCOPE_INSUFFICIENT", "insufficientPermissions"})
NOT_ENABLED = frozenset({"SERVICE_DISABLED", "accessNotConfigured", "API_DISABLED"})
QUOTA = frozenset({"RATE_LIMIT_EXCEEDED", "rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"})
_BY_STATUS = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 410: "NOT_FOUND",
    409: "ABORTED", 429: "RESOURCE_EXHAUSTED",
}  # fmt: skip
_SHOWN = 300  # characters of Google's words that a message quotes
_LONGEST_S = 7 * 86400.0


class ScopeMissing(sdk.Rejected):
    """The person did not grant the scope that the call needs."""


def fault(answer: httpx.Response) -> sdk.ConnectorError | None:
    """Classify an answer by the status in its body, and by HTTP's where it has none."""
    if answer.status_code < 400:
        return sdk.by_status(answer)
    error = _error(answer)
    if error is None:
        return sdk.by_status(answer)
    status = error.get("status")
    status = status if isinstance(status, str) and status else _BY_STATUS.get(answer.status_code, "")
    told = error.get("message")
    why = f"Google says: {told[:_SHOWN] if isinstance(told, str) and told else 'no reason'} ({status or 'no status'})"
    reasons = {reason for reason in _reasons(error) if reason}
    if answer.status_code >= 500 or status in ("UNAVAILABLE", "INTERNAL", "DEADLINE_EXCEEDED", "ABORTED", "UNKNOWN"):
        return sdk.RetryLater(why, wait=_wait(error, answer))
    if status == "RESOURCE_EXHAUSTED" or reasons & QUOTA:
        return _quota(error, answer, why)
    if status == "UNAUTHENTICATED":
        return sdk.Reauthorize(f"{why}; connect the account again")
    if status == "PERMISSION_DENIED":
        return _denied(reasons, why)
    if status == "NOT_FOUND":
        return sdk.Rejected(why, reason=sdk.Reason.GONE)
    if status == "FAILED_PRECONDITION":
        return sdk.Rejected(f"{why}; the location may have to be verified first", reason=sdk.Reason.INVALID)
    return sdk.Rejected(why, reason=sdk.Reason.INVALID)


def _denied(reasons: set[str], why: str) -> sdk.ConnectorError:
    permission = sdk.Reason.PERMISSION
    if reasons & SCOPE_MISSING:
        return ScopeMissing(f"{why}; connect the account again and allow all that is asked", reason=permission)
    if reasons & NOT_ENABLED:
        return sdk.Rejected(f"{why}; enable this API in the Google Cloud console of the app", reason=permission)
    what = "ask the owner to make this person a manager of the location, and see that Google approved the project"
    return sdk.Rejected(f"{why}; {what}", reason=permission)


def _quota(error: Mapping[str, Any], answer: httpx.Response, why: str) -> sdk.ConnectorError:
    metadata = [each for detail in _details(error) if isinstance(each := detail.get("metadata"), dict)]
    if any(str(each.get("quota_limit_value")) == "0" for each in metadata):
        what = "Google has not approved this project for the Business Profile APIs; apply for access"
        return sdk.Rejected(f"{why}; {what}", reason=sdk.Reason.PERMISSION)
    of_user = any("user" in str(each.get("quota_limit", "")).lower() for each in metadata)
    of_user = of_user or "userRateLimitExceeded" in set(_reasons(error))
    return sdk.RateLimited(why, wait=_wait(error, answer), scope="account" if of_user else "app")


def _wait(error: Mapping[str, Any], answer: httpx.Response) -> timedelta | None:
    """How long Google asks to wait: ``RetryInfo``, such as ``"30s"``, else the header."""
    for detail in _details(error):
        delay = detail.get("retryDelay")
        if isinstance(delay, str) and delay.endswith("s"):
            try:
                seconds = float(delay[:-1])
            except ValueError:
                continue
            if 0 <= seconds <= _LONGEST_S:
                return timedelta(seconds=seconds)
    return sdk.asked_wait(answer)


def _reasons(error: Mapping[str, Any]) -> Iterator[str]:
    """Why, in the words of ``ErrorInfo`` and of the older ``errors``."""
    older = error.get("errors")
    for detail in (*_details(error), *(older if isinstance(older, list) else ())):
        reason = detail.get("reason") if isinstance(detail, dict) else None
        if isinstance(reason, str):
            yield reason


def _details(error: Mapping[str, Any]) -> list[dict[str, Any]]:
    details = error.get("details")
    return [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []


def _error(answer: httpx.Response) -> dict[str, Any] | None:
    try:
        told = pydantic_core.from_json(answer.content)
    except ValueError:
        return None
    told = told[0] if isinstance(told, list) and told else told
    error = told.get("error") if isinstance(told, dict) else None
    return error if isinstance(error, dict) else None
