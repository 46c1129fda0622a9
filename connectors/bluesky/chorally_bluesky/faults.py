"""What the errors of the AT Protocol cause.

Sources: "HTTP API (XRPC)", "Rate Limits" and the errors that the lexicons name (read 2026-11-23). Which status comes
with which name was seen at a real server (PDS of ``@atproto/dev-env`` 0.6.7): most are 400.
"""

from typing import Any

import httpx
import pydantic_core

import chorally_sdk as sdk

_TOKEN = frozenset(
    {
        *("ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired", "AuthRequired", "BadJwt"),
        *("AccountTakedown", "AccountDeactivated", "AccountSuspended", "AuthFactorTokenRequired"),
        *("invalid_token", "invalid_dpop_proof", "invalid_grant"),
    }
)
_REASONS: dict[str, sdk.Reason] = {
    **dict.fromkeys(
        ("NotFound", "BlobNotFound", "RepoNotFound", "RepoTakendown", "RepoSuspended",
         "RepoDeactivated", "AccountNotFound"),
        sdk.Reason.GONE,
    ),
    **dict.fromkeys(("BlockedActor", "BlockedByActor"), sdk.Reason.BLOCKED),
    **dict.fromkeys(("ScopeMissingError", "InsufficientScope", "insufficient_scope", "Forbidden"),
                    sdk.Reason.PERMISSION),
}  # fmt: skip
_MEND = {
    "AccountTakedown": "Bluesky has taken the account down; whoever owns it must ask Bluesky",
    "AccountDeactivated": "the account is deactivated; activate it in Bluesky's app, then connect it again",
    "AuthFactorTokenRequired": "the account wants a second factor; use an app password, or connect by consent",
    "AuthenticationRequired": "connect the account again; for an app password, check handle and password",
}
_SHOWN = 300  # characters of the platform's words that a message quotes


class InvalidSwap(sdk.Rejected):
    """There is another record than the one that was to be replaced."""


class NoRecord(sdk.Rejected):
    """The repository has no such record, as its own server says."""


def fault(answer: httpx.Response) -> sdk.ConnectorError | None:
    """Classify an answer by the error that its body names; by its status where it names none we know."""
    if answer.status_code < 400:
        return sdk.by_status(answer)
    said = _body(answer)
    name = said.get("error")
    if not isinstance(name, str) or answer.status_code >= 500:
        return sdk.by_status(answer)
    told = said.get("message") or said.get("error_description")
    why = f"Bluesky says: {name}" + (f" ({told[:_SHOWN]})" if isinstance(told, str) and told else "")
    if name == "RateLimitExceeded" or answer.status_code == 429:
        return sdk.RateLimited(why, wait=sdk.asked_wait(answer))
    if name in _TOKEN:
        return sdk.Reauthorize(f"{why}; {_MEND.get(name, 'connect the account again')}")
    if name == "InvalidSwap":
        return InvalidSwap(why)
    if name == "RecordNotFound":
        return NoRecord(why, reason=sdk.Reason.GONE)
    if name in _REASONS:
        return sdk.Rejected(why, reason=_REASONS[name])
    if answer.status_code in (400, 413):
        return sdk.Rejected(why, reason=sdk.Reason.INVALID)
    return sdk.by_status(answer)


def _body(answer: httpx.Response) -> dict[str, Any]:
    try:
        said = pydantic_core.from_json(answer.content)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
