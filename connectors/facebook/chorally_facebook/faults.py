"""What the Graph API's errors cause on pages: Meta's table, and what is said of pages only."""

from collections.abc import Iterable, Mapping

import httpx
from chorally_meta import errors, quota
from chorally_meta.errors import Code, Means, Transient

import chorally_sdk as sdk

__all__ = ["MORE", "Transient", "fault", "usage"]

MORE: Mapping[Code, Means] = {}
"""Codes of pages and of Messenger; every other one is in Meta's own table."""


def fault(answer: httpx.Response) -> sdk.ConnectorError | None:
    """Classify an answer by the error in its body, whatever its status; by the status where it has none."""
    return errors.fault(answer, name="Facebook", more=MORE)


def usage(answer: httpx.Response) -> Iterable[sdk.Usage]:
    """Yield what the usage headers say; they count in percent and minutes, and unreadable ones say nothing."""
    return quota.usage(answer)
