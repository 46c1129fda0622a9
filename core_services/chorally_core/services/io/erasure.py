"""The I/O service's part of an erasure: what goes out to the person, and raw webhooks that mention them.

A raw webhook may carry others' messages as well. They were read long ago, and only its raw form goes; one
that is not read yet is left for the second round.
"""

from datetime import timedelta

import msgspec

import chorally_sdk as sdk
from chorally_core.events import topics
from chorally_core.events.ids import author_id, before, derived
from chorally_core.ports.bus import Erases
from chorally_core.ports.documents import Condition, Query
from chorally_core.ports.erasure import Erasure
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.objects import Objects
from chorally_core.ports.parking import DeadLetter
from chorally_core.services.io import deliver
from chorally_core.services.io.arriving import AttachmentDue
from chorally_core.services.io.directory import INSTALLATION, Directory, receives
from chorally_core.services.io.inbound import scope_of
from chorally_core.services.io.journal import Journal
from chorally_core.services.io.keeping import ContentDue
from chorally_core.services.io.model import Account, Delivery, Hook, Lane, Moderation

_STEP = 100
_HOOKS = 50

_WHY = "the person was erased"


class EraseDeliveries:
    """Goes through what went out to the person, or is on its way."""

    name = "deliveries"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def step(self, erasure: Erasure, place: str) -> str | None:
        """Erase at most 100 deliveries; a place is the last one done."""
        where = (Condition("key", "contains", erasure.id), Condition("created_at", "<=", erasure.at))
        query = Query(Delivery, erasure.tenant, where, limit=_STEP, after=(None, place) if place else None)
        found: list[Delivery] = await self._ledger.documents.find(query)
        steps = [step for delivery in found if (step := _without_content(delivery, erasure)) is not None]
        if steps:
            await self._ledger.commit(Work(steps))
        return found[-1].id if len(found) == _STEP else None


def _without_content(delivery: Delivery, erasure: Erasure) -> Step | None:
    """What is left of a delivery: one that waits is given up, one under way is left for the second round."""
    if delivery.state == "sending" or not delivery.key.startswith(erasure.key):
        return None
    erased = msgspec.structs.replace(
        delivery,
        body="",
        attachments=(),
        route="",
        to=None,
        conversation_id=None,
        in_reply_to=None,
        receipt={},
        template=None,
        options={},
    )
    if delivery.state == "queued":
        erased = deliver.failed(erased, _WHY, erasure.at, reason=sdk.Reason.GONE)
        return Step.of([erased], [deliver.reconcile(erased, erasure.at)])
    if delivery.state == "unconfirmed" and not delivery.needs_person:
        erased = deliver.in_doubt(erased, _WHY)
    return None if erased == delivery else Step.of([erased])


class EraseModerations:
    """Goes through what was done to the person's messages; what is still to be done goes on, and is left till later."""

    name = "moderations"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def step(self, erasure: Erasure, place: str) -> str | None:
        """Empty at most 100 of them; a place is the last one done."""
        where = (Condition("key", "contains", erasure.id), Condition("created_at", "<=", erasure.at))
        query = Query(Moderation, erasure.tenant, where, limit=_STEP, after=(None, place) if place else None)
        found: list[Moderation] = await self._ledger.documents.find(query)
        steps = []
        for one in found:
            erased = msgspec.structs.replace(one, external_id="", conversation_id=None, targets=(), error="")
            if one.state != "queued" and one.key.startswith(erasure.key) and erased != one:
                steps.append(Step.of([erased]))
        if steps:
            await self._ledger.commit(Work(steps))
        return found[-1].id if len(found) == _STEP else None


class EraseAttachments:
    """Goes through the person's files that are still to be copied; copies that were made are files."""

    name = "attachments"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def step(self, erasure: Erasure, place: str) -> str | None:
        """Forget at most 100 of them; a place is the last one done."""
        where = (Condition("author_id", "is", erasure.id),)
        query = Query(AttachmentDue, erasure.tenant, where, limit=_STEP, after=(None, place) if place else None)
        found: list[AttachmentDue] = await self._ledger.documents.find(query)
        await self._ledger.documents.delete(AttachmentDue, [due.id for due in found if due.said_at <= erasure.at])
        return found[-1].id if len(found) == _STEP else None


