"""Makes deliveries visible: claim, call, record; and resolves what is not known to have happened.

Each account has a task of its own, so that no account holds up another. A claim is durable before the
call. Whatever happens between the call and its record leaves the delivery ``unconfirmed``.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

import msgspec
import structlog

import chorally_sdk as sdk
from chorally_core.ports.documents import Condition, Conflict, Query
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.reaching import Unwanted, never_unwanted
from chorally_core.ports.secrets import Vault
from chorally_core.services.io import deliver
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.health import HealthBook
from chorally_core.services.io.held import HeldBack
from chorally_core.services.io.inbound import Inbound
from chorally_core.services.io.left import BEGUN_WITHIN_S, LeftBehind
from chorally_core.services.io.model import EARLIER_PART, OPEN, Account, Delivery
from chorally_core.services.io.moderating import Moderating
from chorally_core.services.io.outgoing import check_able, limits_of, made_visible, outgoing, traced
from chorally_core.services.io.parts import Parts, pieces
from chorally_core.services.io.people import People
from chorally_core.services.io.precedence import goes_first
from chorally_core.services.io.preparing import Preparing
from chorally_core.services.io.recording import Recording
from chorally_core.services.io.refusal import refusal
from chorally_core.services.io.resolving import Resolving, look_after
from chorally_sdk.http.budgets import lane

log = structlog.get_logger(__name__)

_CALL_S = 60.0  # seconds that a visible call may take in all
_MOST = 500  # deliveries that a look takes
_TURN_S = 5.0  # that an account's deliveries are carried out before others of it may go first
_RESOLVED = ("unconfirmed", "accepted")
_LOOK_BACK_S = 5.0  # between looks for claims of processes that are gone
_TROUBLE = timedelta(seconds=10)  # that an account rests after an error that no platform is to blame for
_LAST_CALL_S = 8.0  # seconds that calls under way are given at the end, less than supervisors wait


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
        is_mine: Callable[[str], bool] = lambda account_id: True,
        wake_others: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
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
            is_mine: Whether this process serves an account now; it begins no call for others.
            wake_others: Has the processes that deliver look.
            monotonic: Seconds that only grow.
        """
        self._ledger = ledger
        self.unwanted: Unwanted = never_unwanted
        self._directory = directory
        self._held = HeldBack(ledger, directory, inbound, is_mine=is_mine)
        self._recording = Recording(ledger, now=now)
        self._record = self._recording.record
        self._left = LeftBehind(ledger.documents, call_s=call_s, monotonic=monotonic)
        self._parts = Parts(ledger)
        self._preparing = Preparing(
            self._recording.record, now=now, call_s=call_s, on_refused=on_refused, pause=self._pause,
            outgoing=lambda delivery: self._outgoing(delivery, self._limits(delivery)),
        )  # fmt: skip
        self._resolving = Resolving(
            ledger.documents, self._recording.record, now=now, call_s=call_s, on_refused=on_refused, again=self._push,
            outgoing=lambda delivery: self._outgoing(delivery, self._limits(delivery)), limits=self._limits,
        )  # fmt: skip
        self.moderating = Moderating(
            ledger, directory, vault, health, now=now, on_refused=on_refused, call_s=call_s, is_mine=is_mine,
            on_done=self.look,
        )  # fmt: skip
        people = People(ledger, self._recording, self._parts, now=now, wake=self.wake)
        self.settle, self.retry = people.settle, people.retry
        self._is_mine = is_mine
        self._wake_others = wake_others
        self._monotonic = monotonic
        self._looked_back_at = monotonic()
        self._vault = vault
        self._health = health
        self._now = now
        self._on_refused = on_refused
        self._call_s = call_s
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._paused_until: dict[str, datetime] = {}
        self._ending = False

    def wake(self) -> None:
        """Have what is due looked for, now, in whichever process delivers it."""
        self.look()
        self._wake_others()

    def look(self) -> None:
        """Look for what is due, now."""
        self._wake.set()

    def is_busy(self, account_id: str) -> bool:
        """Whether a call of an account is under way."""
        return account_id in self._busy or self.moderating.is_busy(account_id)

    async def recover(self) -> None:
        """Take what a dead process had claimed as not known to have happened, where no other process lives."""
        while found := await self._left.everything():
            for delivery in found:
                await self._left_behind(delivery, "the process ended during the call")

    async def look_back(self) -> int:
        """Take claims as not known to have happened whose call can no longer be under way; return how many."""
        over = await self._left.over(self._is_nobodys)
        for delivery in over:
            try:
                why = "the process that made the call did not say what became of it"
                await self._left_behind(delivery, why, since=self._now())  # not by another machine's clock
            except Conflict:
                log.info("delivery changed meanwhile", delivery_id=delivery.id)
        return len(over)

    def _is_nobodys(self, delivery: Delivery) -> bool:
        """Whether a claimed delivery is this process's to resolve, and not under way in it."""
        busy = delivery.account_id in self._busy or self._recording.is_unrecorded(delivery.id)
        return self._is_mine(delivery.account_id) and not busy

    async def _left_behind(self, delivery: Delivery, why: str, since: datetime | None = None) -> None:
        settles = self._limits(delivery).settles
        unknown = deliver.unknown(delivery, why, self._now(), settles)
        if since is not None and unknown.next_at is not None:
            unknown = msgspec.structs.replace(unknown, next_at=max(unknown.next_at, since + settles))
        await self._record(delivery, unknown)

    async def run(self, idle_s: float = 0.5) -> None:
        """Deliver until cancelled; calls that are under way then are given a moment to end."""
        try:
            while True:
                self._wake.clear()
                try:
                    await self.dispatch()
                    await self.release_held()
                    if self._monotonic() - self._looked_back_at >= _LOOK_BACK_S:
                        self._looked_back_at = self._monotonic()
                        await self.look_back()
                except Exception as error:  # such as a full disk: the next look may go well
                    log.error("deliveries could not be looked at", exc_info=error)
                try:
                    async with asyncio.timeout(idle_s):  # wait_for of Python 3.11 may swallow a cancellation
                        await self._wake.wait()
                except TimeoutError:
                    continue
        finally:
            self._ending = True
            tasks = list(self._busy.values())
            if tasks:
                await asyncio.wait(tasks, timeout=_LAST_CALL_S)
            await self.moderating.stop(0.0 if tasks else _LAST_CALL_S)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def dispatch(self) -> int:
        """Start the tasks of accounts that have something due; return how many are due."""
        await self._recording.again()
        now = self._now()
        where = [Condition("next_at", "<=", now), Condition("state", "in", ("queued", *_RESOLVED))]
        accounts = self._directory.accounts
        free = [name for name, account in accounts.items() if self._is_free(account, now)]
        if len(free) < len(accounts):  # what waits for the others must not fill the list
            where.append(Condition("account_id", "in", free))
        due = await self._due(where)
        by_account: dict[str, list[Delivery]] = defaultdict(list)
        for delivery in due:
            by_account[delivery.account_id].append(delivery)
        for account_id, deliveries in by_account.items():
            account = accounts.get(account_id)
            if account is None or account.state == "disconnected":
                for delivery in deliveries if await self._directory.is_gone(account_id) else ():
                    await self._give_up(delivery, "the account is disconnected; connect it and send again")
            elif self._is_free(account, now):
                task = asyncio.create_task(self._work(account, deliveries), name=f"deliver:{account_id}")
                self._busy[account_id] = task
                task.add_done_callback(partial(self._finished, account_id))
                if len(due) >= _MOST:  # others may have no place in it
                    self._wake.set()
        return len(due) + await self.moderating.dispatch()

    async def _due(self, where: list[Condition]) -> list[Delivery]:
        """What is due longest; what is to be resolved comes besides, however much is to be sent."""
        query = Query(Delivery, None, tuple(where), order="next_at", limit=_MOST)
        due: list[Delivery] = await self._ledger.documents.find(query)
        if len(due) < _MOST:
            return due
        visible = Condition("state", "in", _RESOLVED)
        more = await self._ledger.documents.find(query._replace(where=(*where, visible)))
        known = {delivery.id for delivery in due}
        return [*due, *(delivery for delivery in more if delivery.id not in known)]

    def _is_free(self, account: Account, now: datetime) -> bool:
        """Whether something can be done for an account now."""
        if account.id in self._busy or account.state == "reauthorization_required" or not self._is_mine(account.id):
            return False
        return self._paused_until.get(account.id, now) <= now

    def _finished(self, account_id: str, _: asyncio.Task[None]) -> None:
        self._busy.pop(account_id, None)
        self._wake.set()

    async def idle(self) -> None:
        """Wait until no account's task runs."""
        while self._busy:
            await asyncio.gather(*self._busy.values(), return_exceptions=True)
        await self.moderating.idle()

    async def _work(self, account: Account, deliveries: list[Delivery]) -> None:
        """Carry deliveries out, what is to be resolved first, for a while: then it is looked anew what is due."""
        began = self._monotonic()
        for delivery in sorted(deliveries, key=lambda d: (d.state == "queued", d.created_at, d.id)):
            if self._ending or not self._is_mine(account.id) or self._monotonic() - began > _TURN_S:
                return
            try:
                with traced(delivery) as carrying, lane("reply"):
                    await self.carry_out(account, carrying)
            except Conflict:
                log.info("delivery changed meanwhile", delivery_id=delivery.id)
            except Exception as error:
                log.error("delivery failed unexpectedly", delivery_id=delivery.id, exc_info=error)
                self._health.erred(account, f"{type(error).__name__} while an answer was made")
                self._paused_until[account.id] = self._now() + _TROUBLE
                return
            if self._paused_until.get(account.id, self._now()) > self._now():
                return

    async def carry_out(self, account: Account, delivery: Delivery) -> None:
        """Take one delivery one step further: make its visible call, or resolve an earlier one."""
        connector = self._directory.connector(account)
        if delivery.state != "queued":
            await self._resolving.resolve(account, connector, delivery)
            return
        if no := self._refused(delivery, connector):
            await self._record(delivery, deliver.failed(delivery, str(no), self._now(), reason=no.reason))
            return
        if await self._waits(connector, delivery):
            return
        if isinstance(connector, sdk.Prepares):
            ready = await self._preparing.ready(account, connector, delivery, lambda: self._goes_on(account))
            if ready is None:
                return
            delivery = ready
        if delivery.verb == "send" and (why := await self.unwanted(delivery.message_id)):
            await self._record(delivery, deliver.failed(delivery, why, self._now(), reason=sdk.Reason.BLOCKED))
            return
        await self._push(account, connector, delivery)

    async def _waits(self, connector: sdk.Connector, delivery: Delivery) -> bool:
        """Whether something else goes first, or the delivery was split; which is stored."""
        now = self._now()
        if delivery.parts == 1 and delivery.tried_at is None:
            wanted = pieces(delivery.body, delivery.attachments, self._limits(delivery), connector.measure)
            if len(wanted) > 1:
                await self._parts.split(delivery, wanted)
                self._wake.set()
                return True
        gate = await self._parts.gate(delivery)
        if gate is not None and gate.wait is None:
            await self._record(delivery, deliver.failed(delivery, gate.why, now, reason=EARLIER_PART), tell=False)
            return True
        first = gate or await goes_first(self._ledger.documents, delivery, now)
        if first is not None:
            await self._record(delivery, deliver.released(delivery, now, first[0], first[1]), tell=False)
        return first is not None

    def _goes_on(self, account: Account) -> bool:
        return not self._ending and self._is_mine(account.id)

    def _pause(self, account_id: str, error: sdk.RateLimited) -> None:
        if error.scope != "endpoint":  # other calls of the account may go on; its budget holds back those alike
            self._paused_until[account_id] = self._now() + (error.wait or timedelta(minutes=1))

    def _refused(self, delivery: Delivery, connector: sdk.Connector) -> sdk.Rejected | None:
        """Why the delivery can never be made, as far as that can be told without the platform."""
        try:
            check_able(connector, delivery)
            self._outgoing(delivery, self._limits(delivery))
            return refusal(delivery, connector, self._now())
        except Exception as error:  # whatever it is, it will be the same next time
            log.error("delivery cannot be made", delivery_id=delivery.id, exc_info=error)
            return sdk.Rejected(f"it cannot be made: {type(error).__name__}: {error}", reason=sdk.Reason.INVALID)

    async def _push(self, account: Account, connector: sdk.Connector, delivery: Delivery) -> None:
        if not self._is_mine(account.id):
            return
        limits = self._limits(delivery)
        again = delivery.state == "unconfirmed"  # under a native key, so that what was made is not made twice
        not_done = deliver.held_up if again else deliver.released
        claim = deliver.claimed(delivery, self._now())
        message = self._outgoing(claim, limits)
        began = self._monotonic()
        await self._ledger.commit(Work([Step.of([claim])]))
        if self._monotonic() - began > BEGUN_WITHIN_S:  # others may soon take the call as over
            await self._record(claim, not_done(claim, self._now(), timedelta(0), "it took too long to claim it"))
            return
        try:
            with sdk.visible_call():
                async with asyncio.timeout(self._call_s):
                    receipt = await made_visible(connector, message)
        except sdk.RateLimited as error:
            await self._record(claim, not_done(claim, self._now(), error.wait or None, str(error)), tell=again)
            self._pause(account.id, error)
        except sdk.RetryLater as error:
            self._health.erred(account, str(error))
            await self._record(claim, not_done(claim, self._now(), error.wait or None, str(error)), tell=again)
        except sdk.Reauthorize as error:
            await self._record(claim, not_done(claim, self._now(), timedelta(0), str(error)), tell=again)
            await self._on_refused(account, error)
        except (sdk.Rejected, sdk.Unsupported) as error:
            reason = error.reason if isinstance(error, sdk.Rejected) else sdk.Reason.INVALID
            if again:
                why = f"the platform refuses the repeated call, and what became of the first is not known: {error}"
                await self._record(claim, deliver.in_doubt(claim, why))
            else:
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
            await self._made(claim, receipt, connector)

    async def _made(self, claim: Delivery, receipt: sdk.Receipt, connector: sdk.Connector) -> None:
        """Record the platform's answer to the visible call, also where a mark or an echo was faster."""
        wait = look_after(connector, self._limits(claim))
        shared = await self._resolving.belongs_to_another(claim, receipt)
        try:
            made = deliver.received(claim, receipt, self._now(), look_after=wait, shared=shared)
            await self._record(claim, made)
        except Conflict:
            known = await self._ledger.documents.get(Delivery, claim.id)
            if known is not None and known.state == "unconfirmed" and known.external_id is None:
                await self._record(known, deliver.received(known, receipt, self._now(), look_after=wait,
                                                           shared=shared))  # fmt: skip
                return
            if known is None or known.external_id is not None or receipt.external_id is None:
                log.info("delivery was settled meanwhile", delivery_id=claim.id)
                return
            await self._record(known, deliver.identified(known, receipt, shared=shared))

    async def _give_up(self, delivery: Delivery, why: str) -> None:
        try:
            if delivery.state in OPEN:
                await self._record(delivery, deliver.in_doubt(delivery, why))
            else:
                await self._record(delivery, deliver.failed(delivery, why, self._now(), reason=sdk.Reason.INVALID))
        except Conflict:
            log.info("delivery changed meanwhile", delivery_id=delivery.id)

    async def release_held(self, account_id: str | None = None) -> None:
        """Take up what was held while pushes were open."""
        await self._held.release(account_id)

    def _limits(self, delivery: Delivery) -> sdk.Limits:
        return limits_of(self._directory, delivery)

    def _outgoing(self, delivery: Delivery, limits: sdk.Limits) -> sdk.OutboundMessage | sdk.Publication:
        return outgoing(delivery, limits, self._vault, self._now())
