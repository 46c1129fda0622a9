"""What is sent by the Send API of Messenger and Instagram: recipients, the window, and the answer.

Sources: "Send API Reference", "Private Replies", "Human Agent" (read 2026-11-23). One visible call is::

    answer = await self.http.post(path(page, "messages"), json=outgoing(message, {"text": message.body}))
    return sent(answer)
"""

from collections.abc import Mapping
from typing import Any

import httpx

import chorally_sdk as sdk
from chorally_meta.shapes import Id, Shape, read

HUMAN_AGENT = "HUMAN_AGENT"
"""The tag that opens seven days to people; an answer that no person wrote must never bear it."""


class Sent(Shape):
    """What the Send API answers."""

    message_id: Id
    recipient_id: str | None = None


def outgoing(message: sdk.OutboundMessage, content: Mapping[str, Any], *, comment: str | None = None) -> dict[str, Any]:
    """Return the body of a call that sends something.

    The tag for human agents is set only where the host says that a person wrote it after the window (``late``).

    Args:
        message: To whom, and in which window.
        content: ``text``, or ``attachment``.
        comment: The comment that is answered in private; its author is who it goes to.

    Raises:
        Rejected: It is not said to whom.
    """
    person = message.to or message.conversation_id
    if comment is None and not person:
        raise sdk.Rejected("a message goes to a person; say in which conversation, or to whom")
    parent = message.in_reply_to if comment is None and _is_message(message.in_reply_to) else None
    return {
        "recipient": {"comment_id": comment} if comment is not None else {"id": person},
        "messaging_type": "MESSAGE_TAG" if message.late else "RESPONSE",
        **({"tag": HUMAN_AGENT} if message.late else {}),
        "message": {**content, "metadata": message.client_ref},
        **({"reply_to": {"mid": parent}} if parent else {}),
    }


def sent(answer: httpx.Response) -> sdk.Receipt:
    """Return the receipt that an answer gives.

    Raises:
        OutcomeUnknown: The answer does not say whether the message was sent.
    """
    try:
        made = read(Sent, answer.content, "the answer to a message")
    except sdk.Malformed as error:
        raise sdk.OutcomeUnknown(f"whether the message was sent is not known: {error}") from error
    return sdk.Receipt(external_id=made.message_id, conversation_id=made.recipient_id)


def _is_message(external_id: str | None) -> bool:
    """Whether an id is Meta's of a message, and not one that we made of a reaction or a postback."""
    return bool(external_id) and "/" not in str(external_id)
