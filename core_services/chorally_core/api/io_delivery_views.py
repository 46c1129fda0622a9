"""What goes in and out of the I/O API about deliveries."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from chorally_core.api.io_views import In
from chorally_core.services.io.model import Delivery, DeliveryState


class DeliveryView(BaseModel):
    """A message or post on its way out, and how far it got."""

    id: str = Field(title="Id", description="Id of the delivery: its message's, or of a later part of it.")
    verb: Literal["reply", "send", "publish"] = Field(
        title="Kind", description="An answer, the first message of a conversation, or a post of our own."
    )
    message_id: str = Field(
        title="Message", description="The message or publication that it makes visible, or a part of which."
    )
    part: int = Field(title="Part", description="Which part of the message it is.")
    parts: int = Field(title="Parts", description="How many parts the message has; 1 where it is not split.")
    account_id: str = Field(title="Account", description="Account that it goes out through.")
    connector: str = Field(title="Connector", description="Platform that it goes to.")
    channel: str = Field(title="Channel", description="Kind of place there.")
    state: DeliveryState = Field(
        title="State",
        description="`queued`, `sending`, `accepted` (taken, not yet certain), `sent`, `delivered`, `read`, `failed`, "
        "or `unconfirmed`: it is not known whether it was made visible.",
    )
    needs_person: bool = Field(title="Needs a person", description="Whether only a person can find out.")
    body: str = Field(title="Body", description="The text.")
    in_reply_to: str | None = Field(title="In reply to", description="The platform's id of the message it answers.")
    automatic: bool = Field(title="Automatic", description="Whether a machine wrote it.")
    attempts: int = Field(title="Attempts", description="How often it was tried.")
    error: str = Field(title="Error", description="What went wrong last; empty if nothing did.")
    reason: str = Field(title="Reason", description="Why the platform will never take it, in a word.")
    external_id: str | None = Field(title="External id", description="The platform's id of what was made.")
    external_url: str | None = Field(title="Link", description="Where it is seen.")
    created_at: datetime = Field(title="Created", description="When it was asked for.")
    next_at: datetime | None = Field(title="Next", description="When it is taken up again; null once it is settled.")
    tried_at: datetime | None = Field(title="Tried", description="When it was tried last.")
    settled_at: datetime | None = Field(title="Settled", description="When it was certain what became of it.")
    version: int = Field(title="Version", description="Goes up with each change; the `ETag` is made of it.")

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryView":
        """Return what is seen of a delivery."""
        waits = delivery.state in ("queued", "unconfirmed") and not delivery.needs_person
        same = {name: getattr(delivery, name) for name in cls.model_fields if name not in ("connector", "next_at")}
        return cls(connector=delivery.platform, next_at=delivery.next_at if waits else None, **same)


class FoundSent(In):
    """A person found it on the platform."""

    outcome: Literal["sent"]
    external_id: str = Field(title="External id", description="The platform's id of it.", min_length=1, max_length=500)


class FoundNotSent(In):
    """A person found that it is not on the platform."""

    outcome: Literal["not_sent"]


Outcome = Annotated[FoundSent | FoundNotSent, Field(discriminator="outcome")]
"""What a person found out about a delivery in doubt."""