class EraseContentDue:
    """Goes through the notes of when the person's words must go: they are gone now."""

    name = "content-due"

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def step(self, erasure: Erasure, place: str) -> str | None:
        """Remove at most 100 notes; a place is the last one done."""
        where = (Condition("key", "contains", erasure.id),)
        query = Query(ContentDue, erasure.tenant, where, limit=_STEP, after=(None, place) if place else None)
        found: list[ContentDue] = await self._ledger.documents.find(query)
        theirs = [due.id for due in found if due.key.startswith(erasure.key) and due.came_at <= erasure.at]
        await self._ledger.documents.delete(ContentDue, theirs)
        return found[-1].id if len(found) == _STEP else None


class EraseHooks:
    """Goes through the journal, reads each webhook of the person's platform again, and empties those about them."""

    name = "hooks"

    def __init__(self, ledger: Ledger, objects: Objects, directory: Directory, journal: Journal) -> None:
        self._ledger = ledger
        self._objects = objects
        self._directory = directory
        self._journal = journal

    async def step(self, erasure: Erasure, place: str) -> str | None:
        """Read at most 50 webhooks; a place is the last one done."""
        where = (
            Condition("tenant", "in", (erasure.tenant, INSTALLATION)),
            Condition("platform", "is", erasure.platform),
            Condition("id", ">", place or before(erasure.since)),
            Condition("id", "<", before(erasure.at + timedelta(milliseconds=1))),
        )
        found: list[Hook] = await self._ledger.documents.find(Query(Hook, None, where, limit=_HOOKS))
        read = {lane: await self._read_upto(lane) for lane in {hook.lane for hook in found}}
        for hook in found:
            if hook.id <= read[hook.lane] and hook.erased_at is None and await self._mentions(hook, erasure):
                await self._empty(hook, erasure)
        return found[-1].id if len(found) == _HOOKS else None

    async def _read_upto(self, lane: str) -> str:
        position = await self._ledger.documents.get(Lane, lane)
        return position.upto if position is not None else ""

    async def _mentions(self, hook: Hook, erasure: Erasure) -> bool:
        connector = self._directory.connectors.get(hook.platform)
        if connector is None:
            return False
        raw = None
        try:
            raw = await self._journal.raw(hook)
            events = receives(self._directory.bare(hook.platform)).parse(raw)
        except Exception:  # a webhook that cannot be read: what it holds is searched for the person's id
            body = raw.body if raw is not None else b""
            return bool(erasure.external_id) and erasure.external_id.encode() in body
        return any(self._is_about(event, hook, connector.manifest, erasure) for event in events)

    def _is_about(self, event: sdk.Event, hook: Hook, manifest: sdk.Manifest, erasure: Erasure) -> bool:
        ids = _people(event)
        if not ids:
            return False
        channel = event.channel if isinstance(event, sdk.Message) else manifest.channels[0].name
        scope = manifest.channel(channel).id_scope
        for account in self._accounts(event, hook, erasure):
            within = scope_of(account, scope)
            if any(author_id(account.tenant, account.platform, within, name) == erasure.id for name in ids):
                return True
        return False

    def _accounts(self, event: sdk.Event, hook: Hook, erasure: Erasure) -> list[Account]:
        """The tenant's accounts that an event is about, also those that were disconnected since."""
        return [
            account
            for account in self._directory.accounts.values()
            if account.tenant == erasure.tenant
            and account.platform == erasure.platform
            and (account.id == hook.account_id if event.account is None else account.external_id == event.account)
        ]

    async def _empty(self, hook: Hook, erasure: Erasure) -> None:
        if hook.body_object:
            await self._objects.delete(hook.tenant, hook.body_object)
        emptied = msgspec.structs.replace(hook, body=b"", body_object="", query={}, headers={}, erased_at=erasure.at)
        await self._ledger.commit(Work([Step.of([emptied])]))
        await self._ledger.documents.delete(DeadLetter, [derived("dead-hook", hook.id)])
        if isinstance(self._ledger.bus, Erases):
            await self._ledger.bus.erase(topics.DEAD_LETTERS, [hook.id])


def _people(event: sdk.Event) -> list[str]:
    """The platform's ids of the people whom an event mentions; a chat often bears the id of its person."""
    match event:
        case sdk.Message():
            return [event.conversation_id, *([event.author.external_id] if event.author is not None else ())]
        case sdk.Mark(conversation_id=str(conversation)):
            return [conversation]
        case sdk.Notice(external_id=str(person)):
            return [person]
    return []
