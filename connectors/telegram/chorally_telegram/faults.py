"""What the Bot API's errors cause.

Sources: Bot API 10.1, "Making requests" and "ResponseParameters" (read 2026-11-23). The descriptions of errors are
not documented ("contents are subject to change"): they only choose between reasons of a refusal, never between
sending again and not; those named here are as libraries quote them (unverified).
"""

import re
from datetime import timedelta
from typing import Any

import httpx
import pydantic_core

import chorally_sdk as sdk
from chorally_telegram.auth import FILE

CONFLICT_WAIT = timedelta(seconds=30)
_BEGINS_REFUSED = re.compile(rb'\s*\{\s*"ok"\s*:\s*false')
_MOST_WAIT_S = 10**7

_GONE = (
    "chat not found", "message not found", "message to be replied not found", "message to reply not found",
    "message to edit not found", "message to delete not found", "message to react not found", "user not found",
    "message thread not found", "topic_deleted", "peer_id_invalid", "message_id_invalid", "user is deactivated",
    "wrong file_id", "wrong file identifier", "file_reference_expired", "temporarily unavailable",
)  # fmt: skip
_BLOCKED = (
    "bot was blocked", "bot was kicked", "bot is not a member", "user_is_blocked", "can't initiate conversation",
    "can't send messages to bots", "can't send messages to the user",
)  # fmt: skip
_PERMISSION = (
    "not enough rights", "have no rights", "need administrator rights", "chat_admin_required", "chat_write_forbidden",
    "chat_restricted", "message can't be deleted", "message can't be edited", "business connection not found",
    "business_connection_invalid", "chat_send_",
)  # fmt: skip


class Moved(sdk.Rejected):
    """The group became a supergroup: nothing was done, and ``chat`` is where to ask instead."""

    def __init__(self, why: str, chat: int) -> None:
        super().__init__(why, reason=sdk.Reason.GONE)
        self.chat = chat


class Unmodified(sdk.Rejected):
    """It is so already."""


def fault(answer: httpx.Response) -> sdk.ConnectorError | None:
    """Classify an answer by the error in its body, whatever its status; by the status where it has none."""
    told = _refusal(answer)
    if told is None:
        return sdk.by_status(answer)
    code = _number(told.get("error_code")) or answer.status_code
    text = told.get("description")
    why = f"Telegram says: {text[:300] if isinstance(text, str) else 'no reason'} ({code})"
    parameters = told.get("parameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    moved = _number(parameters.get("migrate_to_chat_id"))
    if moved is not None:
        return Moved(f"{why}; the group is now {moved}", moved)
    wait = _number(parameters.get("retry_after"))
    if code == 429 or wait is not None:
        return sdk.RateLimited(why, wait=_wait(wait) or sdk.asked_wait(answer))
    if code == 404 and _is_of_file(answer):
        return sdk.Rejected(why, reason=sdk.Reason.GONE)
    return _by_code(code, why, text.lower() if isinstance(text, str) else "")


def _is_of_file(answer: httpx.Response) -> bool:
    """Whether a file was asked for, where a 404 says nothing about the token."""
    try:
        return FILE in answer.request.url.path
    except RuntimeError:  # it was not asked for at all
        return False


def _by_code(code: int, why: str, text: str) -> sdk.ConnectorError:
    if code >= 500:
        return sdk.RetryLater(why)
    if code == 401 or (code == 404 and text == "not found"):  # 404: of no bot's form (unverified)
        return sdk.Reauthorize(f"{why}; connect the bot again with its token from @BotFather")
    if code == 409:
        return sdk.RetryLater(
            f"{why}; the bot is read elsewhere: end the other program, or delete its webhook", wait=CONFLICT_WAIT
        )
    if "message is not modified" in text:
        return Unmodified(why)
    if code == 403:
        return sdk.Rejected(why, reason=_reason(text, sdk.Reason.PERMISSION))
    return sdk.Rejected(why, reason=_reason(text, sdk.Reason.INVALID))


def _reason(text: str, otherwise: sdk.Reason) -> sdk.Reason:
    for reason, words in (
        (sdk.Reason.BLOCKED, _BLOCKED), (sdk.Reason.GONE, _GONE), (sdk.Reason.PERMISSION, _PERMISSION)
    ):  # fmt: skip
        if any(each in text for each in words):
            return reason
    return otherwise


def _refusal(answer: httpx.Response) -> dict[str, Any] | None:
    """The error that an answer tells of; large good answers are not read for it."""
    if answer.status_code < 400 and not _BEGINS_REFUSED.match(answer.content):
        return None
    try:
        told = pydantic_core.from_json(answer.content)
    except ValueError:
        return None
    return told if isinstance(told, dict) and told.get("ok") is False else None


def _wait(seconds: int | None) -> timedelta | None:
    return timedelta(seconds=seconds) if seconds is not None and 0 <= seconds <= _MOST_WAIT_S else None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
