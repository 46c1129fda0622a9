"""What the Graph API's errors cause on Instagram: Meta's table, and the codes of publishing and messages.

Sources: "Error Codes" of the Instagram Platform (updated 2026-06-02), "Handling Errors" (read 2026-11-23). What is
marked third-party was seen in public code, and in none of Meta's pages that were read.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import httpx
import pydantic_core
from chorally_meta import errors, quota
from chorally_meta.errors import Code, Means, Transient, passing, refused, throttled
from chorally_meta.shapes import inside

import chorally_sdk as sdk

__all__ = ["MORE", "NOT_READY", "Transient", "fault", "usage"]

_WINDOW = refused(sdk.Reason.WINDOW, "the person must write first")
_ANEW = "it is tried again by another container"
_EXPIRED = refused(sdk.Reason.INVALID, "the container has expired after 24 hours; publish again")

MORE: Mapping[Code, Means] = {
    (-1, 2207001): passing(_ANEW),
    (-1, 2207032): passing(_ANEW),
    (-1, 2207053): passing(_ANEW),
    (-2, 2207003): passing(_ANEW),  # the download of the media took too long
    (-2, 2207020): _EXPIRED,
    (1, 2207057): refused(sdk.Reason.INVALID),  # the offset of the thumbnail
    (4, 2207051): throttled("account", "Instagram takes it for spam; look into the account"),
    (9, 2207042): throttled("endpoint", "no more posts within these 24 hours"),
    (36000, 2207004): refused(sdk.Reason.INVALID, "an image has at most 8 MiB"),
    (10, 2534022): _WINDOW,  # third-party
    (100, 2534014): refused(sdk.Reason.GONE),  # no such person (third-party)
    (100, 2534025): refused(sdk.Reason.WINDOW, "a comment is answered in private once, within seven days"),  # third-p.
    551: refused(sdk.Reason.BLOCKED),  # the person is not available (third-party)
    10900: refused(sdk.Reason.WINDOW, "a comment is answered in private once, within seven days"),  # third-party
}
"""Codes of Instagram; every other one is in Meta's own table."""

NOT_READY = (9007, 2207027)
"""The container is not finished: nothing was published (third-party)."""
_TOO_MANY = 1e6  # posts of a day
_A_MINUTE = timedelta(minutes=1)


def fault(answer: httpx.Response) -> sdk.ConnectorError | None:
    """Classify an answer by the error in its body, whatever its status; by the status where it has none."""
    error = errors.error_of(answer)
    if error is not None and (error.get("code"), error.get("error_subcode")) == NOT_READY:
        return sdk.RetryLater("Instagram is not done with the media", wait=_A_MINUTE)
    found = errors.fault(answer, name="Instagram", more=MORE)
    if type(found) is sdk.Rejected and error is None and (why := _told(answer)):
        return sdk.Rejected(f"Instagram says: {why}", reason=found.reason)
    return found


def _told(answer: httpx.Response) -> str:
    """What the token endpoint of Instagram Login and the upload host say, which have error shapes of their own."""
    try:
        body = pydantic_core.from_json(answer.content)
    except ValueError:
        return ""
    why = inside(body, "error_message") or inside(body, "debug_info", "message")
    return why[:300] if isinstance(why, str) else ""


def usage(answer: httpx.Response) -> Iterable[sdk.Usage]:
    """Yield what the usage headers say, and the answer to a question for the publishing limit."""
    yield from quota.usage(answer)
    if answer.request.url.path.endswith("/content_publishing_limit") and (share := published(answer)) is not None:
        yield sdk.Usage(used=share, scope="endpoint", match="POST /*/media_publish")


def published(answer: httpx.Response) -> float | None:
    """Return how much of the publishing limit is used up, 1.0 being all; None where the answer does not say."""
    try:
        body = pydantic_core.from_json(answer.content)
    except ValueError:
        return None
    rows = inside(body, "data")
    row = rows[0] if isinstance(rows, list) and rows else None
    used, most = _number(inside(row, "quota_usage")), _number(inside(row, "config", "quota_total"))
    return used / most if used is not None and most else None


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < _TOO_MANY else None
