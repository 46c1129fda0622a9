"""Takes commands off the channels' topics, at once, into durable deliveries."""

from collections.abc import Iterable

import chorally_sdk as sdk
from chorally_core.events import Event, Moderate, Publish, Reply, Send
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING, Change, Found, Handler
from chorally_core.services.io.deliver import begun, posted, taken
from chorally_core.services.io.model import Delivery, Moderation

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


class TakeSend(Handler[Send]):
    """Turns the command to begin a conversation into a delivery."""

    event = "send"

    def __init__(self, channel: str, platform: str) -> None:
        """Take the commands of one channel."""
        self.topic = channel  # type: ignore[misc]  # one handler for each channel there is
        self._platform = platform

    def reads(self, event: Event[Send]) -> Iterable[Key]:
        """Return the delivery, which is there if the command came before."""
        return (Key.by_id(Delivery, event.data.message_id),)

    def decide(self, event: Event[Send], found: Found) -> Change:
        """Queue it once."""
        if found.get(Delivery, event.data.message_id) is not None:
            return NOTHING
        return Change((begun(event, self._platform),))


class TakePublication(Handler[Publish]):
    """Turns the command to publish into a delivery."""

    event = "publish"

    def __init__(self, channel: str, platform: str) -> None:
        """Take the commands of one channel."""
        self.topic = channel  # type: ignore[misc]  # one handler for each channel there is
        self._platform = platform

    def reads(self, event: Event[Publish]) -> Iterable[Key]:
        """Return the delivery, which is there if the command came before."""
        return (Key.by_id(Delivery, event.data.publication_id),)

    def decide(self, event: Event[Publish], found: Found) -> Change:
        """Queue it once."""
        if found.get(Delivery, event.data.publication_id) is not None:
            return NOTHING
        return Change((posted(event, self._platform),))


class TakeModeration(Handler[Moderate]):
    """Turns the command to do something to a message into a moderation that is kept until it is done."""

    def __init__(self, channel: str, platform: str, verb: sdk.Verb) -> None:
        """Take one command of one channel."""
        self.topic = channel  # type: ignore[misc]  # one handler for each channel there is
        self.event = verb  # type: ignore[misc]
        self._platform = platform
        self._verb = verb

    def reads(self, event: Event[Moderate]) -> Iterable[Key]:
        """Return the moderation, which is there if the command came before."""
        return (Key.by_id(Moderation, event.data.id),)

    def decide(self, event: Event[Moderate], found: Found) -> Change:
        """Queue it once."""
        d = event.data
        if found.get(Moderation, d.id) is not None:
            return NOTHING
        return Change(
            (
                Moderation(
                    id=d.id, tenant=event.tenant, account_id=d.account_id, platform=self._platform, channel=d.channel,
                    key=event.key, verb=self._verb, message_id=d.message_id, external_id=d.external_id,
                    conversation_id=d.conversation_id, body=d.body, route=d.route, asked_by=d.asked_by,
                    created_at=event.occurred_at, next_at=event.occurred_at, traceparent=event.traceparent,
                ),
            )
        )  # fmt: skip
