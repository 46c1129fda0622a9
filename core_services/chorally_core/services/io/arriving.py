"""Copies of files that people send, made as they arrive: for platforms whose links expire."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial

import msgspec
import structlog

import chorally_sdk as sdk
from chorally_core.events import Event, MessageAdd, topics
from chorally_core.events.records import Attached
from chorally_core.ports.documents import Condition, Document, Key, Query
from chorally_core.ports.handlers import Change, Found, Handler
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.services.io.directory import Directory
from chorally_core.services.io.downloading import Downloading, TooLarge, Wanted
from chorally_core.services.io.model import Account

log = structlog.get_logger(__name__)

_TRIES = 8  # the last of them more than an hour after the first
_STEP = 200  # files that a round takes
_PATIENCE_S = 5.0
_AT_ONCE = 8  # accounts whose files are read at the same time


class AttachmentDue(Document, frozen=True, kw_only=True):
    """A file that is to be copied; under the id of its copy."""

    kind = "attachment_due"
    sparse = ("next_at",)

    account_id: str
    message_id: str
    author_id: str | None = None
    attached: Attached
    said_at: datetime
    next_at: datetime
    attempts: int = 0


class TakeAttachments(Handler[MessageAdd]):
    """Notes the files of what people say, to be copied."""

    topic = topics.MESSAGES
    event = "add"

    def __init__(self, wants: Callable[[str, str], bool] = lambda platform, channel: True) -> None:
        """Prepare; ``wants`` says by platform and channel whether files are copied as they come."""
        self._wants = wants

    def reads(self, event: Event[MessageAdd]) -> Iterable[Key]:
        """Return nothing: the same note again changes nothing."""
        return ()

    def decide(self, event: Event[MessageAdd], found: Found) -> Change:
        """Note each file once; imported history is copied when somebody asks for it."""
        d = event.data
        if d.direction != "inbound" or d.backfilled or not d.attachments or not self._wants(d.platform, d.channel):
            return Change()
        wanted = [Wanted(d.id, attached, d.author_id) for attached in d.attachments]
        return Change(
            tuple(
                AttachmentDue(
                    id=each.file_id, tenant=event.tenant, account_id=d.account_id, message_id=d.id,
                    author_id=d.author_id, attached=each.attached, said_at=d.external_created_at,
                    next_at=event.occurred_at,
                )
                for each in {one.file_id: one for one in wanted}.values()
            )
        )  # fmt: skip


class Arriving:
    """Makes the copies that are due, those of several accounts at a time."""

    def __init__(
        self,
        ledger: Ledger,
        directory: Directory,
        downloading: Downloading,
        *,
        now: Callable[[], datetime],
        patience_s: float = _PATIENCE_S,
    ) -> None:
        """Prepare to copy; ``patience_s`` is how long a round waits for its copies."""
        self._ledger = ledger
        self._directory = directory
        self._downloading = downloading
        self._now = now
        self._patience_s = patience_s
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._busy: dict[str, asyncio.Task[None]] = {}

    async def round(self) -> int:
        """Begin the copies that are due, and see them made; return how many there were to be made.

        What takes longer than a while goes on beside the next rounds, so a platform that is slow holds up no other.
        """
        where = [Condition("next_at", "<=", self._now())]
        if self._busy:  # what waits for them must not fill the list
            free = [name for name in self._directory.accounts if name not in self._busy]
            where.append(Condition("account_id", "in", free))
        query = Query(AttachmentDue, None, tuple(where), order="next_at", limit=_STEP)
        due: list[AttachmentDue] = await self._ledger.documents.find(query)
        by_account: dict[str, list[AttachmentDue]] = defaultdict(list)
        for one in due:
            by_account[one.account_id].append(one)
        for account_id, some in by_account.items():
            if account_id not in self._busy:
                task = asyncio.create_task(self._work(account_id, some), name=f"attachments:{account_id}")
                self._busy[account_id] = task
                task.add_done_callback(partial(self._finished, account_id))
        try:
            if self._busy:
                await asyncio.wait(list(self._busy.values()), timeout=self._patience_s)
        except asyncio.CancelledError:
            await self.stop()
            raise
        return len(due)

    async def stop(self) -> None:
        """End what is under way; it is made by whoever goes the next round."""
        tasks = list(self._busy.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _finished(self, account_id: str, _: asyncio.Task[None]) -> None:
        self._busy.pop(account_id, None)

    async def _work(self, account_id: str, due: Sequence[AttachmentDue]) -> None:
        async with self._turns:
            try:
                await self._copy_all(account_id, due)
            except Exception as error:
                log.error("files could not be copied", account_id=account_id, exc_info=error)

    async def _copy_all(self, account_id: str, due: Sequence[AttachmentDue]) -> None:
        account = self._directory.accounts.get(account_id)
        for one in due:
            if await self._ledger.documents.get(AttachmentDue, one.id) is None:
                continue  # who sent it was erased
            if account is None or account.state == "disconnected" or account.platform not in self._directory.connectors:
                await self._forget(one)
            elif not await self._copy(account, one):
                return

    async def _copy(self, account: Account, due: AttachmentDue) -> bool:
        """Make one copy; return whether the account's others may be made now."""
        try:
            wanted = Wanted(due.message_id, due.attached, due.author_id, said_at=due.said_at)
            await self._downloading.keep(account, wanted)
        except (sdk.RetryLater, sdk.Reauthorize) as error:
            await self._later(due, error.wait if isinstance(error, sdk.RetryLater) else None, str(error))
            return False
        except (sdk.Rejected, sdk.Unsupported, TooLarge) as error:
            log.info("a file is not copied", file_id=due.id, error=str(error))
            await self._forget(due)
        except Exception as error:
            log.error("a file could not be copied", file_id=due.id, exc_info=error)
            await self._later(due, None, type(error).__name__)
        else:
            await self._forget(due)
        return True

    async def _forget(self, due: AttachmentDue) -> None:
        await self._ledger.documents.delete(AttachmentDue, [due.id])

    async def _later(self, due: AttachmentDue, wait: timedelta | None, why: str) -> None:
        if due.attempts + 1 >= _TRIES:
            log.warning("a file could not be copied; it is read when somebody asks", file_id=due.id, error=why)
            await self._forget(due)
            return
        pause = max(wait or timedelta(0), timedelta(seconds=30 * 2.0**due.attempts))
        again = msgspec.structs.replace(due, next_at=self._now() + pause, attempts=due.attempts + 1)
        await self._ledger.commit(Work([Step.of([again])]))
