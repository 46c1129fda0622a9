"""LinkedIn's errors, as "API Error Handling" shows them, and what each must be."""

from collections.abc import Mapping
from typing import Any

from chorally_sdk.sandbox import Failure


def failure(status: int, code: str, message: str, means: Mapping[str, Any], **more: Any) -> Failure:
    """Return an error in LinkedIn's form."""
    return Failure(status, {"status": status, "code": code, "message": message, **more}, means=means)


_GONE = {"type": "Rejected", "reason": "gone"}
_INVALID = {"type": "Rejected", "reason": "invalid"}
_FORBIDDEN = {"type": "Rejected", "reason": "permission"}
_TOKEN = {"type": "Reauthorize"}
_DAY = "throttled: APPLICATION_AND_MEMBER DAY limit for calls to this resource is reached."

ERRORS: Mapping[str, Failure] = {
    "token": failure(401, "INVALID_ACCESS_TOKEN", "Invalid access token", _TOKEN, serviceErrorCode=65600),
    "revoked": failure(401, "REVOKED_ACCESS_TOKEN", "The token was revoked", _TOKEN, serviceErrorCode=65601),
    "expired": failure(401, "EXPIRED_ACCESS_TOKEN", "The token has expired", _TOKEN, serviceErrorCode=65602),
    "empty": failure(401, "EMPTY_ACCESS_TOKEN", "Empty oauth2_access_token", _TOKEN, serviceErrorCode=401),
    "forbidden": failure(
        403, "ACCESS_DENIED", "Not enough permissions to access: sandbox.CALL", _FORBIDDEN, serviceErrorCode=100
    ),
    "gone": failure(404, "NOT_FOUND", "Could not find entity", _GONE),
    "invalid": failure(400, "INVALID_PARAMETER", "A parameter is not valid", _INVALID),
    "unprocessable": failure(422, "UNPROCESSABLE_ENTITY", "Content is a duplicate of another post", _INVALID),
    "no-version": failure(400, "VERSION_MISSING", "A version must be present", _INVALID),
    "old-version": failure(426, "NONEXISTENT_VERSION", "Requested version is not active", _INVALID),
    "conflict": failure(409, "CONFLICT", "A write was concurrent", {"type": "RetryLater"}),
    "rate": failure(429, "TOO_MANY_REQUESTS", _DAY, {"type": "RateLimited", "scope": "account"}, serviceErrorCode=101),
    "app-rate": failure(
        429, "TOO_MANY_REQUESTS", "throttled: APPLICATION DAY limit for calls to this resource is reached.",
        {"type": "RateLimited", "scope": "app"}, serviceErrorCode=101,
    ),
    "comment-rate": failure(
        429, "TOO_MANY_REQUESTS", "Comment create throttled: creation rate limit exceeded for member",
        {"type": "RateLimited", "wait_s": 60}, serviceErrorCode=101,
    ),
    "down": failure(503, "SERVICE_UNAVAILABLE", "Please try again later", {"type": "RetryLater"}),
    "timeout": failure(504, "GATEWAY_TIMEOUT", "The gateway gave up", {"type": "RetryLater"}),
}  # fmt: skip
