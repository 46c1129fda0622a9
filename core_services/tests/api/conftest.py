"""What the tests of the API share: a clock, ids, a store in a file, callers, and a client without a network."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.adapters.sqlite import Database
from chorally_core.adapters.sqlite.ledger import SqliteLedger
from chorally_core.ports.identity import Caller, Unauthenticated
from chorally_core.ports.permissions import Permission, permissions_of


class Clock:
    """A clock that goes on only when told to."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.at

    def pass_(self, **units: float) -> None:
        """Go on."""
        self.at += timedelta(**units)


class Badges:
    """An identity that believes whatever the header says: ``Badge TENANT SUBJECT ROLE-OR-PERMISSION…``."""

    async def authenticate(self, authorization: str) -> Caller:
        """Return the caller that the header names."""
        kind, _, rest = authorization.partition(" ")
        if kind != "Badge":
            raise Unauthenticated("no badge")
        tenant, subject, *may = rest.split(" ")
        permissions = permissions_of(may) | {Permission(name) for name in may if ":" in name}
        return Caller(tenant=tenant, subject=subject, kind="user", permissions=permissions)


Badge = Callable[..., dict[str, str]]
Speak = Callable[..., httpx.AsyncClient]


@pytest.fixture
def badge() -> Badge:
    """Makes the headers of a caller; an administrator of acme unless said otherwise."""

    def make(tenant: str = "acme", subject: str = "ada", *may: str) -> dict[str, str]:
        return {"Authorization": f"Badge {tenant} {subject} {' '.join(may or ('admin',))}"}

    return make


@pytest.fixture
async def speak() -> AsyncIterator[Speak]:
    """Makes clients of an application, which answers in this process."""
    clients: list[httpx.AsyncClient] = []

    def to(app: Any, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
        clients.append(
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://chorally.test", headers=headers)
        )
        return clients[-1]

    yield to
    for client in clients:
        await client.aclose()


@pytest.fixture
def clock() -> Clock:
    """The only clock there is."""
    return Clock()


@pytest.fixture
def ids() -> Callable[[], str]:
    """Ids that count."""
    numbers = count(1)
    return lambda: f"{next(numbers):032x}"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    """A store in a file of its own."""
    database = Database(tmp_path / "chorally.db")
    yield SqliteLedger(database)
    database.close()


@pytest.fixture
def badges() -> Badges:
    """Proves callers by their badge."""
    return Badges()
