"""Queues what happened for the webhooks that are told of it, behind the flow.

The history is read in the order of its arrival, from where it was read last; so nothing waits for a webhook, and
where no tenant has one, one question every second is all that it costs.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
import structlog

from chorally_core.events.ids import before
from chorally_core.ports.documents import ARRIVAL, Condition, Conflict, Documents, Key, Query
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.webhooks import Webhook, delivery_id
from chorally_core.services.log.model import LogEntry
from chorally_core.services.log.webhooks import commands
from chorally_core.services.log.webhooks.fitting import fits, is_asked_for
from chorally_core.services.log.webhooks.model import WebhookDelivery, WebhookFeed, WebhookReplay

log = structlog.get_logger(__name__)

_STEP = 200
_PAGES = 25  # of one tenant at a time, so that others have their turn


class Queueing:
    """Makes deliveries of entries; done twice at the same time it makes them once."""

    def __init__(self, ledger: Ledger, now: Callable[[], datetime], queued: Callable[[str], None]) -> None:
        """Prepare.

        Args:
            ledger: Where the history lies, and deliveries go.
            now: The clock.
            queued: Told the id of each webhook that something was queued for.
        """
        self._ledger = ledger
        self._documents: Documents = ledger.documents
        self._now = now
        self._queued = queued

    async def once(self, webhooks: Sequence[Webhook]) -> int:
        """Queue what has come for these webhooks, and what shall be told again; return how much that was."""
        done = 0
        by_tenant: dict[str, list[Webhook]] = {}
        for webhook in webhooks:
            by_tenant.setdefault(webhook.tenant, []).append(webhook)
        for tenant, own in by_tenant.items():
            try:
                done += await self._tenant(tenant, own)
            except Conflict:
                log.debug("another process queues for the same tenant", tenant=tenant)
            except Exception as error:  # of one tenant; the others have their turn all the same
                log.error("webhooks of a tenant could not be queued for", tenant=tenant, exc_info=error)
        return done + await self._replays({webhook.id: webhook for webhook in webhooks})

    async def _tenant(self, tenant: str, webhooks: Sequence[Webhook]) -> int:
        done = 0
        for _ in range(_PAGES):
            feed = await self._documents.get(WebhookFeed, tenant) or WebhookFeed(id=tenant, tenant=tenant)
            entries = await self._next(feed)
            if not entries:
                break
            new = [
                self._delivery(webhook, entry, feed.count + number)
                for number, (entry, webhook) in enumerate(
                    ((entry, webhook) for entry in entries for webhook in webhooks if fits(webhook, entry)), 1
                )
            ]
            further = msgspec.structs.replace(feed, read=entries[-1].id, count=feed.count + len(new))
            await self._ledger.commit(Work([Step.of([*new, further])]))
            for delivery in new:
                self._queued(delivery.webhook_id)
            done += len(new)
            if len(entries) < _STEP:
                break
        return done

    async def _next(self, feed: WebhookFeed) -> list[LogEntry]:
        after = (None, feed.read) if feed.read else None
        query = Query(LogEntry, feed.tenant, order=ARRIVAL, after=after, limit=_STEP)
        try:
            found: list[LogEntry] = await self._documents.find(query)
        except LookupError:  # it is so old that it is kept no more: only what happened after it can be new
            newer = (Condition("id", ">", feed.read),)
            found = await self._documents.find(query._replace(where=newer, after=None))
        return found

    def _delivery(self, webhook: Webhook, entry: LogEntry, place: int, replay: str = "") -> WebhookDelivery:
        at = self._now()
        return WebhookDelivery(
            id=delivery_id(webhook.id, entry.id),
            tenant=entry.tenant,
            webhook_id=webhook.id,
            log_id=entry.id,
            what=entry.what,
            order_key=entry.ticket_id or entry.subject_id,
            place=place,
            due_at=at,
            created_at=at,
            begun_at=at,
            replay=replay,
            ticket_id=entry.ticket_id,
            author_id=entry.author_id,
        )

    async def _replays(self, webhooks: dict[str, Webhook]) -> int:
        done = 0
        query = Query(WebhookReplay, None, (Condition("open", "is", True),))
        for replay in await self._documents.find(query):
            try:
                done += await self._replay(replay, webhooks.get(replay.webhook_id))
            except Conflict:  # the webhook is just being served, or another process does the same
                log.debug("a replay is taken up again", replay_id=replay.id)
            except Exception as error:
                log.error("a replay could not go on", replay_id=replay.id, exc_info=error)
        return done

    async def _replay(self, replay: WebhookReplay, webhook: Webhook | None) -> int:
        """Queue the next part of a replay; one whose webhook is disabled waits, one whose webhook is gone ends."""
        if webhook is None:
            if await self._documents.get(Webhook, replay.webhook_id) is None:
                await self._ledger.commit(Work([Step.of([msgspec.structs.replace(replay, open=None)])]))
            return 0
        where = [Condition("id", "<", before(replay.until))]
        where.append(Condition("id", ">", replay.read) if replay.read else Condition("id", ">=", before(replay.since)))
        query = Query(LogEntry, replay.tenant, tuple(where), limit=_STEP)
        entries: list[LogEntry] = await self._documents.find(query)
        wanted = [entry for entry in entries if is_asked_for(webhook, entry)]
        feed = await self._documents.get(WebhookFeed, replay.tenant) or WebhookFeed(
            id=replay.tenant, tenant=replay.tenant
        )
        keys = [Key.by_id(WebhookDelivery, delivery_id(webhook.id, entry.id)) for entry in wanted]
        known = await self._documents.load(keys)
        steps: list[Step] = []
        for place, (key, entry) in enumerate(zip(keys, wanted, strict=True), feed.count + 1):
            old = known.get(key)
            if not isinstance(old, WebhookDelivery):
                steps.append(Step.of([self._delivery(webhook, entry, place, replay.id)]))
            elif old.state != "waiting" and old.replay != replay.id:
                steps.append(Step.of([commands.again(old, at=self._now(), replay=replay.id, place=place)]))
        further = msgspec.structs.replace(
            replay,
            read=entries[-1].id if entries else replay.read,
            count=replay.count + len(steps),
            open=True if len(entries) == _STEP else None,
        )
        counted = msgspec.structs.replace(feed, count=feed.count + len(wanted))
        await self._ledger.commit(Work([*steps, Step.of([counted]), Step.of([further])]))
        self._queued(webhook.id)
        return len(steps)
