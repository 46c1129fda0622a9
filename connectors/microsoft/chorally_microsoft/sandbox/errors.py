"""The errors of Graph and of the Bot Framework, and what each must be read as."""

from collections.abc import Mapping
from typing import Any

from chorally_sdk.sandbox import Failure


def _failure(status: int, code: str, message: str, headers: Mapping[str, str] | None = None, **means: Any) -> Failure:
    inner = {"request-id": "9fe4ac1c-0000-4000-8000-000000000001", "date": "2026-11-23T09:00:00"}
    body = {"error": {"code": code, "message": message, "innerError": inner}}
    return Failure(status, body, headers or {}, means)


def _refused(reason: str) -> dict[str, Any]:
    return {"type": "Rejected", "reason": reason}


_CLAIMS = (
    'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
    'error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ=="'
)

ERRORS: Mapping[str, Failure] = {
    "token": _failure(401, "InvalidAuthenticationToken", "Access token has expired.", type="Reauthorize"),
    "claims": _failure(
        401, "InvalidAuthenticationToken", "Continuous access evaluation.", {"WWW-Authenticate": _CLAIMS},
        type="Reauthorize",
    ),
    "forbidden": _failure(403, "ErrorAccessDenied", "Access is denied.", **_refused("permission")),
    "gone": _failure(404, "ErrorItemNotFound", "The object was not found in the store.", **_refused("gone")),
    "invalid": _failure(400, "ErrorInvalidRequest", "The request is invalid.", **_refused("invalid")),
    "untested": _failure(
        400, "ValidationError", "Subscription validation request failed.", **_refused("invalid")
    ),
    "too_large": _failure(413, "ErrorMessageSizeExceeded", "The message is too large.", **_refused("invalid")),
    "no_mailbox": _failure(
        404, "MailboxNotEnabledForRESTAPI", "The mailbox is either inactive, soft-deleted, or hosted on-premise.",
        **_refused("permission"),
    ),
    "resync": _failure(410, "resyncRequired", "Resync required.", **_refused("gone")),
    "no_state": _failure(410, "syncStateNotFound", "The sync state was not found.", **_refused("gone")),
    "rate": _failure(
        429, "TooManyRequests", "Too many requests.", {"Retry-After": "60"}, type="RateLimited", wait_s=60
    ),
    "throttled": _failure(
        429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.", {"Retry-After": "10"},
        type="RateLimited", wait_s=10,
    ),
    "moving": _failure(503, "ErrorMailboxMoveInProgress", "Mailbox move in progress.", type="RetryLater"),
    "changed": _failure(412, "ErrorIrresolvableConflict", "The send or update could not be performed.",
                        type="RetryLater"),
    "down": _failure(503, "serviceNotAvailable", "The service is unavailable.", type="RetryLater"),
    "no_activity": _failure(404, "ActivityNotFoundInConversation", "Not found.", **_refused("gone")),
    "no_conversation": _failure(404, "ConversationNotFound", "Conversation not found.", **_refused("gone")),
    "not_member": _failure(
        403, "BotNotInConversationRoster", "The bot is not part of the conversation roster.", **_refused("permission")
    ),
    "blocked": _failure(403, "MessageWritesBlocked", "The user has blocked the bot.", **_refused("blocked")),
    "long": _failure(413, "MessageSizeTooBig", "Message size too large.", **_refused("invalid")),
}  # fmt: skip
