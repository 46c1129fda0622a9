"""A receiver of webhooks in the place of the network, and the log service's webhooks around it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from chorally_core.adapters.local import FernetVault
from chorally_core.adapters.sqlite import SqliteBus, SqliteDocuments
from chorally_core.adapters.sqlite.database import Database
from chorally_core.adapters.sqlite.ledger import SqliteLedger
from chorally_core.api.log_views import LogEntryView
from chorally_core.events.ids import timed
from chorally_core.ports.documents import Document, Query
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.outside import Answer, NoAnswer, NotAllowed
from chorally_core.ports.webhooks import Webhook
from chorally_core.runner import Actions, InOrder
from chorally_core.services.log.model import LogEntry
from chorally_core.services.log.webhooks import commands, signing
from chorally_core.services.log.webhooks.calling import Calling
from chorally_core.services.log.webhooks.model import WebhookDelivery, WebhookFeed, WebhookHealth
from chorally_core.services.log.webhooks.queueing import Queueing
from chorally_core.services.log.webhooks.sending import Sending
from chorally_core.services.log.webhooks.serving import Serving

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
SECRET = signing.Secret("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
SEALED = [SECRET]


class Call(NamedTuple):
    """What a receiver got."""

    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def entry(self) -> dict[str, Any]:
        """The entry that it tells."""
        return dict(msgspec.json.decode(self.body))


class Net:
    """Serves the port to the outside: answers as it is told, by URL."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.says: dict[str, Any] = {}
        """Status, answer, error, or what is awaited before an answer, by URL."""
        self.at_once = 0
        self.most: dict[str, int] = {}
        self.seen: Callable[[], None] = lambda: None
        """Called when something can be seen from outside."""
        self._open: dict[str, int] = {}

    def check(self, url: str) -> None:
        """Take https only."""
        if not url.startswith("https://"):
            raise NotAllowed("only https is called")

    async def call(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"",
        within: timedelta, max_bytes: int, redirects: int = 0,
    ) -> Answer:  # fmt: skip
        """Answer as it was told."""
        self._open[url] = self._open.get(url, 0) + 1
        self.most[url] = max(self.most.get(url, 0), self._open[url])
        try:
            says = self.says.get(url, 204)
            if callable(says):
                says = says()
            if isinstance(says, asyncio.Event):
                await says.wait()
                says = 204
            self.seen()
            self.calls.append(Call(url, dict(headers or {}), body))
            self.seen()
            if isinstance(says, Exception):
                raise says
            return says if isinstance(says, Answer) else Answer(says, {}, b"")
        finally:
            self._open[url] -= 1

    def opened(self, method: str, url: str, **options: Any) -> Any:
        """Do nothing: webhooks only call."""
        raise NotImplementedError

    async def aclose(self) -> None:
        """Close nothing."""

    def told(self, url: str = "https://one.example/in") -> list[str]:
        """Return the subjects that a receiver was told of."""
        return [call.entry["subject_id"] for call in self.calls if call.url == url]


class Clock:
    """Time that goes on only when told to."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.at

    def forward(self, **by: float) -> None:
        """Go on."""
        self.at += timedelta(**by)


class Place:
    """The webhooks of a log service that is fed by hand."""

    def __init__(
        self,
        folder: Path,
        *,
        in_order: bool = False,
        net: Net | None = None,
        clock: Clock | None = None,
        database: Callable[[Path], Database] = Database,
        documents: Callable[[Database], Any] = SqliteDocuments,
    ) -> None:
        self.net, self.clock = net or Net(), clock or Clock()
        self.databases = [database(folder / "documents.db")]
        self.ledger: Ledger = SqliteLedger(self.databases[0])
        if in_order:
            self.databases.append(database(folder / "bus.db"))
            self.ledger = InOrder(documents(self.databases[0]), SqliteBus(self.databases[1]))
        self.documents = self.ledger.documents
        self.vault = FernetVault([KEY])
        self.actions = Actions(self.ledger)
        self.serving = self.process()

    def process(self) -> Serving:
        """Return what one process has of it."""
        calling = Calling(
            self.net, self.vault, lambda e: LogEntryView.of(e).model_dump_json().encode(), self.clock,
            monotonic=lambda: 0.0,
        )  # fmt: skip
        sending = Sending(self.ledger, self.actions, calling, self.clock, lambda: 0.0)
        return Serving(self.documents, Queueing(self.ledger, self.clock, sending.look_at), sending, self.net)

    async def webhook(self, name: str = "one", *events: str, tenant: str = "acme", **more: Any) -> Webhook:
        """Add a webhook that is told of these kinds, or all."""
        at = self.clock()
        newest = await self.documents.find(Query(LogEntry, tenant, order="arrival", descending=True, limit=1))
        webhook = Webhook(
            id=name, tenant=tenant, url=f"https://{name}.example/in", events=events or ("*",),
            sealed=signing.sealed(self.vault, SEALED), since=at, created_at=at, created_by="ada", changed_at=at, **more,
        )  # fmt: skip
        read = newest[0].id if newest else ""
        await self.actions.act([], lambda found: commands.add(webhook, read=read, actor=("agent", "ada")))
        return webhook

    async def happens(self, *names: str, tenant: str = "acme", what: str = "ticket_changed", **fields: Any) -> None:
        """Append facts to the history, each a millisecond after the one before."""
        for name in names:
            self.clock.forward(milliseconds=1)
            given: dict[str, Any] = {"subject_type": "ticket", "subject_id": name, **fields}
            entry = LogEntry(
                id=timed(self.clock(), name), tenant=tenant, what=what, issuer="message-service", at=self.clock(),
                **given,
            )  # fmt: skip
            await self.ledger.commit(Work([Step.of([entry])]))

    async def round(self) -> None:
        """Go one round, and wait for its calls."""
        await self.serving.once()
        await self.serving.sending.idle()

    async def rounds(self, count: int, every_s: float) -> None:
        """Go many rounds."""
        for _ in range(count):
            await self.round()
            self.clock.forward(seconds=every_s)

    async def deliveries(self, webhook_id: str = "one") -> list[WebhookDelivery]:
        """Return the deliveries of a webhook, in their order."""
        found: list[WebhookDelivery] = await self.documents.find(Query(WebhookDelivery, None, limit=10_000))
        return sorted((one for one in found if one.webhook_id == webhook_id), key=lambda one: one.place)

    async def get(self, of: type[Document], name: str = "one") -> Any:
        """Return a document."""
        return await self.documents.get(of, name)

    async def close(self) -> None:
        """Stop, and close the folder."""
        await self.serving.stop()
        for database in self.databases:
            database.close()


@asynccontextmanager
async def a_place(folder: Path, **options: Any) -> AsyncIterator[Place]:
    """Give the webhooks, and close them in the end."""
    place = Place(folder, **options)
    try:
        yield place
    finally:
        await place.close()


__all__ = ["SECRET", "Answer", "Call", "Net", "NoAnswer", "Place", "WebhookFeed", "WebhookHealth", "a_place"]
