"""What the identity tests share: a clock that stands still, an issuer with one key, a whole installation."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from chorally_core.adapters.identity import Issuer, Keyring, ServiceTokens, TokenIdentity, Verifier
from chorally_core.adapters.sqlite import Database, SqliteDocuments
from chorally_core.adapters.sqlite.ledger import SqliteLedger
from chorally_core.api.identity import create_app
from chorally_core.api.identity_users import LocalUsers
from chorally_core.events import Event
from chorally_core.ports.identity import Caller
from chorally_core.ports.permissions import Permission
from chorally_core.runner.actions import Actions
from chorally_core.services.identity import Passwords, SignIn, Standing, User
from chorally_core.services.identity.commands import create_user, keys_of_user
from fastapi import FastAPI

ISSUER = "https://chorally.example"
AUDIENCE = "chorally"
PASSWORD = "canary-password-1"
BILLING = "canary-secret-of-billing"

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Argon2 parameters that take no time."""


class Clock:
    """A clock that only moves when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    """Return a clock at noon of 2026-03-01."""
    return Clock()


@pytest.fixture
def ids() -> Callable[[], str]:
    """Return a source of ids in a row."""
    numbers = count(1)
    return lambda: f"id{next(numbers)}"


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return a file of one signing key; making keys takes long, so that all tests share it."""
    path = tmp_path_factory.mktemp("keys") / "signing-keys.json"
    Keyring(path, Clock())
    return path.read_bytes()


@pytest.fixture
def keyring(key_file: bytes, tmp_path: Path, clock: Clock) -> Keyring:
    """Return the signing keys of an installation."""
    path = tmp_path / "signing-keys.json"
    path.touch(mode=0o600)
    path.write_bytes(key_file)
    return Keyring(path, clock)


@pytest.fixture
def issuer(keyring: Keyring, clock: Clock, ids: Callable[[], str]) -> Issuer:
    """Return the built-in issuer."""
    return Issuer(keyring, issuer=ISSUER, audience=AUDIENCE, clock=clock, ids=ids)


@dataclass
class Installation:
    """The identity API over a real store, and what a test wants to look at."""

    app: FastAPI
    http: httpx.AsyncClient
    ledger: SqliteLedger
    local: LocalUsers
    clock: Clock
    facts: list[Event[Any]] = field(default_factory=list)

    async def add(self, email: str, *roles: str, tenant: str = "acme", password: str = PASSWORD) -> User:
        """Store a user, as bootstrap would."""
        root = Caller(tenant=tenant, subject="setup", kind="service", permissions=frozenset(Permission))
        user = User(
            id=self.local.ids(),
            tenant=tenant,
            login=User.login_of(tenant, email),
            email=email,
            name=email.partition("@")[0],
            password_hash=await self.local.passwords.hash(password),
            roles=roles,
            created_at=self.clock(),
            updated_at=self.clock(),
        )
        await self.local.actions.act(
            keys_of_user(tenant, email=email), lambda found: create_user(found, user, by=root, at=self.clock())
        )
        return user

    async def sign_in(self, email: str, tenant: str = "acme", password: str = PASSWORD) -> dict[str, str]:
        """Return the headers of a user who has signed in."""
        answer = await self.http.post("/token", json={"tenant": tenant, "email": email, "password": password})
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    async def told(self) -> list[Event[Any]]:
        """Return the facts that were logged since the last time."""
        consumer = self.ledger.bus.consumer("test", ["logs"])
        batch = await consumer.poll(1000)
        await consumer.commit(batch)
        return [one.event for one in batch.delivered if isinstance(one.event, Event)]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Return an empty store."""
    found = Database(tmp_path / "chorally.db")
    yield found
    found.close()


@pytest.fixture
async def installed(
    database: Database, issuer: Issuer, keyring: Keyring, clock: Clock, ids: Callable[[], str]
) -> AsyncIterator[Installation]:
    """Return an installation with one service token, of the sender ``billing`` for the tenant ``acme``."""
    ledger = SqliteLedger(database)
    documents: SqliteDocuments = ledger.documents  # type: ignore[assignment]
    actions, passwords, standing = Actions(ledger), Passwords(CHEAP), Standing(documents)
    local = LocalUsers(
        documents=documents,
        actions=actions,
        sign_in=SignIn(documents=documents, actions=actions, passwords=passwords, clock=clock),
        passwords=passwords,
        standing=standing,
        tokens=issuer,
        clock=clock,
        ids=ids,
    )
    verifier = Verifier(keyring, issuer=ISSUER, audience=AUDIENCE, clock=clock, is_valid=standing.is_valid)
    services = ServiceTokens.of(
        f'[{{"sender": "billing", "secrets": ["{BILLING}"], "tenants": ["acme"], "permissions": ["users:write"]}}]'
    )
    app = create_app(TokenIdentity(verifier, services), local)
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        yield Installation(app, http, ledger, local, clock)
