"""A platform in memory, a connector that speaks to it, and the I/O service with its API around them."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.adapters.local import FernetVault, Folder
from chorally_core.adapters.sqlite.ledger import SqliteLedger
from chorally_core.api import io as io_api
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.io.downloading import Downloading
from chorally_core.services.io.model import Delivery, DeliveryState
from chorally_core.services.io.service import IoService
from cryptography.fernet import Fernet
from fastapi import FastAPI
from pydantic import BaseModel, Field, SecretStr

import chorally_sdk as sdk
from chorally_sdk.plugins import Plugin, Registry

CANARY = "canary-6f1d"
"""Part of every secret here; it must never be seen again."""


class WallSettings(BaseModel):
    """Settings of one wall."""

    colour: str = Field("white", title="Colour", pattern="^[a-z]+$")
    password: SecretStr = Field(title="Password", description="Of the wall.")


class WallApp(BaseModel):
    """Settings of an app at the platform of walls."""

    client: str = Field(title="Client")
    secret: SecretStr = Field(title="Secret")


class Wall(sdk.Connector, sdk.Pulls, sdk.Receives, sdk.Replies):
    """A public wall of signed notes."""

    manifest = sdk.Manifest(
        platform="wall",
        title="The Wall",
        base_url="https://wall.example",
        hosts=("wall.example",),
        channels=(sdk.Channel(name="wall_note", actions={"reply": sdk.Limits(max_text=100)}),),
        hooks=sdk.Hooks(scope="app"),
        app_settings=WallApp,
        account_settings=WallSettings,
    )

    async def check(self) -> sdk.AccountInfo:
        """Name the wall."""
        password = self.account.settings.password.get_secret_value()
        said = (await self.http.get("/wall", params={"name": password.rpartition("-")[2]})).json()
        return sdk.AccountInfo(
            external_id=said["id"], name=said["title"], missing_scopes=frozenset(said.get("missing", ()))
        )

    def streams(self) -> Sequence[sdk.Stream]:
        """There is one."""
        return [sdk.Stream(name="notes")]

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield what is on the wall."""
        notes = (await self.http.get("/notes")).json()
        yield sdk.Page(events=tuple(map(to_message, notes)), cursor={"count": len(notes)}, done=True, expected=7)

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Compare the header with the app's secret."""
        return sdk.accept() if sdk.same(hook.headers.get("x-secret", ""), keys.secrets["secret"]) else sdk.reject()

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Translate notes; what is none raises."""
        return [to_message(note) for note in json.loads(hook.body)]

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Answer a note."""
        answer = await self.http.post("/replies", json={"to": message.in_reply_to, "text": message.body})
        return sdk.Receipt(external_id=answer.json()["id"])


def to_message(note: dict[str, Any]) -> sdk.Message:
    """Return a note as the host takes it."""
    return sdk.Message(
        external_id=note["id"], channel="wall_note", account=note.get("wall"), conversation_id=note["id"],
        author=sdk.Author(external_id=note["by"], name=note["by"].title()), sent_at=note["at"], body=note["text"],
    )  # fmt: skip


@dataclass
class Platform:
    """The walls; ``fails`` answers the next request instead."""

    walls: dict[str, dict[str, Any]] = field(default_factory=lambda: {"one": {"id": "w1", "title": "Wall one"}})
    notes: list[dict[str, Any]] = field(default_factory=list)
    fails: httpx.Response | None = None
    asked: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        self.asked.append(request.url.path)
        if self.fails is not None:
            return self.fails
        if request.url.path == "/wall":
            wall = self.walls.get(request.url.params["name"])
            return httpx.Response(200, json=wall) if wall else httpx.Response(401, json={"error": "no such password"})
        if request.url.path == "/notes":
            return httpx.Response(200, json=self.notes)
        return httpx.Response(200, json={"id": f"r{len(self.asked)}"})


@pytest.fixture
def canary() -> str:
    """What every secret contains."""
    return CANARY


@pytest.fixture
def platform() -> Platform:
    """The platform of walls."""
    return Platform()


class WallPackage:
    """An installed package with the connector."""

    def load(self) -> "WallPackage":
        """Return what the entry point names."""
        return self

    @sdk.hookimpl
    def chorally_connector(self) -> type[sdk.Connector]:
        """Return the connector."""
        return Wall


