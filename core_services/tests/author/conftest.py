"""A store of each kind, and people in it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from chorally_core.adapters.sqlite import SqliteBus, SqliteDocuments
from chorally_core.adapters.sqlite.database import Database
from chorally_core.adapters.sqlite.ledger import SqliteLedger
from chorally_core.events import AuthorAdd
from chorally_core.ports.erasure import Erasure
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.runner import Actions, InOrder
from chorally_core.services.author.contacts import Contacts, Group
from chorally_core.services.author.erasure import EraseContacts
from chorally_core.services.author.model import Author

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)


class People:
    """Authors of one tenant, and their contacts."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.contacts = Contacts(ledger.documents, Actions(ledger))
        self._merges = 0

    async def add(self, *names: str, **told: Any) -> None:
        """Let people be seen, alike but for their names."""
        for name in names:
            data = AuthorAdd(id=name, platform="wall", **{"external_id": f"x-{name}", "name": name.title(), **told})
            await self.ledger.commit(Work([Step.of([Author.first_seen("acme", data, AT)])]))

    async def merge(self, kept: str, other: str, name: str = "") -> str:
        """Merge the contact of one author into that of another; return the merge's id."""
        self._merges += 1
        name = name or f"m{self._merges}"
        await self.contacts.merge("acme", kept, other, merge_id=name, actor=("agent", "agent-7"), at=AT)
        return name

    async def undo(self, name: str, author: str) -> tuple[Group, Group]:
        """Undo a merge of an author's contact."""
        group = await self.of(author)
        return await self.contacts.undo("acme", group, name, actor=("agent", "agent-7"), at=AT)

    async def of(self, author: str) -> Group:
        """Return the contact of an author."""
        group = await self.contacts.of_author("acme", author)
        assert group is not None
        return group

    async def together(self, *names: str) -> list[list[str]]:
        """Return who is one person with whom, as each of these sees it."""
        seen = {name: tuple(sorted((await self.of(name)).author_ids)) for name in names}
        for name, others in seen.items():
            assert name in others
            assert all(seen[other] == others for other in others if other in seen), seen
        return sorted(list(group) for group in set(seen.values()))

    async def erase(self, name: str, steps: int = 100) -> None:
        """Erase an author: their record at once, their contact in so many steps."""
        author = await self.ledger.documents.get(Author, name)
        assert author is not None
        if author.erased_at is None:
            await self.ledger.commit(Work([Step.of([author.erased(AT)])]))
        erasure = Erasure(id=name, tenant="acme", platform="wall", since=AT, at=AT, next_at=AT)
        place: str | None = ""
        for _ in range(steps):
            place = await EraseContacts(self.ledger).step(erasure, place or "")
            if place is None:
                return


def opened(folder: Path, stack: ExitStack, *, in_order: bool) -> Ledger:
    """Return a store on a folder; in order, documents and events lie apart as in a cluster."""
    documents = stack.enter_context(closing(Database(folder / "documents.db")))
    if not in_order:
        return SqliteLedger(documents)
    bus = stack.enter_context(closing(Database(folder / "bus.db")))
    return InOrder(SqliteDocuments(documents), SqliteBus(bus))


@pytest.fixture(params=[False, True], ids=["one transaction", "in order"])
def in_order(request: pytest.FixtureRequest) -> bool:
    """Whether documents and events lie apart, as in a cluster."""
    return bool(request.param)


@pytest.fixture
def people(tmp_path: Path, in_order: bool) -> Iterator[People]:
    """Nobody yet."""
    with ExitStack() as stack:
        yield People(opened(tmp_path, stack, in_order=in_order))


@pytest.fixture
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Callable[[ExitStack], People]:
    """Makes stores that nothing is in."""
    return lambda stack: People(opened(tmp_path_factory.mktemp("people"), stack, in_order=False))
