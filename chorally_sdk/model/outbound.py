"""What we want said, and what came of saying it."""

from typing import Literal

from pydantic import AwareDatetime

from chorally_sdk.model.base import Json, Model
from chorally_sdk.model.inbound import Attachment


class Receipt(Model):
    """What the one visible call gave; ``accepted`` is taken but not yet certain."""

    external_id: str | None
    state: Literal["sent", "accepted"] = "sent"
    conversation_id: str | None = None
    url: str | None = None
    data: Json = {}


class Outgoing(Model):
    """One visible thing to be made."""

    id: str
    client_ref: str
    """32 hex digits, the same for ever for this message: a key, a Message-ID, a nonce."""
    channel: str
    body: str = ""
    attachments: tuple[Attachment, ...] = ()
    options: Json = {}
    tried_at: AwareDatetime | None = None
    """When the visible call was claimed, where an earlier one was."""
    receipt: Receipt | None = None


class OutboundMessage(Outgoing):
    """An answer, or the first message of a conversation."""

    conversation_id: str | None = None
    in_reply_to: str | None = None
    """``external_id`` of the message it answers."""
    to: str | None = None
    """The person's ``external_id`` or address."""
    route: Json = {}
    """``Message.route`` of the message it answers."""
    late: bool = False
    """Written by a person after the reply window, within the agents' window."""
