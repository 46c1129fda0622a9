"""What we want said, and what came of saying it."""

from datetime import timedelta
from typing import Literal

from pydantic import AwareDatetime, Field

from chorally_sdk.model.base import Json, Model
from chorally_sdk.model.inbound import Attachment
from chorally_sdk.model.manifest import Verb


class Template(Model):
    """A text that the platform has approved, usable outside the reply window."""

    name: str = Field(min_length=1)
    language: str = ""
    """As the platform writes it, such as ``it`` or ``en_US``."""
    text: str = ""
    """With its placeholders; empty where the platform does not show it."""
    values: tuple[str, ...] = ()
    """What fills the placeholders, in their order; in a listing the placeholders' names."""


class Prepared(Model):
    """What one unseen step left behind."""

    state: Json
    """Handed to the next step, and to the visible call, as ``Outgoing.prepared``."""
    ready: bool = True
    """The visible call may be made; otherwise ``prepare`` is asked again."""
    wait: timedelta = timedelta(0)
    """Time until the next step is worth asking, where there is one."""


class Receipt(Model):
    """What the one visible call gave; ``accepted`` is taken but not yet certain."""

    external_id: str | None
    """The platform's id of what was made; None where its answer has none."""
    state: Literal["sent", "accepted"] = "sent"
    conversation_id: str | None = None
    url: str | None = None
    data: Json = {}


class Outgoing(Model):
    """One visible thing to be made; what exceeds one call by its ``Limits`` comes as several."""

    id: str
    client_ref: str
    """32 hex digits, the same for ever for this message and part: a key, a Message-ID, a nonce."""
    channel: str
    body: str = ""
    attachments: tuple[Attachment, ...] = ()
    """Files of ours: ``Connector.media`` reads them, ``url`` is for platforms that fetch them themselves."""
    options: Json = {}
    """What the channel takes besides, as the connector documents it."""
    prepared: Json = {}
    """What the steps of ``Prepares`` left behind; empty before the first."""
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
    template: Template | None = None
    """An approved text in place of ``body``, with its values."""
    late: bool = False
    """Written by a person after the reply window, within the agents' window."""


class Publication(Outgoing):
    """A post of our own, which answers nobody."""

    publish_at: AwareDatetime | None = None
    """When people shall see it, where the platform keeps it until then; at once where None."""


class Action(Model):
    """What is to become of something that is there already."""

    verb: Verb
    external_id: str = Field(min_length=1)
    """The target."""
    channel: str
    conversation_id: str | None = None
    body: str = ""
    """The new text of an ``edit``."""
    route: Json = {}
    """``Message.route`` of the target."""
