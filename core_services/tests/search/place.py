"""Documents, their log and an index together, moved by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
from chorally_core.adapters.sqlite import SqliteBus, SqliteDocuments
from chorally_core.adapters.sqlite.database import Database
from chorally_core.adapters.sqlite.ledger import SqliteLedger
from chorally_core.adapters.sqlite.search import SqliteSearch
from chorally_core.adapters.stored import StoredSearch
from chorally_core.bootstrap.services.search import SOURCES
from chorally_core.events import Event, LogAdd, topics
from chorally_core.ports.documents import Document
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.search import Asked, Entry, SearchUnavailable
from chorally_core.ports.words import read_words
from chorally_core.runner import InOrder
from chorally_core.services.message.model import Message, Ticket
from chorally_core.services.search.indexer import GROUP, Indexer
from chorally_core.services.search.searching import Searching

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Away(StoredSearch):
    """An index over a network, which may be out of reach."""

    def __init__(self, documents: Any) -> None:
        super().__init__(documents)
        self.is_away = False
        self.tries = 0

    async def put(self, entries: Sequence[Entry]) -> None:
        """Index, if it can be reached."""
        self.tries += 1
        if self.is_away:
            raise SearchUnavailable("OpenSearch cannot be reached")
        await super().put(entries)


class Place:
    """Everything together, moved by hand."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.databases = [Database(folder / "one.db")]
        ledger: Ledger = SqliteLedger(self.databases[0])
        if kind == "apart":
            self.databases.append(Database(folder / "bus.db"))
            ledger = InOrder(SqliteDocuments(self.databases[0]), SqliteBus(self.databases[1]))
        self.ledger = ledger
        self.search: Any = SqliteSearch(self.databases[0]) if kind == "embedded" else Away(ledger.documents)
        self.seconds = 0.0
        self.indexer = self.an_indexer()
        self.searching = Searching(ledger.documents, self.search, SOURCES)
        self._ids = count(1)

    def an_indexer(self, batch: int = 100) -> Indexer:
        """Return an indexer as a new process has it."""
        return Indexer(self.ledger, self.search, SOURCES, batch=batch, monotonic=lambda: self.seconds)

    async def keep(self, *documents: Document, what: str = "changed", of: str = "") -> None:
        """Store documents, each told of by a fact as its service tells it."""
        steps = []
        for document in documents:
            subject = of or document.kind
            data = LogAdd(
                kind=f"{subject}_{what}", subject_type=subject, subject_id=document.id, version=document.version + 1,
                ticket_id=document.id if isinstance(document, Ticket) else getattr(document, "ticket_id", None),
                message_id=document.id if isinstance(document, Message) else None,
            )  # fmt: skip
            steps.append(Step.of([document], [self.fact(data, document.tenant)]))
        await self.ledger.commit(Work(steps))

    def fact(self, data: LogAdd, tenant: str = "acme") -> Event[LogAdd]:
        """Return a fact."""
        return Event(
            topic=topics.LOGS, issuer="message-service", name="add", data=data, id=f"fact-{next(self._ids)}",
            tenant=tenant, key=f"{tenant}/x", occurred_at=AT,
        )  # fmt: skip

    async def tell(self, *facts: LogAdd, tenant: str = "acme") -> None:
        """Tell facts alone."""
        await self.ledger.commit(Work([Step.of((), [self.fact(data, tenant) for data in facts])]))

    async def change(self, of: type[Document], name: str, what: str = "changed", **changes: Any) -> Any:
        """Store a document changed, and tell it."""
        known = await self.ledger.documents.get(of, name)
        assert known is not None
        changed = msgspec.structs.replace(known, **changes)
        await self.keep(changed, what=what)
        return changed

    def waiting(self) -> int:
        """Return how many facts wait to be indexed."""
        return self.ledger.bus.consumer(GROUP, [topics.LOGS]).waiting()

    async def settle(self) -> None:
        """Index all there is."""
        while await self.indexer.step():
            pass

    async def found(self, text: str = "", tenant: str = "acme", **more: Any) -> list[str]:
        """Return the ids of what is shown."""
        answer = await self.searching.answer(tenant, Asked(read_words(text), limit=100, **more))
        return sorted(shown.entry.id for shown in answer.shown)

    def close(self) -> None:
        """Close the files."""
        for database in self.databases:
            database.close()


def a_ticket(name: str = "t1", **more: Any) -> Ticket:
    """Return a ticket."""
    given: dict[str, Any] = {"tenant": "acme", "number": 1, "account_id": "a1", "platform": "wall", "channel": "note"}
    given |= {"conversation_key": name, "created_at": AT, "updated_at": AT}
    return Ticket(id=name, **{**given, **more})


def a_message(name: str = "m1", body: str = "parcel", *, minutes: float = 0, **more: Any) -> Message:
    """Return a message."""
    given: dict[str, Any] = {"tenant": "acme", "ticket_id": "t1", "event_id": f"e-{name}", "account_id": "a1"}
    given |= {"platform": "wall", "channel": "note", "direction": "inbound", "author_id": "ada"}
    return Message(id=name, body=body, received_at=AT + timedelta(minutes=minutes), **{**given, **more})
