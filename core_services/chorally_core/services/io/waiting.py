"""Tells what must be held on, for all that is held at once: a few questions, however much it is."""

from collections.abc import Sequence
from typing import NamedTuple

import structlog

import chorally_sdk as sdk
from chorally_core.ports.documents import Condition, Documents, Key, Query
from chorally_core.services.io.inbound import Inbound
from chorally_core.services.io.model import OPEN, Account, Delivery, Held

log = structlog.get_logger(__name__)

_STEP = 1000


class _Place(NamedTuple):
    """What an echo or a mark is about, as far as pushes are compared with it."""

    conversation_id: str | None
    channel: str | None
    keys: tuple[Key, ...]
    """By which it is found what it is the echo of, once that is settled."""


class Waiting:
    """Remembers what the held are about, so that each is opened once."""

    def __init__(self, documents: Documents, inbound: Inbound) -> None:
        self._documents = documents
        self._inbound = inbound
        self._places: dict[str, _Place] = {}

    async def ready(self, account: Account, held: Sequence[Held], channels: Sequence[str]) -> list[Held]:
        """Return those that may be taken up, for a translation to decide; the others would be held again.

        Args:
            account: Whose they are.
            held: In the order in which they came.
            channels: Names of the account's channels.
        """
        places = {one.id: place for one in held if (place := self._place(account, one, channels)) is not None}
        self._places = {**self._places, **places}
        pushes = await self._open(account)
        stuck = {name: place for name, place in places.items() if any(_may_be(place, push) for push in pushes)}
        keys = {key for place in stuck.values() for key in place.keys}
        settled = await self._documents.load(keys) if keys else {}
        return [one for one in held if one.id not in stuck or any(key in settled for key in stuck[one.id].keys)]

    def forget(self, left: Sequence[Held]) -> None:
        """Forget what is not held any more."""
        self._places = {one.id: self._places[one.id] for one in left if one.id in self._places}

    def _place(self, account: Account, held: Held, channels: Sequence[str]) -> _Place | None:
        """What something held is about; None where it cannot be opened, which whoever takes it up is told."""
        known = self._places.get(held.id)
        if known is not None:
            return known
        try:
            event = self._inbound.held_event(held)
        except Exception as error:
            log.debug("what is held cannot be opened", held_id=held.id, error=repr(error))
            return None
        is_echo = isinstance(event, sdk.Message)
        names = [event.channel] if event.channel else list(channels)
        keys = [Key(Delivery, "client_ref", event.client_ref)] if event.client_ref else []
        if event.external_id:
            keys += [
                Key(Delivery, "external_key", Delivery.external_key_of(account.id, name, event.external_id))
                for name in names
            ]
        return _Place(event.conversation_id, event.channel if is_echo else None, tuple(keys))

    async def _open(self, account: Account) -> set[tuple[str | None, str]]:
        """Conversation and channel of each push whose external id is not known."""
        where = (
            Condition("account_id", "is", account.id), Condition("state", "in", sorted(OPEN)),
            Condition("external_id", "absent"),
        )  # fmt: skip
        found: set[tuple[str | None, str]] = set()
        after: tuple[None, str] | None = None
        while True:
            some = await self._documents.find(Query(Delivery, account.tenant, where, limit=_STEP, after=after))
            found |= {(delivery.conversation_id, delivery.channel) for delivery in some}
            if len(some) < _STEP:
                return found
            after = (None, some[-1].id)


def _may_be(place: _Place, push: tuple[str | None, str]) -> bool:
    """Whether a push that is open could be what something held is the echo of."""
    conversation_id, channel = push
    if place.channel not in (None, channel):
        return False
    return place.conversation_id is None or conversation_id in (None, place.conversation_id)
