"""Declares the service that hosts connectors."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from fastapi import FastAPI

from chorally_core.api import io as api
from chorally_core.bootstrap.copies import downloading
from chorally_core.bootstrap.keeping import EVERY_S, Keeping
from chorally_core.bootstrap.service import Around, Reads, Round, Service
from chorally_core.events import topics
from chorally_core.ports.bus import Trims
from chorally_core.ports.documents import Condition, Document
from chorally_core.ports.erasure import Part
from chorally_core.ports.job_kinds import JobKind
from chorally_core.ports.jobs import Job
from chorally_core.ports.parking import DeadLetter
from chorally_core.runner.retention import Kept, retention
from chorally_core.services.io.arriving import Arriving, TakeAttachments
from chorally_core.services.io.downloading import copies_of
from chorally_core.services.io.erasure import (
    EraseAttachments,
    EraseContentDue,
    EraseDeliveries,
    EraseHooks,
    EraseModerations,
)
from chorally_core.services.io.handlers import GROUP
from chorally_core.services.io.model import Delivery, Hook, Moderation

_SETTLED = ("sent", "delivered", "read", "failed")
_ENDED = ("done", "failed")
_OVER = ("done", "dead", "cancelled")
_ARRIVING_S = 2.0


def _copies(around: Around) -> bool:
    """Whether any file is copied as it comes: by the setting, or because its link ends too soon."""
    return any(
        _is_copied(around, platform, channel.name)
        for platform, connector in around.io.directory.connectors.items()
        for channel in connector.manifest.channels
    )


def _is_copied(around: Around, platform: str, channel: str) -> bool:
    match around.settings.attachments, copies_of(around.io.directory, platform, channel):
        case ("pass", _) | (_, "never"):
            return False
        case ("arrival", _) | (_, "on_arrival"):
            return True
    return False


def _duties(around: Around) -> dict[str, timedelta]:
    """How long platforms let what people say be kept, the shortest of their channels."""
    found = {}
    for platform, connector in around.io.directory.connectors.items():
        times = [channel.keep_for for channel in connector.manifest.channels if channel.keep_for is not None]
        if times:
            found[platform] = min(times)
    return found


def _api(around: Around) -> FastAPI:
    reading = downloading(around.settings, around.ledger, around.objects, around.io, now=around.now)
    parts = api.Io(around.io, around.ledger, around.registry, around.now, around.ids, downloading=reading)
    return api.create_app(around.identity, parts)


def _reads(around: Around) -> Reads:
    return Reads(
        GROUP, [*around.io.handlers(), *([TakeAttachments(partial(_is_copied, around))] if _copies(around) else [])]
    )


def _rounds(around: Around) -> Sequence[Round]:
    keeping = Keeping(around.ledger, around.objects, now=around.now)
    kept = [Round("io/keeping", keeping.round, EVERY_S)] if _duties(around) else []
    if not _copies(around):
        return kept
    reading = downloading(around.settings, around.ledger, around.objects, around.io, now=around.now)
    arriving = Arriving(around.ledger, around.io.directory, reading, now=around.now)
    return [*kept, Round("io/attachments", arriving.round, _ARRIVING_S, arriving.stop)]


def _erases(around: Around) -> Sequence[Part]:
    ledger, io = around.ledger, around.io
    return [
        EraseDeliveries(ledger),
        EraseModerations(ledger),
        EraseHooks(ledger, around.objects, io.directory, io.journal),
        EraseAttachments(ledger),
        EraseContentDue(ledger),
    ]


def _jobs(around: Around) -> Sequence[JobKind[Any]]:
    followed = topics_of(around)

    async def removed(hooks: Sequence[Document]) -> None:
        """Remove the large bodies of hooks that go."""
        for hook in hooks:
            if isinstance(hook, Hook) and hook.body_object:
                await around.objects.delete(hook.tenant, hook.body_object)

    async def kept() -> list[Kept]:
        """What was not read or settled stays, however old."""
        days, read, own = around.settings.retention_days, await around.io.journal.were_read(), around.own
        return [
            *(
                Kept(
                    Hook, "id", time / timedelta(days=1), {}, (read, Condition("platform", "is", name)), removed=removed
                )
                for name, time in _duties(around).items()
            ),
            Kept(Hook, "id", days.hooks, own("hooks"), (read,), removed=removed),
            Kept(DeadLetter, "at", days.dead_letters, own("dead_letters")),
            Kept(Delivery, "created_at", days.deliveries, own("deliveries"), (_is_in(_SETTLED),)),
            Kept(Moderation, "created_at", days.deliveries, own("deliveries"), (_is_in(_ENDED),)),
            Kept(Job, "finished_at", days.dead_letters, own("dead_letters"), (_is_in(_OVER),)),
        ]

    async def trim() -> int:
        """Trim an event log that does not trim itself."""
        bus = around.ledger.bus
        if not isinstance(bus, Trims):
            return 0
        before = around.now() - timedelta(hours=around.settings.bus_hours)
        return sum([await bus.trim(topic, before) for topic in followed])

    return [retention("io/retention", "io-service", kept, around.ledger, before=trim)]


def topics_of(around: Around) -> tuple[str, ...]:
    """Return all topics: those that are always there, and those of the installed channels."""
    return (*topics.FIXED, *(handler.topic for handler in around.io.handlers()))


def _is_in(states: Sequence[str]) -> Condition:
    return Condition("state", "in", states)


SERVICE = Service(name="io", api=_api, reads=_reads, jobs=_jobs, rounds=_rounds, erases=_erases)
