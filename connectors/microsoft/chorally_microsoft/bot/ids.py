"""Ids of messages: an activity's own is unique in its conversation only."""

from typing import NamedTuple
from urllib.parse import quote, unquote

import chorally_sdk as sdk


class Place(NamedTuple):
    """A message, and where it is."""

    conversation: str
    activity: str

    @property
    def external_id(self) -> str:
        """As the core knows the message."""
        return f"{self.conversation}/{quote(self.activity, safe=':;@=,|~')}"

    @classmethod
    def of(cls, external_id: str) -> "Place":
        """Return the place of a message.

        Raises:
            Rejected: This is no id of a message here.
        """
        conversation, _, activity = external_id.rpartition("/")
        if not conversation or not activity:
            raise sdk.Rejected(f"{external_id!r} names no message of a conversation")
        return cls(conversation, unquote(activity))
