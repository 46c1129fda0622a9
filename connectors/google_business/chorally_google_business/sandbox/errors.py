"""Google's errors as its services answer them, and what a connector must make of each."""

from collections.abc import Mapping
from typing import Any

from chorally_sdk.sandbox import Failure


def status(code: int, name: str, message: str, *details: Mapping[str, Any]) -> dict[str, Any]:
    """Return an error in the shape of ``google.rpc.Status``."""
    more = {"details": list(details)} if details else {}
    return {"error": {"code": code, "message": message, "status": name, **more}}


def info(reason: str, **metadata: str) -> dict[str, Any]:
    """Return an ``ErrorInfo``."""
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    return {"@type": kind, "reason": reason, "domain": "googleapis.com", "metadata": metadata}


_PERMISSION = {"type": "Rejected", "reason": "permission"}
_INVALID = {"type": "Rejected", "reason": "invalid"}

ERRORS: Mapping[str, Failure] = {
    "token": Failure(
        401,
        status(401, "UNAUTHENTICATED", "The request has no valid credential.", info("ACCESS_TOKEN_EXPIRED")),
        means={"type": "Reauthorize"},
    ),
    "forbidden": Failure(
        403, status(403, "PERMISSION_DENIED", "The caller does not have permission."), means=_PERMISSION
    ),
    "scope": Failure(
        403,
        status(403, "PERMISSION_DENIED", "Insufficient scopes.", info("ACCESS_TOKEN_SCOPE_INSUFFICIENT")),
        means={"type": "ScopeMissing", "reason": "permission"},
    ),
    "not_enabled": Failure(
        403,
        status(403, "PERMISSION_DENIED", "The API is not enabled in project 1.", info("SERVICE_DISABLED")),
        means=_PERMISSION,
    ),
    "not_approved": Failure(
        429,
        status(429, "RESOURCE_EXHAUSTED", "Quota of 0.", info("RATE_LIMIT_EXCEEDED", quota_limit_value="0")),
        means=_PERMISSION,
    ),
    "gone": Failure(
        404, status(404, "NOT_FOUND", "Requested entity was not found."), means={"type": "Rejected", "reason": "gone"}
    ),
    "invalid": Failure(400, status(400, "INVALID_ARGUMENT", "Request contains an invalid argument."), means=_INVALID),
    "unverified": Failure(400, status(400, "FAILED_PRECONDITION", "The location is not verified."), means=_INVALID),
    "rate": Failure(
        429,
        status(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", info("RATE_LIMIT_EXCEEDED", quota_limit="PerProject")),
        headers={"Retry-After": "60"},
        means={"type": "RateLimited", "wait_s": 60, "scope": "app"},
    ),
    "rate_of_user": Failure(
        429,
        status(
            429,
            "RESOURCE_EXHAUSTED",
            "Quota exceeded.",
            info("RATE_LIMIT_EXCEEDED", quota_limit="DefaultRequestsPerMinutePerUser", quota_limit_value="2400"),
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"},
        ),
        means={"type": "RateLimited", "wait_s": 17, "scope": "account"},
    ),
    "down": Failure(503, status(503, "UNAVAILABLE", "The service is unavailable."), means={"type": "RetryLater"}),
    "aborted": Failure(409, status(409, "ABORTED", "The operation was aborted."), means={"type": "RetryLater"}),
}
