"""Takes commands off the channels' topics, at once, into durable deliveries."""

from collections.abc import Iterable

import chorally_sdk as sdk
from chorally_core.events import Event, Moderate, Publish, Reply, Send
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING, Change, Found, Handler
from chorally_core.services.io.deliver import begun, posted, taken, tried_again
from chorally_core.services.io.model import Delivery, Moderation
from chorally_core.services.io.parts import keys_of

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

    def follows(self, event: Event[Publish], found: Found) -> Iterable[Key]:
        """Return its other parts, where it is tried again."""
        known = found.get(Delivery, event.data.publication_id)
        return () if known is None or not event.data.retry else keys_of(known)

    def decide(self, event: Event[Publish], found: Found) -> Change:
        """Queue it once, and again what failed of it where that is asked for; what did not fail is never repeated."""
        known = found.get(Delivery, event.data.publication_id)
        if known is None:
            return Change((posted(event, self._platform),))
        if not event.data.retry:
            return NOTHING
        parts = (found.get(Delivery, key.value) for key in keys_of(known))
        failed = [part for part in parts if part and part.state == "failed" and part.retries < event.data.retry]
        again = [tried_again(part, event.occurred_at, event.data.retry) for part in failed]
        if not again:
            return NOTHING
        return Change((again[0],), mended=tuple(again[1:]))  # those behind it wait for it, whoever is stored first


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
                    conversation_id=d.conversation_id, body=d.body, route=d.route, asked_by=d.asked_by, of=d.of,
                    created_at=event.occurred_at, next_at=event.occurred_at, traceparent=event.traceparent,
                ),
            )
        )  # fmt: skip
