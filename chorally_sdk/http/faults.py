"""What an answer means where the platform says no more than HTTP does."""

import httpx

from chorally_sdk.errors import ConnectorError, Malformed, RateLimited, Reason, Reauthorize, Rejected, RetryLater
from chorally_sdk.http.quota import LONGEST_WAIT, Usage, asked_wait, quota_headers, retry_after

__all__ = ["LONGEST_WAIT", "Usage", "by_status", "quota_headers", "retry_after"]

_SHOWN = 200  # characters of a platform's answer that a message for people may quote


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
    wait = asked_wait(answer)
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
