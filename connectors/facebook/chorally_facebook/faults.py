"""What the Graph API's errors cause on pages: Meta's table, and what is said of pages and Messenger only.

Messenger's subcodes are third-party: seen in public code, and in none of Meta's pages that were read.
"""

from collections.abc import Iterable, Mapping

import httpx
from chorally_meta import errors, quota
from chorally_meta.errors import Code, Means, Transient, refused

import chorally_sdk as sdk

__all__ = ["MORE", "Transient", "fault", "usage"]

_WINDOW = refused(sdk.Reason.WINDOW, "the person must write first")
_BLOCKED = refused(sdk.Reason.BLOCKED)

MORE: Mapping[Code, Means] = {
    (1, 2853006): refused(sdk.Reason.PERMISSION),  # no permission on the page
    (10, 2018278): _WINDOW,  # outside of the allowed window
    (10, 2018065): _WINDOW,  # the same, of a private answer's conversation
    (100, 2018001): refused(sdk.Reason.GONE),  # no matching person
    (200, 1545041): _BLOCKED,  # the person does not take messages
    (10, 2018108): _BLOCKED,
    551: _BLOCKED,  # the person is not available
    1705: refused(sdk.Reason.PERMISSION, "connect with the access token of the page"),
    10900: refused(sdk.Reason.WINDOW, "a comment is answered in private once, within seven days"),
}
"""Codes of pages and of Messenger; every other one is in Meta's own table."""


def fault(answer: httpx.Response) -> sdk.ConnectorError | None:
    """Classify an answer by the error in its body, whatever its status; by the status where it has none."""
    return errors.fault(answer, name="Facebook", more=MORE)


def usage(answer: httpx.Response) -> Iterable[sdk.Usage]:
    """Yield what the usage headers say; they count in percent and minutes, and unreadable ones say nothing."""
    return quota.usage(answer)
