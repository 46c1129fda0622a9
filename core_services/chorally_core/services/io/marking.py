"""What is told of a known message when its platform hid it, showed it again or deleted it."""

from typing import Any

import chorally_sdk as sdk
from chorally_core.events import Event, MessageDelete, MessageUpdate, topics
from chorally_core.events.ids import derived
from chorally_core.services.io import deliver
from chorally_core.services.io.model import Account, Delivery

SHOWN = ("hidden", "visible", "deleted")
"""States of a mark that say whether a message is seen, and not how far it got."""


def of_ours(delivery: Delivery, mark: sdk.Mark) -> Event[Any] | None:
    """Return what is told when something became of what we made; None where nothing is.

    A message in parts is known by its first: that a later one is gone does not delete it.
    """
    if delivery.part > 1:
        return None
    if delivery.verb == "publish":
        return deliver.removed(delivery, mark.at) if mark.state == "deleted" else None
    return of_message(delivery, delivery.message_id, mark, delivery.key)


def of_message(holder: Account | Delivery, name: str, mark: sdk.Mark, key: str) -> Event[Any]:
    """Return the event that a message was hidden, shown or deleted on the platform."""
    data: MessageDelete | MessageUpdate
    if mark.state == "deleted":
        data = MessageDelete(id=name, at=mark.at)
    else:
        data = MessageUpdate(id=name, state=mark.state, at=mark.at, reason=mark.reason)
    return Event(
        topic=topics.MESSAGES,
        issuer=deliver.SERVICE,
        name="delete" if mark.state == "deleted" else "update",
        data=data,
        id=derived("mark", name, mark.state, mark.at.isoformat()),
        tenant=holder.tenant,
        key=key,
        occurred_at=mark.at,
    )
