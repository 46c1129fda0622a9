"""Makes deliveries visible: claim, call, record; and resolves what is not known to have happened.

Each account has a task of its own, so that no account holds up another. A claim is durable before the
call. Whatever happens between the call and its record leaves the delivery ``unconfirmed``.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import msgspec
import structlog

import chorally_sdk as sdk
from chorally_core.events import Event, LogAdd
from chorally_core.events.records import ActorKind
from chorally_core.ports.documents import Condition, Conflict, Query
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.refused import Refused
from chorally_core.ports.secrets import Vault
from chorally_core.services.io import deliver
from chorally_core.services.io.directory import Directory, replies
from chorally_core.services.io.health import HealthBook
from chorally_core.services.io.inbound import Inbound
from chorally_core.services.io.model import OPEN, Account, Delivery, Held
from chorally_core.services.io.refusal import is_late, refusal

log = structlog.get_logger(__name__)

_CALL_S = 60.0  # seconds that a visible call may take in all
_ROUNDS = 5  # claims and searches after which a delivery that never appears is left to a person


class Outbox:
    """Carries out the deliveries of all accounts."""

    def __init__(
        self,
        ledger: Ledger,
        directory: Directory,
        inbound: Inbound,
        vault: Vault,
        health: HealthBook,
        *,
        now: Callable[[], datetime],
        on_refused: Callable[[Account, sdk.ConnectorError], Awaitable[None]],
        call_s: float = _CALL_S,
    ) -> None:
        """Prepare to deliver.

        Args:
            ledger: Where states become durable.
            directory: Makes the connectors.
            inbound: Takes up what was held until a push settled.
            vault: Opens routes.
            health: Is told how it goes.
            now: The clock.
            on_refused: Told when the platform refuses an account's token.
            call_s: Seconds that one visible call may take.
        """
        self._ledger = ledger
        self._directory = directory
        self._inbound = inbound
        self._vault = vault
        self._health = health
        self._now = now
        self._on_refused = on_refused
        self._call_s = call_s
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._paused_until: dict[str, datetime] = {}

    def wake(self) -> None:
        """Look for what is due, now."""
        self._wake.set()

    async def recover(self) -> None:
        """Take what a dead process had claimed as not known to have happened."""
        where = (Condition("next_at", "present"), Condition("state", "is", "sending"))
        while found := await self._ledger.documents.find(Query(Delivery, None, where, limit=500)):
            for delivery in found:
                settles = self._limits(delivery).settles
                why = "the process ended during the call"
                await self._record(delivery, deliver.unknown(delivery, why, self._now(), settles))

    async def run(self, idle_s: float = 0.5) -> None:
        """Deliver until cancelled."""
        try:
            while True:
                self._wake.clear()
                try:
                    await self.dispatch()
                    await self.release_held()
                except Exception as error:  # such as a full disk: the next look may go well
                    log.error("deliveries could not be looked at", exc_info=error)
                try:
                    async with asyncio.timeout(idle_s):  # wait_for of Python 3.11 may swallow a cancellation
                        await self._wake.wait()
                except TimeoutError:
                    continue
        finally:
            for task in self._busy.values():
                task.cancel()
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def dispatch(self) -> int:
        """Start the tasks of accounts that have something due; return how many are due."""
        now = self._now()
        where = (Condition("next_at", "<=", now), Condition("state", "in", ("queued", "unconfirmed")))
        due = await self._ledger.documents.find(Query(Delivery, None, where, order="next_at", limit=1000))
        by_account: dict[str, list[Delivery]] = defaultdict(list)
        for delivery in due:
            by_account[delivery.account_id].append(delivery)
        for account_id, deliveries in by_account.items():
            if account_id in self._busy or self._paused_until.get(account_id, now) > now:
                continue
            account = self._directory.accounts.get(account_id)
            if account is None or account.state == "disconnected":
                for delivery in deliveries:
                    await self._give_up(delivery, "the account is disconnected; connect it and send again")
            elif account.state != "reauthorization_required":
                task = asyncio.create_task(self._work(account, deliveries), name=f"deliver:{account_id}")
                self._busy[account_id] = task
                task.add_done_callback(partial(self._finished, account_id))
        return sum(len(deliveries) for deliveries in by_account.values())

    def _finished(self, account_id: str, _: asyncio.Task[None]) -> None:
        self._busy.pop(account_id, None)
        self._wake.set()

    async def idle(self) -> None:
        """Wait until no account's task runs."""
        while self._busy:
            await asyncio.gather(*self._busy.values(), return_exceptions=True)

    async def _work(self, account: Account, deliveries: list[Delivery]) -> None:
        for delivery in sorted(deliveries, key=lambda d: (d.created_at, d.id)):
            try:
                await self.carry_out(account, delivery)
            except Conflict:
                log.info("delivery changed meanwhile", delivery_id=delivery.id)
            except Exception as error:
                log.error("delivery failed unexpectedly", delivery_id=delivery.id, exc_info=error)
                return
            if self._paused_until.get(account.id, self._now()) > self._now():
                return

    async def carry_out(self, account: Account, delivery: Delivery) -> None:
        """Take one delivery one step further: make its visible call, or resolve an earlier one."""
        connector = self._directory.connector(account)
        if delivery.state == "unconfirmed":
            await self._resolve(account, connector, delivery)
            return
        if no := refusal(delivery, connector, self._now()):
            await self._record(delivery, deliver.failed(delivery, str(no), self._now(), reason=no.reason))
            return
        if await self._twin_is_open(delivery):
            wait = timedelta(seconds=2)
            why = "an equal answer to the same message is not confirmed yet"
            await self._record(delivery, deliver.released(delivery, self._now(), wait, why), tell=False)
            return
        await self._push(account, connector, delivery)

    async def _twin_is_open(self, delivery: Delivery) -> bool:
        """Whether an equal text to the same target is unconfirmed: a search could not tell the two apart."""
        where = (Condition("account_id", "is", delivery.account_id), Condition("state", "in", sorted(OPEN)))
        for other in await self._ledger.documents.find(Query(Delivery, delivery.tenant, where, limit=1000)):
            same = (other.body, other.in_reply_to) == (delivery.body, delivery.in_reply_to)
            if same and other.id != delivery.id and other.state in ("unconfirmed", "sending"):
                return True
        return False

    async def _push(self, account: Account, connector: sdk.Connector, delivery: Delivery) -> None:
        claim = deliver.claimed(delivery, self._now())
        await self._ledger.commit(Work([Step.of([claim])]))
        limits = self._limits(delivery)
        try:
            with sdk.visible_call():
                async with asyncio.timeout(self._call_s):
                    receipt = await replies(connector).push(self._outgoing(claim, limits))
        except sdk.RateLimited as error:
            await self._record(claim, deliver.released(claim, self._now(), error.wait, str(error)), tell=False)
            self._paused_until[account.id] = self._now() + (error.wait or timedelta(minutes=1))
        except sdk.RetryLater as error:
            self._health.erred(account, str(error))
            await self._record(claim, deliver.released(claim, self._now(), error.wait, str(error)), tell=False)
        except sdk.Reauthorize as error:
            await self._record(claim, deliver.released(claim, self._now(), timedelta(0), str(error)), tell=False)
            await self._on_refused(account, error)
        except (sdk.Rejected, sdk.Unsupported) as error:
            reason = error.reason if isinstance(error, sdk.Rejected) else sdk.Reason.INVALID
            await self._record(claim, deliver.failed(claim, str(error), self._now(), reason=reason))
            if reason is sdk.Reason.PERMISSION:
                await self._on_refused(account, error)
        except Exception as error:  # whatever else happens, the call may have been made
            why = str(error) if isinstance(error, sdk.ConnectorError) else f"{type(error).__name__} during the call"
            self._health.erred(account, why)
            await self._record(claim, deliver.unknown(claim, why, self._now(), limits.settles))
            log.warning("outcome unknown", delivery_id=delivery.id, error=why)
        else:
            self._health.worked(account)
            await self._record(claim, deliver.received(claim, receipt, self._now()))

    async def _resolve(self, account: Account, connector: sdk.Connector, delivery: Delivery) -> None:
        """Find out whether a visible call happened."""
        limits = self._limits(delivery)
        now = self._now()
        tried = delivery.tried_at or delivery.created_at
        if limits.dedupe == "native_key" and (limits.dedupe_for is None or now - tried < limits.dedupe_for):
            await self._push(account, connector, delivery)
            return
        if not isinstance(connector, sdk.Finds):
            why = "it is not known whether the platform made this visible; look there, then settle it by hand"
            await self._record(delivery, deliver.in_doubt(delivery, why))
            return
        try:
            async with asyncio.timeout(self._call_s):
                receipt = await connector.find(self._outgoing(delivery, limits))
        except (sdk.OutcomeUnknown, sdk.Rejected, sdk.Unsupported) as error:  # asking again would not tell more
            await self._record(delivery, deliver.in_doubt(delivery, str(error)))
        except sdk.Reauthorize as error:
            await self._record(delivery, deliver.later(delivery, now, None, str(error)), tell=False)
            await self._on_refused(account, error)
        except Exception as error:
            wait = error.wait if isinstance(error, sdk.RetryLater) else None
            why = str(error) or type(error).__name__
            await self._record(delivery, deliver.later(delivery, now, wait, why), tell=False)
        else:
            if receipt is not None and not await self._belongs_to_another(delivery, receipt):
                await self._record(delivery, deliver.received(delivery, receipt, self._now()))
            elif min(delivery.attempts, delivery.searches + 1) >= _ROUNDS:
                why = f"tried {delivery.attempts} times, and the platform never shows it; look there, then settle it"
                await self._record(delivery, deliver.in_doubt(delivery, why))
            else:
                await self._record(delivery, deliver.absent(delivery, self._now()), tell=False)

    async def _belongs_to_another(self, delivery: Delivery, receipt: sdk.Receipt) -> bool:
        """Whether what was found is an equal answer that is already accounted for."""
        if receipt.external_id is None:
            return False
        key = Delivery.external_key_of(delivery.account_id, delivery.channel, receipt.external_id)
        other = await self._ledger.documents.get(Delivery, key, "external_key")
        return other is not None and other.id != delivery.id

    async def settle(
        self, delivery: Delivery, *, external_id: str | None, actor: tuple[ActorKind, str] = ("service", "")
    ) -> Delivery:
        """Record what a person found out: the external id of what was made, or that nothing was.

        Raises:
            Refused: The outcome is not in doubt, or the external id is another delivery's.
            Conflict: The delivery was settled meanwhile.
        """
        if delivery.state != "unconfirmed":
            why = f"the delivery is {delivery.state}, its outcome is not in doubt"
            raise Refused("conflict", "delivery-not-unconfirmed", why)
        if external_id is None:
            settled = deliver.failed(delivery, "a person found that it was not made", self._now())
        else:
            key = Delivery.external_key_of(delivery.account_id, delivery.channel, external_id)
            other = await self._ledger.documents.get(Delivery, key, "external_key")
            if other is not None and other.id != delivery.id:
                why = f"that external id is the delivery {other.id}'s"
                raise Refused("conflict", "external-id-taken", why, "external_id")
            settled = deliver.confirmed(delivery, external_id, self._now())
        await self._record(delivery, settled, [deliver.told("delivery_settled", settled, actor, self._now())])
        return settled

    async def retry(self, delivery: Delivery, *, actor: tuple[ActorKind, str] = ("service", "")) -> Delivery:
        """Try a failed delivery anew.

        Raises:
            Refused: It has not failed.
            Conflict: The delivery was changed meanwhile.
        """
        if delivery.state != "failed":
            why = f"the delivery is {delivery.state}; only a failed one can be tried again"
            raise Refused("conflict", "delivery-not-failed", why)
        queued = deliver.requeued(delivery, self._now())
        await self._record(delivery, queued, [deliver.told("delivery_retried", queued, actor, self._now())])
        self.wake()
        return queued

    async def _give_up(self, delivery: Delivery, why: str) -> None:
        try:
            if delivery.state == "unconfirmed":
                await self._record(delivery, deliver.in_doubt(delivery, why))
            else:
                await self._record(delivery, deliver.failed(delivery, why, self._now(), reason=sdk.Reason.INVALID))
        except Conflict:
            log.info("delivery changed meanwhile", delivery_id=delivery.id)

    async def _record(
        self, before: Delivery, after: Delivery, facts: Sequence[Event[LogAdd]] = (), *, tell: bool = True
    ) -> None:
        """Store a state over the one it follows, and tell of it."""
        msgspec.structs.force_setattr(after, "version", before.version)
        events = [deliver.reconcile(after, self._now())] if tell else []
        await self._ledger.commit(Work([Step.of([after], [*events, *facts])]))
        if after.state not in OPEN:
            await self.release_held(after.account_id)

    async def release_held(self, account_id: str | None = None) -> None:
        """Take up what was held while pushes were open; what must still wait is held again."""
        where = (Condition("account_id", "is", account_id),) if account_id else ()
        for held in await self._ledger.documents.find(Query(Held, None, where, limit=500)):
            account = self._directory.accounts.get(held.account_id)
            if account is None:
                await self._ledger.documents.delete(Held, [held.id])
                continue
            manifest = self._directory.connectors[account.platform].manifest
            event = self._inbound.held_event(held)
            async with self._ledger.turn():
                came = await self._inbound.translate(account, manifest, [event], held.received_at)
                if any(isinstance(document, Held) for document in came.writes):
                    continue
                await self._ledger.commit(Work([Step.of(came.writes, came.events, [held])]))
            self._inbound.published()

    def _limits(self, delivery: Delivery) -> sdk.Limits:
        connector = self._directory.connectors.get(delivery.platform)
        if connector is None:
            return sdk.Limits()
        try:
            return connector.manifest.channel(delivery.channel).actions.get("reply") or sdk.Limits()
        except LookupError:
            return sdk.Limits()

    def _outgoing(self, delivery: Delivery, limits: sdk.Limits) -> sdk.OutboundMessage:
        attachments = tuple(
            sdk.Attachment.model_validate({**msgspec.structs.asdict(attached)}) for attached in delivery.attachments
        )
        return sdk.OutboundMessage(
            id=delivery.id,
            client_ref=delivery.client_ref,
            channel=delivery.channel,
            body=delivery.body,
            attachments=attachments,
            tried_at=delivery.tried_at,
            conversation_id=delivery.conversation_id,
            in_reply_to=delivery.in_reply_to,
            to=delivery.to,
            route=self._vault.open(delivery.route) if delivery.route else {},
            late=is_late(delivery, limits, self._now()),
        )
