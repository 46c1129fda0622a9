"""What the errors of Graph and of the Bot Framework cause: one table by error code.

Both answer ``{"error": {"code", "message"}}``. Codes that only documentation of single calls names are from there;
what is not in the table is judged by its status.
"""

from typing import Any

import httpx
import pydantic_core

import chorally_sdk as sdk

_TOKEN = frozenset({"InvalidAuthenticationToken", "TokenNotFound", "ExpiredAuthenticationToken", "BotNotAuthenticated"})
"""The token has ended or was revoked."""

_RESYNC = frozenset({"resyncRequired", "syncStateNotFound", "syncStateInvalid", "ErrorInvalidSyncStateData"})
"""The delta link is too old, or the mailbox was moved: the walk starts anew."""

_MAILBOX = frozenset(
    {"MailboxNotEnabledForRESTAPI", "MailboxNotSupportedForRESTAPI", "MailboxNotHostedInExchangeOnline"}
)
"""The account has no mailbox in Exchange Online (on premises, inactive, or without a licence)."""

_REASONS = {
    **dict.fromkeys(("ErrorItemNotFound", "ResourceNotFound", "Request_ResourceNotFound"), sdk.Reason.GONE),
    **dict.fromkeys(("itemNotFound", "ErrorInvalidMailboxItemId", "ErrorMessageNotFound"), sdk.Reason.GONE),
    **dict.fromkeys(("ConversationNotFound", "ActivityNotFoundInConversation"), sdk.Reason.GONE),
    **dict.fromkeys(("ErrorAccessDenied", "AccessDenied", "Forbidden", "accessDenied"), sdk.Reason.PERMISSION),
    **dict.fromkeys(("Authorization_RequestDenied", "ErrorSendAsDenied"), sdk.Reason.PERMISSION),
    **dict.fromkeys(_MAILBOX, sdk.Reason.PERMISSION),
    **dict.fromkeys(("BotNotInConversationRoster", "BotDisabledByAdmin"), sdk.Reason.PERMISSION),
    **dict.fromkeys(("ConversationBlockedByUser", "MessageWritesBlocked"), sdk.Reason.BLOCKED),
    **dict.fromkeys(("ErrorMessageSizeExceeded", "MessageSizeTooBig", "ErrorInvalidRecipients"), sdk.Reason.INVALID),
}

_TOO_FAST = frozenset({"TooManyRequests", "ApplicationThrottled", "activityLimitReached", "ErrorExceededMessageLimit"})
_TRANSIENT = frozenset({"ErrorMailboxMoveInProgress", "ErrorMailboxStoreUnavailable", "ErrorServerBusy"})
_SHOWN = 300  # characters of the platform's own words


class NotOffered(sdk.Rejected):
    """The service knows who calls, and has no such call."""


class Resync(sdk.Rejected):
    """The place in the changes is not known any more."""


def fault(answer: httpx.Response) -> sdk.ConnectorError | None:
    """Classify an answer by its error code, else by its status."""
    by_status = sdk.by_status(answer)
    if by_status is None:
        return None
    told = error_of(answer)
    code = told.get("code")
    code = code if isinstance(code, str) else ""
    status = answer.status_code
    why = f"{told.get('message') or 'no explanation'} ({code or status})"[:_SHOWN]
    if status == 401 or code in _TOKEN:
        return sdk.Reauthorize(_unauthorised(answer, why))
    if status == 429 or code in _TOO_FAST:
        return sdk.RateLimited(why, wait=sdk.asked_wait(answer))
    if status == 405:
        return NotOffered(why, reason=sdk.Reason.GONE)
    if code in _RESYNC or status == 410:
        return Resync(f"the changes are told from the beginning: {why}", reason=sdk.Reason.GONE)
    if code in _REASONS and status < 500:
        return sdk.Rejected(why, reason=_REASONS[code])
    if code in _TRANSIENT or status == 412:  # Teams asks to try again after a 412; a mail had changed meanwhile
        return sdk.RetryLater(why, wait=sdk.asked_wait(answer))
    if status in (403, 404) and code:
        return sdk.Rejected(why, reason=sdk.Reason.PERMISSION if status == 403 else sdk.Reason.GONE)
    return by_status if status >= 500 or not code else sdk.Rejected(why)


def error_of(answer: httpx.Response) -> dict[str, Any]:
    """Return the error that an answer tells; empty where it tells none in the documented shape."""
    try:
        said = pydantic_core.from_json(answer.content)
    except ValueError:
        return {}
    told = said.get("error") if isinstance(said, dict) else None
    return told if isinstance(told, dict) else {}


def _unauthorised(answer: httpx.Response, why: str) -> str:
    """Say what a 401 is about; a claims challenge wants the person to sign in again (continuous access evaluation)."""
    asked = answer.headers.get("WWW-Authenticate", "")
    if "insufficient_claims" in asked or "claims=" in asked:
        return "the sign-in must be repeated, as the directory's conditions have changed; connect the account again"
    return f"the token is not accepted: {why}"
