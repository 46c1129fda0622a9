"""What people said where the platform wants it deleted after a time (``Channel.keep_for``), noted as it comes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from chorally_core.events import Event, MessageDelete, topics
from chorally_core.events.ids import derived
from chorally_core.events.records import Attached
from chorally_core.ports.documents import Document
from chorally_core.services.io.deliver import SERVICE
from chorally_core.services.io.downloading import Wanted


class ContentDue(Document, frozen=True, kw_only=True):
    """A message whose content must go; under the message's id."""

    kind = "content_due"
    sparse = ("next_at",)

    account_id: str
    key: str
    """By which what is told of the message is in order."""
    came_at: datetime
    next_at: datetime
    told: bool = False
    """Its owner was told; what others keep of it goes next."""
    copies: tuple[str, ...] = ()
    """Ids of the files that are copies of its attachments."""

    def event(self, at: datetime) -> Event[MessageDelete]:
        """Return what has the message lose its content."""
        return Event(
            topic=topics.MESSAGES, issuer=SERVICE, name="delete", data=MessageDelete(id=self.id, at=at),
            id=derived("content due", self.id, self.came_at.isoformat()), tenant=self.tenant, key=self.key,
            occurred_at=at,
        )  # fmt: skip


def due(
    said: Event[Any], message_id: str, account_id: str, attachments: Sequence[Attached], keep_for: timedelta
) -> ContentDue:
    """Return the note that a message's content must go, so long after it came.

    Args:
        said: The event that tells of the message.
        message_id: Its id.
        account_id: To whom it was said.
        attachments: Its files.
        keep_for: How long it may be kept.
    """
    copies = dict.fromkeys(Wanted(message_id, attached, None).file_id for attached in attachments)
    return ContentDue(
        id=message_id, tenant=said.tenant, account_id=account_id, key=said.key, came_at=said.occurred_at,
        next_at=said.occurred_at + keep_for, copies=tuple(copies),
    )  # fmt: skip