@pytest.fixture
def registry() -> Registry:
    """Two plugins: one works, one cannot be imported."""
    entry: Any = WallPackage()
    wall = Plugin("wall", "chorally-wall", "1.2", entry, "chorally-sdk>=0.1", "0.1.0")
    broken = Plugin(
        "broken", "chorally-broken", "0.1", EntryPoint("broken", "no_such_module", "x"), "chorally-sdk>=0.1", "0.1.0"
    )
    return Registry({"wall": wall, "broken": broken})


@pytest.fixture
async def service(
    ledger: SqliteLedger, clock: Any, ids: Callable[[], str], platform: Platform, tmp_path: Path
) -> AsyncIterator[IoService]:
    """The I/O service with one connector."""
    io = IoService(
        {"wall": Wall},
        ledger,
        Folder(tmp_path / "objects"),
        FernetVault([Fernet.generate_key().decode()]),
        now=clock,
        new_id=ids,
        transport=lambda _: httpx.MockTransport(platform),
    )
    await io.load()
    yield io
    await io.stop()


@pytest.fixture
def app(
    service: IoService, ledger: SqliteLedger, registry: Registry, clock: Any, ids: Any, badges: Any, tmp_path: Path
) -> FastAPI:
    """The API."""
    downloading = Downloading(
        ledger, service.directory, Folder(tmp_path / "objects"), now=clock, copies="demand", most_bytes=1000,
        keeps=lambda _: timedelta(days=1), has_room=lambda: True,
    )  # fmt: skip
    parts = io_api.Io(service, ledger, registry, now=clock, new_id=ids, downloading=downloading)
    return io_api.create_app(badges, parts)


@pytest.fixture
def an_app() -> dict[str, Any]:
    """A developer app to add."""
    return {"connector": "wall", "name": "Walls", "settings": {"client": "c-1", "secret": f"{CANARY}-app"}}


@pytest.fixture
def an_account() -> dict[str, Any]:
    """An account to connect."""
    return {
        "connector": "wall",
        "name": "Our wall",
        "settings": {"colour": "red"},
        "credentials": {"password": f"{CANARY}-one", "access_token": f"{CANARY}-token"},
    }


@dataclass
class Hooks:
    """Sends webhooks of the platform."""

    service: IoService
    clock: Any

    async def send(self, app: dict[str, Any], body: Any) -> str:
        """Let one arrive, have it read, and return the id of its row."""
        raw = sdk.RawHook(
            method="POST",
            path=app["webhook_path"],
            headers={"x-secret": f"{CANARY}-app", "x-other": "shown"},
            body=body if isinstance(body, bytes) else json.dumps(body).encode(),
            received_at=self.clock(),
        )
        verdict = await self.service.journal.receive("wall", app["webhook_path"].rpartition("/")[2], raw)
        assert verdict.kind == "accept"
        row = self.service.journal._last_id
        await self.service.intake.step()
        return row


@pytest.fixture
def hooks(service: IoService, clock: Any) -> Hooks:
    """Sends webhooks."""
    return Hooks(service, clock)


@pytest.fixture
def a_note(clock: Any) -> Callable[..., dict[str, Any]]:
    """Makes notes."""

    def make(name: str = "n1", text: str = "hello", *, by: str = "ada", wall: str = "w1") -> dict[str, Any]:
        return {"id": name, "text": text, "by": by, "wall": wall, "at": clock().isoformat()}

    return make


@pytest.fixture
def a_delivery(ledger: SqliteLedger, clock: Any) -> Callable[..., Any]:
    """Stores deliveries."""

    async def store(name: str, state: DeliveryState = "queued", *, tenant: str = "acme", **fields: Any) -> Delivery:
        delivery = Delivery(
            id=name, tenant=tenant, account_id=fields.pop("account_id", "a1"), platform="wall", channel="wall_note",
            key=f"{tenant}/ada", client_ref=Delivery.client_ref_of(name), body=f"text of {name}", route="sealed",
            state=state, created_at=clock(), next_at=clock(), **fields,
        )  # fmt: skip
        await ledger.commit(Work([Step.of([delivery])]))
        return delivery

    return store


@pytest.fixture
def told(ledger: SqliteLedger) -> Callable[[str], Any]:
    """Reads what was published on a topic, from the beginning."""

    async def read(topic: str) -> list[Any]:
        batch = await ledger.bus.consumer(f"test-{topic}", [topic]).poll(1000)
        return [delivered.event for delivered in batch.delivered]

    return read
