"""Reads the webhook journal: parse, translate, publish, and move on in one commit."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

import chorally_sdk as sdk
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.storable import Storable
from chorally_core.services.io.came import Came
from chorally_core.services.io.directory import Directory, receives
from chorally_core.services.io.health import HealthBook
from chorally_core.services.io.inbound import Inbound
from chorally_core.services.io.journal import Journal
from chorally_core.services.io.model import Account, Hook, Nudge
from chorally_core.services.io.notices import AccountNotice, noticed
from chorally_core.services.io.reading import OwnReader, Reader
from chorally_core.services.io.unknown import UnknownAccounts
from chorally_core.services.io.unread import unreadable_hook
from chorally_core.telemetry import traces

log = structlog.get_logger(__name__)


class Intake:
    """A stage of the pump: hooks become events."""

    def __init__(
        self,
        ledger: Ledger,
        journal: Journal,
        directory: Directory,
        inbound: Inbound,
        health: HealthBook,
        *,
        now: Callable[[], datetime],
        on_nudged: Callable[[], None] = lambda: None,
        reader: Reader | None = None,
        learn: Callable[[datetime], Awaitable[bool]] | None = None,
        batch: int = 200,
    ) -> None:
        """Prepare to read.

        Args:
            ledger: Where what hooks become is durable.
            journal: Has the bodies of hooks.
            directory: Knows the accounts.
            inbound: Translates.
            health: Is told what came.
            now: The clock.
            on_nudged: Told that hooks ask for pulls, or say something about accounts.
            reader: Gives the hooks; the journal's own lane where None.
            learn: Takes in accounts that other processes connected; None where there are no others.
            batch: Hooks that are read at once.
        """
        self._ledger = ledger
        self._journal = journal
        self._directory = directory
        self._inbound = inbound
        self._health = health
        self._now = now
        self._batch = batch
        self._on_nudged = on_nudged
        self._reader = reader or OwnReader(ledger, journal)
        self._reader.on_begun = lambda: inbound.beside().given_up(everything=True)
        self._learn = learn
        self._storable = Storable()
        self.unknown = UnknownAccounts(ledger, now=now)
        """Accounts that hooks were about and nobody has connected."""

    async def recover(self) -> None:
        """Read again from the stored position."""
        self._inbound.given_up(everything=True)
        await self._reader.load()

    async def step(self) -> int:
        """Read some hooks; return how many."""
        hooks = await self._reader.take(self._storable.limit(self._batch))
        if not hooks:
            return 0
        names = [hook.id for hook in hooks]
        steps = [step for hook in hooks for step in await self._read(hook)]
        steps.append(Step.of(await self._reader.moved(hooks)))
        try:
            await self._ledger.commit(Work(steps))
        except Exception as error:
            self._storable.failed(names, error)
            raise
        self._storable.stored(names)
        self._inbound.published()
        self._reader.reached(hooks)
        if any(isinstance(write.document, Nudge | AccountNotice) for step in steps for write in step.writes):
            self._on_nudged()
        return len(hooks)

    async def _read(self, hook: Hook) -> list[Step]:
        """What one hook becomes; one that cannot be read becomes a dead letter."""
        try:
            self._storable.check(hook.id)
            if not hook.traceparent:
                return (await self.translated(hook)).steps()
            with traces.follow(hook.traceparent, f"read webhook {hook.platform}", tenant=hook.tenant, hook_id=hook.id):
                return (await self.translated(hook)).steps(trace=traces.current())
        except Exception as error:
            log.warning("webhook is a dead letter", hook_id=hook.id, platform=hook.platform, exc_info=error)
            return [unreadable_hook(hook, error, self._now())]

    async def translated(self, hook: Hook, *, again: bool = False) -> Came:
        """Return what a hook becomes.

        Args:
            hook: The row of the journal.
            again: It is replayed: everything in it is published although it was before, and nothing else follows
                from it, neither for the account's health nor for its state.
        """
        inbound = self._inbound.afresh() if again else self._inbound
        connector = receives(self._directory.bare(hook.platform))
        manifest = self._directory.connectors[hook.platform].manifest
        parts = []
        by_account: dict[str, tuple[Account, list[sdk.Event]]] = {}
        for event in connector.parse(await self._journal.raw(hook)):
            for account in await self._about(hook, event):
                by_account.setdefault(account.id, (account, []))[1].append(event)
        for account, said in by_account.values():
            came = await inbound.translate(account, manifest, said, hook.received_at)
            parts.append(came)
            if again:
                continue
            self._health.came(account, came.messages)
            if notices := noticed(account, said, hook.received_at):
                parts.append(Came.nothing()._replace(writes=notices))
        return Came.joined(parts)

    async def _about(self, hook: Hook, event: sdk.Event) -> list[Account]:
        """The accounts that an event of a hook is about; one that nobody has connected is counted."""
        found = self._known(hook, event)
        if not found and self._learn is not None and await self._learn(hook.received_at):
            found = self._known(hook, event)
        if not found:
            self.unknown.count(hook.tenant, hook.platform, event.account or "")
        return found

    def _known(self, hook: Hook, event: sdk.Event) -> list[Account]:
        own = self._directory.accounts.get(hook.account_id or "")
        found: list[Account] = []
        if hook.account_id is not None:
            found = [own] if own is not None and event.account in (None, own.external_id) else []
        elif event.account is not None:
            found = self._directory.called(hook.platform, event.account, hook.app_id)
        return found
