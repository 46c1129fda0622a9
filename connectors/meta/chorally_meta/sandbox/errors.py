"""Errors as the Graph API shapes them, and what a connector must make of each ("Handling Errors", read 2026-11-23)."""

from collections.abc import Mapping
from typing import Any

from chorally_sdk.sandbox import Failure, Refusal


def graph_error(
    code: int,
    message: str,
    *,
    status: int = 400,
    subcode: int | None = None,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Failure:
    """Return an error in Graph's shape; what it must mean to a connector is among ``more``, as ``means``."""
    means = more.pop("means", {})
    told: dict[str, Any] = {"message": f"(#{code}) {message}", "type": "OAuthException", "code": code}
    if subcode is not None:
        told["error_subcode"] = subcode
    return Failure(status, {"error": {**told, **more, "fbtrace_id": "Sandbox"}}, headers=headers or {}, means=means)


class GraphError(Refusal):
    """Ends a call with an error that is in no table: ``raise GraphError(10, "outside of allowed window")``."""

    def __init__(self, code: int, message: str, *, status: int = 400, subcode: int | None = None) -> None:
        super().__init__("graph", failure=graph_error(code, message, status=status, subcode=subcode))


def _rejected(reason: str) -> dict[str, Any]:
    return {"type": "Rejected", "reason": reason}


ERRORS: Mapping[str, Failure] = {
    "token": graph_error(
        190, "Error validating access token: Session has expired", status=401, subcode=463,
        means={"type": "Reauthorize"},
    ),
    "forbidden": graph_error(200, "Requires another permission", status=403, means=_rejected("permission")),
    "gone": graph_error(100, "Object does not exist", subcode=33, means=_rejected("gone")),
    "invalid": graph_error(100, "Invalid parameter", means=_rejected("invalid")),
    "rate": graph_error(4, "Application request limit reached", means={"type": "RateLimited", "scope": "app"}),
    "down": graph_error(
        2, "Service temporarily unavailable", status=500, is_transient=True, means={"type": "RetryLater"}
    ),
    "1": graph_error(1, "An unknown error occurred", means={"type": "RetryLater"}),
    "2": graph_error(2, "An unexpected error has occurred", means={"type": "RetryLater"}),
    "3": graph_error(3, "Capability", means=_rejected("permission")),
    "10": graph_error(10, "Application does not have permission", means=_rejected("permission")),
    "17": graph_error(17, "User request limit reached", means={"type": "RateLimited", "scope": "account"}),
    "32": graph_error(32, "Page request limit reached", means={"type": "RateLimited", "scope": "account"}),
    "102": graph_error(102, "Session key invalid", means={"type": "Reauthorize"}),
    "190/460": graph_error(190, "The session is invalid", subcode=460, means={"type": "Reauthorize"}),
    "368": graph_error(368, "Temporarily blocked for policies violations", means=_rejected("blocked")),
    "613": graph_error(613, "Calls to this api have exceeded", means={"type": "RateLimited", "scope": "account"}),
}  # fmt: skip
"""Errors by the names that ``Refusal`` and the faults use, and then by their codes."""
