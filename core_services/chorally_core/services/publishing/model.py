"""What the publishing service stores."""

from datetime import datetime
from typing import Any, Literal

from chorally_core.events.records import Attached
from chorally_core.ports.documents import Document

PublicationState = Literal[
    "scheduled", "cancelled", "queued", "sending", "sent", "delivered", "read", "failed", "unconfirmed", "deleted"
]

_RANK = {"queued": 0, "sending": 1, "unconfirmed": 2, "failed": 2, "sent": 3, "delivered": 4, "read": 5, "deleted": 6}
_SHOWN = 280  # characters of a post that the log shows


class Publication(Document, frozen=True, kw_only=True):
    """A post of our own, and how far it got.

    What comes before, such as a draft that waits for an approval, ends with ``commands.publish``.
    """

    kind = "publication"
    sparse = ("due_at",)
    indexes = (("created_at",), ("state", "created_at"))

    account_id: str
    platform: str
    channel: str
    body: str = ""
    attachments: tuple[Attached, ...] = ()
    options: dict[str, Any] = {}
    state: PublicationState = "queued"
    publish_at: datetime | None = None
    """When people shall see it; at once where None."""
    due_at: datetime | None = None
    """When it is handed to its channel; None once it was, or never will be."""
    created_by: str = ""
    created_at: datetime
    sent_at: datetime | None = None
    external_id: str | None = None
    external_url: str | None = None
    error: str = ""
    attempts: int = 0

    @property
    def key(self) -> str:
        """Ordering key of all that is about it."""
        return f"{self.tenant}/{self.account_id}/{self.id}"

    def may_become(self, state: str) -> bool:
        """Whether a state may follow the present one: like a message's, they only go forward."""
        if self.state in (state, "scheduled", "cancelled"):
            return False
        if self.state == "unconfirmed":
            return state not in ("sending", "unconfirmed")
        if self.state == "failed":
            return state in ("queued", "sent", "delivered", "read", "deleted")
        return _RANK.get(state, 0) > _RANK.get(self.state, 0)

    def snapshot(self) -> dict[str, Any]:
        """Return what a reader of the log needs to know."""
        return {
            "channel": self.channel,
            "body": self.body[:_SHOWN],
            "state": self.state,
            "publish_at": self.publish_at.isoformat() if self.publish_at else None,
            "external_id": self.external_id,
            "external_url": self.external_url,
            "error": self.error,
        }
