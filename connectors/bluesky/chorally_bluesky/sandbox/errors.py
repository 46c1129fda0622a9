"""The errors of the network, as a real server answers them (PDS of ``@atproto/dev-env`` 0.6.7, seen 2026-11-23)."""

from collections.abc import Mapping
from typing import Any

from chorally_bluesky.sandbox.login import NONCE
from chorally_sdk.sandbox import Failure


def _failure(
    status: int, error: str, message: str = "", *, means: Mapping[str, Any] | None = None, **headers: str
) -> Failure:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Failure(status, {"error": error, "message": message or error}, headers=named, means=means or {})


_AGAIN = {"type": "Reauthorize"}
_GONE = {"type": "Rejected", "reason": "gone"}
_INVALID = {"type": "Rejected", "reason": "invalid"}
_BLOCKED = {"type": "Rejected", "reason": "blocked"}
_DENIED = {"type": "Rejected", "reason": "permission"}

ERRORS: Mapping[str, Failure] = {
    "token": _failure(400, "InvalidToken", "Token could not be verified", means=_AGAIN),
    "expired": _failure(400, "ExpiredToken", "Token has expired", means=_AGAIN),
    "unsigned": _failure(401, "AuthMissing", "Authentication Required", means=_AGAIN),
    "password": _failure(401, "AuthenticationRequired", "Invalid identifier or password", means=_AGAIN),
    "factor": _failure(401, "AuthFactorTokenRequired", means=_AGAIN),
    "takedown": _failure(401, "AccountTakedown", "Account has been taken down", means=_AGAIN),
    "bound": _failure(401, "invalid_token", means=_AGAIN, WWW_Authenticate='DPoP error="invalid_token"'),
    "proof": _failure(401, "invalid_dpop_proof", means=_AGAIN),
    "nonce": _failure(401, "use_dpop_nonce", DPoP_Nonce=NONCE, WWW_Authenticate='DPoP error="use_dpop_nonce"'),
    "forbidden": _failure(403, "ScopeMissingError", "Missing required scope", means=_DENIED),
    "gone": _failure(400, "NotFound", "Post not found", means=_GONE),
    "no-record": _failure(400, "RecordNotFound", "Could not locate record", means=_GONE),
    "no-blob": _failure(400, "BlobNotFound", "Blob not found", means=_GONE),
    "no-repo": _failure(400, "RepoNotFound", "Could not find repo", means=_GONE),
    "no-handle": _failure(400, "HandleNotFound", "Unable to resolve handle", means=_INVALID),
    "blocked": _failure(400, "BlockedActor", "Requester has blocked actor", means=_BLOCKED),
    "blocked-by": _failure(400, "BlockedByActor", "Requester is blocked by actor", means=_BLOCKED),
    "swap": _failure(400, "InvalidSwap", "Record was at another cid", means=_INVALID),
    "invalid": _failure(400, "InvalidRequest", "The request is not valid", means=_INVALID),
    "large": _failure(413, "PayloadTooLarge", "request entity too large", means=_INVALID),
    "rate": _failure(
        429, "RateLimitExceeded", "Rate Limit Exceeded", means={"type": "RateLimited", "wait_s": 60}, Retry_After="60"
    ),
    "down": _failure(502, "UpstreamFailure", "Upstream Failure", means={"type": "RetryLater"}),
    "internal": _failure(500, "InternalServerError", "Internal Server Error", means={"type": "RetryLater"}),
}
