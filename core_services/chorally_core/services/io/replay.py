"""Replays: a stored webhook is read again, a dead letter goes back to where it came from.

A replay publishes what was published before, under the same ids, so whoever handled it already changes
nothing. A hook is never verified again: tokens expire and secrets rotate.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from chorally_core.events import Event, decode
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.parking import HOOKS, DeadLetter, to_raw
from chorally_core.ports.refused import Refused
from chorally_core.services.io.came import Came
from chorally_core.services.io.intake import Intake
from chorally_core.services.io.model import Hook


class Published(NamedTuple):
    """One event that a replay published."""

    topic: str
    event: str
    id: str
    key: str


class Replay:
    """Replays hooks and dead letters."""

    def __init__(self, ledger: Ledger, intake: Intake, *, now: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._intake = intake
        self._now = now

    async def hook(self, hook: Hook) -> list[Published]:
        """Read a stored webhook again and return what was published, in order.

        Raises:
            Refused: It cannot be read; the reason is what its dead letter would say.
        """
        async with self._ledger.turn():
            steps = (await self._read(hook)).steps()
            await self._ledger.commit(Work(steps))
        return [_published(event) for step in steps for event in step.events]

    async def preview(self, hook: Hook) -> list[Event[Any]]:
        """Return what a replay would publish, and publish nothing.

        Raises:
            Refused: It cannot be read.
        """
        return [event for step in (await self._read(hook)).steps() for event in step.events]

    async def letter(self, letter: DeadLetter) -> list[Published]:
        """Put a dead letter back on its topic, or read its webhook again, and mark it as replayed.

        Every group that reads the topic gets it again; those that handled it change nothing.

        Raises:
            Refused: It was replayed before, or can no longer be read.
            Conflict: Somebody else replays it at the same time.
        """
        if letter.replayed_at is not None:
            raise Refused("conflict", "already-replayed", f"it was replayed at {letter.replayed_at.isoformat()}")
        marked = Step.of([msgspec.structs.replace(letter, replayed_at=self._now())])
        if letter.source != HOOKS:
            event = decode(to_raw(letter, letter.source))
            if not isinstance(event, Event) or event.tenant != letter.tenant:
                raise Refused("invalid", "unreadable", "this version cannot read it; upgrade, then replay it")
            await self._ledger.commit(Work([marked, Step((), [event])]))
            self._ledger.bus.wake()
            return [_published(event)]
        hook = await self._ledger.documents.get(Hook, letter.subject)
        if hook is None or hook.tenant != letter.tenant:
            raise Refused("missing", "unknown-hook", "the webhook is no longer in the journal")
        async with self._ledger.turn():
            steps = (await self._read(hook)).steps()
            await self._ledger.commit(Work([marked, *steps]))
        return [_published(event) for step in steps for event in step.events]

    async def _read(self, hook: Hook) -> Came:
        if hook.erased_at is not None:
            raise Refused("conflict", "erased", "it was emptied because it was about a person who was erased")
        try:
            return await self._intake.translated(hook, again=True)
        except Exception as error:  # whatever the connector raises, the caller is told
            why = f"it still cannot be read: {type(error).__name__}: {error}"[:2000]
            raise Refused("invalid", "unreadable", why) from error


def _published(event: Event[Any]) -> Published:
    return Published(event.topic, event.name, event.id, event.key)
