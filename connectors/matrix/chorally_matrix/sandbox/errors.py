"""The errors of a homeserver, and what each must be (Matrix 1.16, "Standard error response")."""

from collections.abc import Mapping
from typing import Any

from chorally_sdk.sandbox import Failure


def _error(code: str, why: str, **more: Any) -> dict[str, Any]:
    return {"errcode": code, "error": why, **more}


_PERMISSION = {"type": "Rejected", "reason": "permission"}
_INVALID = {"type": "Rejected", "reason": "invalid"}

ERRORS: Mapping[str, Failure] = {
    "token": Failure(401, _error("M_UNKNOWN_TOKEN", "Unrecognised access token."), means={"type": "Reauthorize"}),
    "soft": Failure(401, _error("M_UNKNOWN_TOKEN", "Soft logged out", soft_logout=True), means={"type": "Reauthorize"}),
    "missing": Failure(401, _error("M_MISSING_TOKEN", "Missing access token"), means={"type": "Reauthorize"}),
    "forbidden": Failure(403, _error("M_FORBIDDEN", "You do not have permission"), means=_PERMISSION),
    "guest": Failure(403, _error("M_GUEST_ACCESS_FORBIDDEN", "Guests cannot"), means=_PERMISSION),
    "deactivated": Failure(403, _error("M_USER_DEACTIVATED", "Deactivated"), means={"type": "Reauthorize"}),
    "suspended": Failure(403, _error("M_USER_SUSPENDED", "Suspended"), means={"type": "Rejected", "reason": "blocked"}),
    "locked": Failure(
        401, _error("M_USER_LOCKED", "Locked", soft_logout=True), means={"type": "RetryLater", "wait_s": 3600}
    ),
    "resources": Failure(
        403,
        _error("M_RESOURCE_LIMIT_EXCEEDED", "No more users", admin_contact="mailto:admin@matrix.example"),
        means={"type": "Rejected", "reason": "blocked"},
    ),
    "gone": Failure(404, _error("M_NOT_FOUND", "Not found"), means={"type": "Rejected", "reason": "gone"}),
    "unrecognized": Failure(404, _error("M_UNRECOGNIZED", "Unrecognized request"), means=_INVALID),
    "invalid": Failure(400, _error("M_INVALID_PARAM", "A parameter is not valid"), means=_INVALID),
    "json": Failure(400, _error("M_BAD_JSON", "Malformed"), means=_INVALID),
    "duplicate": Failure(400, _error("M_DUPLICATE_ANNOTATION", "Already reacted"), means=_INVALID),
    "large": Failure(413, _error("M_TOO_LARGE", "event too large"), means=_INVALID),
    "rate": Failure(
        429,
        _error("M_LIMIT_EXCEEDED", "Too Many Requests", retry_after_ms=2000),
        headers={"Retry-After": "60"},
        means={"type": "RateLimited", "wait_s": 60},
    ),
    "rate_field": Failure(
        429,
        _error("M_LIMIT_EXCEEDED", "Too Many Requests", retry_after_ms=2000),
        means={"type": "RateLimited", "wait_s": 2},
    ),
    "down": Failure(503, _error("M_UNKNOWN", "Internal server error"), means={"type": "RetryLater"}),
    "proxy": Failure(502, "<html>Bad gateway</html>", means={"type": "RetryLater"}),
}
