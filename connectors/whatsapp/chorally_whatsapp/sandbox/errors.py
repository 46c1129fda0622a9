"""The Cloud API's errors, and what a connector must make of each ("Error codes", read 2026-11-23)."""

from collections.abc import Mapping
from typing import Any

from chorally_meta.sandbox import ERRORS as GRAPH
from chorally_meta.sandbox import graph_error

from chorally_sdk.sandbox import Failure


def cloud_error(code: int, message: str, *, status: int = 400, details: str = "", **means: Any) -> Failure:
    """Return an error as the Cloud API shapes it: the details beside the message."""
    data = {"messaging_product": "whatsapp", "details": details or message}
    return graph_error(code, message, status=status, means=means, error_data=data)


def _refused(code: int, message: str, reason: str) -> Failure:
    return cloud_error(code, message, type="Rejected", reason=reason)


ERRORS: Mapping[str, Failure] = {
    **GRAPH,
    "0": cloud_error(0, "AuthException", status=401, type="Reauthorize"),
    "33": _refused(33, "Parameter value is not valid", "permission"),
    "130429": cloud_error(130429, "Rate limit hit", type="RateLimited", scope="account"),
    "130472": _refused(130472, "User's number is part of an experiment", "blocked"),
    "131000": cloud_error(131000, "Something went wrong", status=500, type="RetryLater"),
    "131005": _refused(131005, "Access denied", "permission"),
    "131016": cloud_error(131016, "Service unavailable", status=500, type="RetryLater"),
    "131026": _refused(131026, "Message undeliverable", "blocked"),
    "131030": _refused(131030, "Recipient phone number not in allowed list", "invalid"),
    "131031": _refused(131031, "Account has been locked", "blocked"),
    "131042": _refused(131042, "Business eligibility payment issue", "permission"),
    "131047": _refused(131047, "Re-engagement message", "window"),
    "131048": cloud_error(131048, "Spam rate limit hit", type="RateLimited", scope="account"),
    "131049": _refused(131049, "This message was not delivered to maintain healthy ecosystem engagement", "blocked"),
    "131051": _refused(131051, "Unsupported message type", "invalid"),
    "131052": _refused(131052, "Media download error", "invalid"),
    "131053": _refused(131053, "Media upload error", "invalid"),
    "131056": cloud_error(
        131056, "(Business Account, Consumer Account) pair rate limit hit", type="RetryLater", wait_s=6
    ),
    "131008": _refused(131008, "Required parameter is missing", "invalid"),
    "131009": _refused(131009, "Parameter value is not valid", "invalid"),
    "132000": _refused(132000, "Template Param Count Mismatch", "invalid"),
    "132001": _refused(132001, "Template does not exist", "invalid"),
    "132007": _refused(132007, "Template Format Character Policy Violated", "blocked"),
    "132015": _refused(132015, "Template is Paused", "invalid"),
    "132068": _refused(132068, "Flow is blocked", "blocked"),
    "132069": cloud_error(132069, "Flow is throttled", type="RateLimited", scope="account"),
    "133004": cloud_error(133004, "Server Temporarily Unavailable", status=503, type="RetryLater"),
    "133010": _refused(133010, "Phone number not registered", "permission"),
    "133016": cloud_error(133016, "Account register deregister rate limit exceeded", type="RateLimited"),
    "130497": _refused(130497, "Business account is restricted from messaging users in this country", "blocked"),
    "80007": cloud_error(80007, "Rate limit issues", type="RateLimited", scope="account"),
}
"""Errors by the names that ``Refusal`` and the faults use, and then by their codes."""
