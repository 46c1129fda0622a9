"""Sends what is queued: each webhook by itself, so that a slow or dead receiver holds up no other.

A delivery is claimed before it is sent, by a change of its document, so two processes do not send it at the same
time; one that is killed in between leaves it to be sent again after a minute, under the same id. Deliveries of one
ticket go one after another: a later one waits until the earlier one has arrived or is given up.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import msgspec
import structlog

from chorally_core.events.ids import derived
from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import Condition, Conflict, Document, Key, Query
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.webhooks import Webhook
from chorally_core.services.log.model import LogEntry
from chorally_core.services.log.webhooks import commands, waits
from chorally_core.services.log.webhooks.calling import GONE, Calling, Came
from chorally_core.services.log.webhooks.model import KEPT_TRIES, Tried, WebhookDelivery, WebhookHealth

log = structlog.get_logger(__name__)

AT_ONCE = 4
"""Calls to one webhook at a time."""
OF_A_TENANT = 16
"""Calls for one tenant at a time."""
CLAIM = timedelta(seconds=60)
"""After this a claimed delivery is taken as left by a killed process; longer than a call."""
_BATCH = 16  # after which the webhook, its secrets and how it fares are read again
_WINDOW = 200
_WINDOWS = 10
_LOOKS_AGAIN = timedelta(seconds=5)
_AFTER_ERROR = timedelta(seconds=30)
_NOTED_EVERY = timedelta(minutes=5)  # that a webhook goes well


class Sending:
    """Serves webhooks, each in a task of its own for as long as something is due."""

    def __init__(
        self,
        ledger: Ledger,
        actions: Actions,
        calling: Calling,
        now: Callable[[], datetime],
        chance: Callable[[], float],
    ) -> None:
        """Prepare.

        Args:
            ledger: Where deliveries lie.
            actions: Disables webhooks, and notes how they fare.
            calling: Makes the calls.
            now: The clock.
            chance: Gives numbers from 0 to 1, for the waits.
        """
        self._ledger = ledger
        self._documents = ledger.documents
        self._actions = actions
        self._calling = calling
        self._now = now
        self._chance = chance
        self._serving: dict[str, asyncio.Task[None]] = {}
        self._quiet: dict[str, datetime] = {}
        self._tenants: dict[str, asyncio.Semaphore] = {}

    def look_at(self, webhook_id: str) -> None:
        """Look at a webhook at once: something was queued for it."""
        self._quiet.pop(webhook_id, None)

    def begin(self, webhooks: Sequence[Webhook]) -> int:
        """Serve those for which something may be due, without waiting for it; return how many these are."""
        now, begun = self._now(), 0
        self._quiet = {name: until for name, until in self._quiet.items() if until > now}
        for webhook in webhooks:
            if webhook.id not in self._serving and webhook.id not in self._quiet:
                task = asyncio.create_task(self._serve(webhook.id), name=f"webhook-{webhook.id}")
                self._serving[webhook.id] = task
                task.add_done_callback(partial(self._done, webhook.id))
                begun += 1
        return begun

    def _done(self, webhook_id: str, _: "asyncio.Task[None]") -> None:
        self._serving.pop(webhook_id, None)

    async def idle(self) -> None:
        """Return once everything that was due has been tried."""
        while self._serving:
            await asyncio.gather(*self._serving.values(), return_exceptions=True)
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Break off; what was under way is sent again later."""
        for task in self._serving.values():
            task.cancel()
        await self.idle()

    async def _serve(self, webhook_id: str) -> None:
        """Send what is due for one webhook until nothing is."""
        try:
            while True:
                webhook = await self._documents.get(Webhook, webhook_id)
                if webhook is None or not webhook.enabled:
                    return
                health = await self._documents.get(WebhookHealth, webhook_id)
                now = self._now()
                if health is not None and health.held_until is not None and health.held_until > now:
                    self._quiet[webhook_id] = min(health.held_until, now + _LOOKS_AGAIN)
                    return
                ready = await self._ready(webhook)
                if not ready:
                    self._quiet[webhook_id] = now + _LOOKS_AGAIN
                    return
                is_held = health is not None and health.failures >= waits.HOLDS_AFTER
                await self._send(webhook, ready[: 1 if is_held else _BATCH])
        except Exception as error:
            log.error("a webhook could not be served", webhook_id=webhook_id, exc_info=error)
            self._quiet[webhook_id] = self._now() + _AFTER_ERROR

    async def _ready(self, webhook: Webhook) -> list[WebhookDelivery]:
        """The deliveries that are due, the first of each key, unless an earlier one of it still waits."""
        where = (Condition("webhook_id", "is", webhook.id), Condition("state", "is", "waiting"))
        now, seen, ready = self._now(), set[str](), list[WebhookDelivery]()
        after: tuple[int, str] | None = None
        for _ in range(_WINDOWS):
            query = Query(WebhookDelivery, webhook.tenant, where, order="place", limit=_WINDOW, after=after)
            found: list[WebhookDelivery] = await self._documents.find(query)
            for delivery in found:
                if delivery.order_key not in seen and delivery.due_at <= now:
                    ready.append(delivery)
                seen.add(delivery.order_key)
            if ready or len(found) < _WINDOW:
                break
            after = (found[-1].place, found[-1].id)
        return ready

    async def _send(self, webhook: Webhook, deliveries: Sequence[WebhookDelivery]) -> None:
        own = asyncio.Semaphore(AT_ONCE)
        of_tenant = self._tenants.setdefault(webhook.tenant, asyncio.Semaphore(OF_A_TENANT))

        async def one(delivery: WebhookDelivery) -> None:
            async with own, of_tenant:
                await self._one(webhook, delivery)

        async with asyncio.TaskGroup() as group:
            for delivery in deliveries:
                group.create_task(one(delivery))

    async def _one(self, webhook: Webhook, delivery: WebhookDelivery) -> None:
        """Claim one, send it, and keep what came of it."""
        now = self._now()
        if now - delivery.begun_at >= waits.GIVES_UP:
            await self._keep(msgspec.structs.replace(delivery, state="failed"))
            return
        claimed = msgspec.structs.replace(delivery, due_at=now + CLAIM, attempts=delivery.attempts + 1)
        if not await self._keep(claimed):
            return
        entry = await self._documents.get(LogEntry, delivery.log_id)
        if entry is None:
            tried = Tried(now, 0, error="the entry of the history is not kept any more")
            await self._keep(msgspec.structs.replace(claimed, state="failed", tries=_with(claimed, tried)))
            return
        came = await self._calling.call(webhook, entry, delivery.id)
        await self._keep(self._after(claimed, came))
        await self._note(webhook, came)

    def _after(self, claimed: WebhookDelivery, came: Came) -> WebhookDelivery:
        now, tries = self._now(), _with(claimed, came.tried)
        if came.went_well:
            return msgspec.structs.replace(claimed, state="delivered", delivered_at=now, due_at=now, tries=tries)
        due_at = now + waits.next_wait(claimed.attempts, self._chance(), came.asked)
        return msgspec.structs.replace(claimed, due_at=due_at, tries=tries)

    async def _keep(self, delivery: WebhookDelivery) -> bool:
        """Store a delivery; False where it has changed meanwhile, as by another process or a replay."""
        try:
            await self._ledger.commit(Work([Step.of([delivery])]))
        except Conflict:
            log.debug("a delivery was changed meanwhile", delivery_id=delivery.id)
            return False
        return True

    async def _note(self, webhook: Webhook, came: Came) -> None:
        """Note how the webhook fares, and disable one that is gone or has failed for days."""
        now, chance = self._now(), self._chance()
        keys = [Key.by_id(Webhook, webhook.id), Key.by_id(WebhookHealth, webhook.id)]
        known = await self._documents.get(WebhookHealth, webhook.id)
        is_well = known is not None and not known.failures and known.succeeded_at is not None
        if came.went_well and is_well and known is not None and now - (known.succeeded_at or now) < _NOTED_EVERY:
            return

        def noted(found: Found) -> Change:
            if found.get(Webhook, webhook.id) is None:
                return NOTHING
            return Change((_fares(found.get(WebhookHealth, webhook.id), webhook, came, now, chance),))

        await self._actions.act(keys, noted)

        def judged(found: Found) -> Change:
            current, health = found.get(Webhook, webhook.id), found.get(WebhookHealth, webhook.id)
            if current is None or health is None or current.url != webhook.url:
                return NOTHING
            cause = derived("webhook-disabled", webhook.id, webhook.since.isoformat())
            if came.tried.status == GONE:
                return commands.disable(current, "the receiver answered 410 Gone", at=now, cause=cause)
            if waits.is_given_up(health.failures, health.failing_since, now):
                why = f"it failed for {waits.GIVES_UP.days} days: {came.tried.error}"
                return commands.disable(current, why, at=now, cause=cause)
            return NOTHING

        if not came.went_well:
            await self._actions.act(keys, judged)


def _fares(known: WebhookHealth | None, webhook: Webhook, came: Came, now: datetime, chance: float) -> Document:
    """How a webhook fares after a call."""
    before = known or WebhookHealth(id=webhook.id, tenant=webhook.tenant)
    if came.went_well:
        return msgspec.structs.replace(before, failures=0, failing_since=None, held_until=None, succeeded_at=now)
    failures = before.failures + 1
    held = waits.hold(failures, chance)
    return msgspec.structs.replace(
        before,
        failures=failures,
        failing_since=before.failing_since or now,
        held_until=None if held is None else now + held,
    )


def _with(delivery: WebhookDelivery, tried: Tried) -> tuple[Tried, ...]:
    return (*delivery.tries, tried)[-KEPT_TRIES:]
