"""The whole system behind its API, in process, moved by hand."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
from chorally_core.adapters.identity.keyring import NAME
from chorally_core.bootstrap import System
from chorally_core.settings import Settings

import chorally_sdk as sdk
from chorally_sdk.plugins import Registry
from tests.support.hooks import SECRET
from tests.support.wall import Wall, WallPlatform
from tests.support.world import KEY, Clock

SERVICE_TOKENS = """[{"sender": "crm", "secrets": ["a-long-service-secret-1", "a-long-service-secret-2"],
"tenants": ["acme"], "permissions": ["tickets:read", "tickets:write", "logs:read"]}]"""


class Given(Registry):
    """Connectors that are there without being installed."""

    def __init__(self, connectors: Mapping[str, type[sdk.Connector]]) -> None:
        super().__init__()
        self._given = dict(connectors)

    def connectors(self) -> dict[str, type[sdk.Connector]]:
        """Return them."""
        return self._given


class Api:
    """A client for each role, and the system behind."""

    def __init__(self, system: System, platform: WallPlatform, clock: Clock) -> None:
        self.system = system
        self.platform = platform
        self.clock = clock
        self._clients: list[httpx.AsyncClient] = []

    def client(self, token: str = "", *, scheme: str = "Bearer") -> httpx.AsyncClient:
        """Return a client with a token, or without."""
        headers = {"Authorization": f"{scheme} {token}"} if token else {}
        transport = httpx.ASGITransport(app=self.system.app)
        client = httpx.AsyncClient(transport=transport, base_url="http://chorally.test", headers=headers)
        self._clients.append(client)
        return client

    def agent(self, role: str = "admin", tenant: str = "acme") -> httpx.AsyncClient:
        """Return a client of somebody with a role."""
        return self.client(self.system.token(tenant, role))

    async def settle(self) -> None:
        """Let everything happen that is due now."""
        for _ in range(20):
            worked = await self.system.pump.drain()
            due = await self.system.io.outbox.dispatch()
            await self.system.io.outbox.idle()
            if not worked and not due:
                break
        await self.system.behind.drain()

    async def hook(self, *items: dict[str, Any], **options: Any) -> httpx.Response:
        """Send a signed webhook through the door, and let everything happen."""
        import hashlib
        import hmac
        import json

        body = json.dumps({"items": items}).encode()
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        answer = await self.client().post(
            options.get("path", "/wall/v1/webhook"), content=body, headers={"X-Wall-Signature": signature}
        )
        await self.settle()
        return answer

    async def close(self) -> None:
        """Close clients and system."""
        for client in self._clients:
            await client.aclose()
        await self.system.io.stop()
        self.system.close()


_made: list[bytes] = []


@contextmanager
def with_keys(folder: Path, secret_keys: object) -> Iterator[None]:
    """Let a system that is made within begin with signing keys that another one had; making them takes long."""
    place = folder / NAME
    is_usual = secret_keys == [KEY]
    if is_usual and _made and not place.exists():
        folder.mkdir(parents=True, exist_ok=True)
        place.touch(mode=0o600)
        place.write_bytes(_made[0])
    yield
    if is_usual and not _made and place.exists():
        _made.append(place.read_bytes())


@asynccontextmanager
async def an_api(folder: Path, **settings: Any) -> AsyncIterator[Api]:
    """Give a system with the wall connected for the tenant ``acme``."""
    platform, clock = settings.pop("platform", None) or WallPlatform(), Clock()
    connector, keycloak = settings.pop("connector", Wall), settings.pop("keycloak_transport", None)
    clock = settings.pop("clock", clock)
    registry = Given({"wall": connector})
    if (actions := settings.pop("rule_actions", None)) is not None:
        registry.rule_actions = actions
    given: dict[str, Any] = {"data": folder, "secret_keys": [KEY], "service_tokens": SERVICE_TOKENS, **settings}
    with with_keys(folder, given["secret_keys"]):
        system = System(
            Settings(**given),
            registry=registry,
            now=clock,
            transport=lambda name: platform.transport() if name == "wall" else keycloak if name == "keycloak" else None,
        )
    await system.io.load()
    api = Api(system, platform, clock)
    await system.io.accounts.add_app("", "wall", "wall", {"secret": SECRET}, "app-wall")
    await system.io.accounts.connect(
        account_id="account-wall", tenant="acme", platform="wall", name="wall", settings={},
        credentials={"access_token": "canary-access-token"}, since=None,
    )  # fmt: skip
    await api.settle()
    try:
        yield api
    finally:
        await api.close()


def a_note(name: str, signer: str = "ada", text: str = "hello", **more: Any) -> dict[str, Any]:
    """Return a note as a hook brings it."""
    who = {"id": signer, "name": signer.title()}
    return {"id": name, "signer": who, "text": text, "at": "2026-11-23T08:00:00+00:00", **more}
