"""The errors of the Bot API that the sandbox answers with, and what each must be."""

from collections.abc import Mapping
from typing import Any

from chorally_sdk.sandbox import Failure
from chorally_telegram.sandbox.world import Value


def failure(status: int, description: str, parameters: Value | None = None, **means: Any) -> Failure:
    """Return an error as the Bot API shapes it."""
    told: Value = {"ok": False, "error_code": status, "description": description}
    return Failure(status, {**told, **({"parameters": parameters} if parameters else {})}, means=means)


def _bad(text: str, reason: str = "invalid") -> Failure:
    return failure(400, f"Bad Request: {text}", type="Rejected", reason=reason)


ERRORS: Mapping[str, Failure] = {
    "token": failure(401, "Unauthorized", type="Reauthorize"),
    "no_bot": failure(404, "Not Found", type="Reauthorize"),
    "forbidden": failure(403, "Forbidden: not enough rights", type="Rejected", reason="permission"),
    "blocked": failure(403, "Forbidden: bot was blocked by the user", type="Rejected", reason="blocked"),
    "kicked": failure(403, "Forbidden: bot was kicked from the supergroup chat", type="Rejected", reason="blocked"),
    "deactivated": failure(403, "Forbidden: user is deactivated", type="Rejected", reason="gone"),
    "gone": _bad("message not found", "gone"),
    "no_chat": _bad("chat not found", "gone"),
    "no_reply": _bad("message to be replied not found", "gone"),
    "no_edit": _bad("message to edit not found", "gone"),
    "no_delete": _bad("message to delete not found", "gone"),
    "no_text": _bad("there is no text in the message to edit"),
    "same": _bad("message is not modified: specified new message content is exactly the same"),
    "invalid": _bad("the request is not valid"),
    "empty": _bad("message text is empty"),
    "long": _bad("message is too long"),
    "caption": _bad("message caption is too long"),
    "file": _bad("wrong file_id or the file is temporarily unavailable", "gone"),
    "large": _bad("file is too big"),
    "url": _bad("bad webhook: An HTTPS URL must be provided for webhook"),
    "moved": failure(
        400, "Bad Request: group chat was upgraded to a supergroup chat", {"migrate_to_chat_id": -1009999999999},
        type="Rejected", reason="gone",
    ),
    "hooked": failure(
        409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete it first",
        type="RetryLater", wait_s=30,
    ),
    "conflict": failure(
        409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
        type="RetryLater", wait_s=30,
    ),
    "rate": failure(
        429, "Too Many Requests: retry after 60", {"retry_after": 60}, type="RateLimited", wait_s=60, scope="account"
    ),
    "down": failure(500, "Internal Server Error: restart", type="RetryLater"),
}  # fmt: skip
