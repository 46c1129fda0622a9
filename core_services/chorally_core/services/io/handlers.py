"""Takes commands off the channels' topics, at once, into durable deliveries."""

from collections.abc import Iterable

from chorally_core.events import Event, Reply
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING, Change, Found, Handler
from chorally_core.services.io.deliver import taken
from chorally_core.services.io.model import Delivery

GROUP = "io"


class TakeReply(Handler[Reply]):
    """Turns the command to answer into a delivery."""

    event = "reply"

    def __init__(self, channel: str, platform: str) -> None:
        """Take the commands of one channel."""
        self.topic = channel  # type: ignore[misc]  # one handler for each channel there is
        self._platform = platform

    def reads(self, event: Event[Reply]) -> Iterable[Key]:
        """Return the delivery, which is there if the command came before."""
        return (Key.by_id(Delivery, event.data.message_id),)

    def decide(self, event: Event[Reply], found: Found) -> Change:
        """Queue it once."""
        if found.get(Delivery, event.data.message_id) is not None:
            return NOTHING
        return Change((taken(event, self._platform),))
