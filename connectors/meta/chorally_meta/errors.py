"""What the Graph API's errors cause: one table for all of Meta's platforms, to which each adds its own.

Sources: "Handling Errors" and "Rate Limits" of the Graph API (read 2026-11-23); what is marked unverified was
not found there. A connector's whole ``fault``::

    MORE = {131047: refused(sdk.Reason.WINDOW), (9, 2207042): throttled("account")}

    def fault(self, answer):
        return errors.fault(answer, name="WhatsApp", more=MORE)
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import pydantic_core

import chorally_sdk as sdk
from chorally_meta.quota import regain

Code = int | tuple[int, int]
"""A code, or a code with its subcode, which counts first."""


@dataclass(frozen=True)
class Means:
    """What an error code causes; made by ``ended``, ``throttled``, ``passing`` and ``refused``."""

    kind: Literal["ended", "throttled", "passing", "refused"]
    reason: sdk.Reason = sdk.Reason.INVALID
    scope: sdk.Scope = "account"
    advice: str = ""


def ended(advice: str = "connect the account again") -> Means:
    """The token works no longer."""
    return Means("ended", advice=advice)


def throttled(scope: sdk.Scope = "account", advice: str = "") -> Means:
    """Too many calls: of the app, the account, or this kind of call; the headers say until when."""
    return Means("throttled", scope=scope, advice=advice)


def passing(advice: str = "") -> Means:
    """A weakness of the moment: ``Transient``, which says nothing of whether a call was done."""
    return Means("passing", advice=advice)


def refused(reason: sdk.Reason, advice: str = "") -> Means:
    """This request will never be accepted."""
    return Means("refused", reason=reason, advice=advice)


_PERMISSION, _GONE = refused(sdk.Reason.PERMISSION), refused(sdk.Reason.GONE)

CODES: Mapping[Code, Means] = {
    1: passing(),  # may also be a bad request: the platform does not say
    2: passing(),
    3: _PERMISSION,  # a capability of the app
    4: throttled("app"),
    10: _PERMISSION,
    17: throttled(),  # the user's calls
    32: throttled(),  # the page's calls under a user token
    (100, 33): _GONE,  # deleted, or not visible to this token (unverified)
    102: ended(),
    190: ended(),
    (190, 2069032): refused(sdk.Reason.PERMISSION, "connect with the access token of the page"),
    **dict.fromkeys(range(200, 300), _PERMISSION),
    341: throttled("app"),  # temporary
    368: refused(sdk.Reason.BLOCKED),  # held back for its policies
    613: throttled(),  # custom limits
    803: _GONE,  # an unknown id (unverified)
    **dict.fromkeys(range(80000, 80015), throttled()),  # business use cases: 80001 pages, 80002 Instagram, …
}
"""Codes that mean the same wherever the Graph API is called; every other one is ``Rejected``, invalid."""

_OUTSIDE = re.compile(r"outside (of )?(the )?allowed window", re.IGNORECASE)
"""What code 10 says when the reply window is over; its subcodes differ by platform (third-party)."""
_BEGINS_WITH_ERROR = re.compile(rb'\s*\{\s*"error"\s*:')


class Transient(sdk.RetryLater):
    """The platform failed for a moment: nothing is said of whether a call that makes something made it.

    In ``push`` and ``publish`` it must become ``OutcomeUnknown``.
    """


def fault(
    answer: httpx.Response, *, name: str = "Facebook", more: Mapping[Code, Means] | None = None
) -> sdk.ConnectorError | None:
    """Classify an answer by the error in its body, whatever its status; by the status where it has none.

    Args:
        answer: What Meta answered; None is returned where it is no error.
        name: The platform as people know it, for the message.
        more: Codes of that platform's own, and those of ``CODES`` that mean something else there.
    """
    error = error_of(answer)
    found = sdk.by_status(answer) if error is None else _classified(error, answer, name, more or {})
    return None if found is None else _without_proof(found, answer)


def _classified(
    error: dict[str, Any], answer: httpx.Response, name: str, more: Mapping[Code, Means]
) -> sdk.ConnectorError:
    code, subcode = _number(error.get("code")), _number(error.get("error_subcode"))
    why = _why(error, code, subcode, name)
    means = _meaning(code, subcode, more)
    if code == 10 and means is CODES[10] and _OUTSIDE.search(why):
        means = refused(sdk.Reason.WINDOW, "the person must write first")
    if means is None and code is None and error.get("type") == "OAuthException":
        means = ended()
    if means is not None:
        return _caused(means, f"{why}; {means.advice}" if means.advice else why, answer)
    if error.get("is_transient") is True:
        return Transient(why)
    if code is None or answer.status_code >= 500 or answer.status_code == 429:
        return sdk.by_status(answer) or sdk.Rejected(why)
    return sdk.Rejected(why, reason=sdk.Reason.INVALID)


def _without_proof(found: sdk.ConnectorError, answer: httpx.Response) -> sdk.ConnectorError:
    """An error whose words do not repeat the proof that the call carried, as the SDK does for the token."""
    try:
        proof = answer.request.url.params.get("appsecret_proof", "")
    except RuntimeError:  # an answer that nobody asked for
        return found
    if proof:
        found.args = tuple(part.replace(proof, "***") if isinstance(part, str) else part for part in found.args)
    return found


def error_of(answer: httpx.Response) -> dict[str, Any] | None:
    """Return the error object of an answer; large good answers are not read for it."""
    if answer.status_code < 400 and not _BEGINS_WITH_ERROR.match(answer.content):
        return None
    try:
        body = pydantic_core.from_json(answer.content)
    except ValueError:
        return None
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else None


def _meaning(code: int | None, subcode: int | None, more: Mapping[Code, Means]) -> Means | None:
    if code is None:
        return None
    keys: tuple[Code, ...] = (code,) if subcode is None else ((code, subcode), code)
    return next((table[key] for key in keys for table in (more, CODES) if key in table), None)


def _caused(means: Means, why: str, answer: httpx.Response) -> sdk.ConnectorError:
    match means.kind:
        case "ended":
            return sdk.Reauthorize(why)
        case "throttled":
            return sdk.RateLimited(why, wait=regain(answer), scope=means.scope)
        case "passing":
            return Transient(why)
        case "refused":
            return sdk.Rejected(why, reason=means.reason)


def _why(error: dict[str, Any], code: int | None, subcode: int | None, name: str) -> str:
    told = error.get("error_user_msg") or error.get("message")
    data = error.get("error_data")
    details = data.get("details") if isinstance(data, dict) else None
    parts = [part[:300] for part in (told, details) if isinstance(part, str) and part]
    number = f"{code}/{subcode}" if subcode is not None else code
    return f"{name} says: {': '.join(parts) or 'no message'} (code {number})"


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
