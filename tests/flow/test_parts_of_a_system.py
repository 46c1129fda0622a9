"""The same services in several processes' parts: each does its own, and together they do the main job."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.bootstrap import PARTS, Parts, Role, System
from chorally_core.bootstrap.stores import Stores
from chorally_core.settings import InvalidSettings, Settings

from tests.support.api import Given, a_note
from tests.support.hooks import SECRET, a_hook
from tests.support.patience import patiently
from tests.support.wall import Wall, WallPlatform
from tests.support.world import KEY, Clock


class Common(Stores):
    """What all parts share, here in one folder; whoever stops does not close it for the others."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.shares_documents = True
        (settings.data / "objects").mkdir()

    async def aclose(self) -> None:
        """Leave it to the test."""


class Parted:
    """Some parts of a system, as if each were a process."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.settings = Settings(data=folder, secret_keys=[KEY], linger_ms=0)
        self.stores = Common(self.settings)
        self.platform, self.clock = WallPlatform(), Clock()
        self._stack = stack

    def part(self, *roles: str, services: tuple[str, ...] = tuple(PARTS)) -> System:
        """Return a part that is not started."""
        system = System(
            self.settings,
            parts=Parts.named(services, roles),
            stores=self.stores,
            registry=Given({"wall": Wall}),
            now=self.clock,
            transport=lambda name: self.platform.transport() if name == "wall" else None,
        )
        self._stack.push_async_callback(system.stop)
        return system

    def client(self, system: System, token: str = "") -> httpx.AsyncClient:
        """Return a client of a part."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=system.app), base_url="http://chorally.test", headers=headers
        )


@pytest.fixture
async def parted(tmp_path: Path) -> AsyncIterator[Parted]:
    """Return what makes parts of one system."""
    async with AsyncExitStack() as stack:
        made = Parted(tmp_path, stack)
        stack.callback(made.stores.close)
        yield made


async def _until(ask: Callable[[], Awaitable[Any]]) -> Any:
    """Ask until the answer is something."""
    async with patiently():
        while not (found := await ask()):  # noqa: ASYNC110 (nothing else tells)
            await asyncio.sleep(0.01)
        return found


async def test_three_roles_do_together_what_one_process_does(parted: Parted) -> None:
    """A webhook at one door becomes a ticket in another part and is answered by a third; keys are shared."""
    api, consumer, worker = (parted.part(role) for role in Role)
    for system in (api, consumer, worker):
        await system.start()
    await api.io.accounts.add_app("", "wall", "wall", {"secret": SECRET}, "app-wall")
    await api.io.accounts.connect(
        account_id="account-wall", tenant="acme", platform="wall", name="wall", settings={},
        credentials={"access_token": "token"}, since=None,
    )  # fmt: skip
    token = worker.token("acme", "admin")  # of another part's making

    async with parted.client(api, token) as http:
        hook = a_hook(parted, a_note("n1"))
        assert (await http.post("/wall/v1/webhook", content=hook.body, headers=hook.headers)).status_code == 200

        async def tickets() -> Any:
            return (await http.get("/message/v1/tickets")).json()["items"]

        (ticket,) = await _until(tickets)
        path = f"/message/v1/tickets/{ticket['id']}/messages"
        answer = await http.post(path, json={"body": "Thanks"})
        assert answer.status_code in (201, 202)

        async def sent() -> Any:
            return (await http.get(f"/message/v1/messages/{answer.json()['id']}")).json()["status"] == "sent"

        assert await _until(sent)


async def test_a_part_answers_only_operators_until_it_has_started(parted: Parted) -> None:
    """Whoever sends requests too early is told when to come again."""
    system = parted.part("api", services=("message",))
    async with parted.client(system) as http:
        assert (await http.get("/healthz")).status_code == 200
        early = await http.get("/readyz")
        assert (early.status_code, early.json()["reasons"]) == (503, ["not started"])
        refused = await http.get("/message/v1/tickets")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        await system.start()
        assert (await http.get("/readyz")).json()["ready"]
        assert (await http.get("/message/v1/tickets")).status_code == 401
        assert (await http.get("/author/v1/authors")).status_code == 404
        await system.retire(0)
        late = await http.get("/readyz")
        assert (late.status_code, late.json()["reasons"]) == (503, ["stopping"])
        assert (await http.get("/message/v1/tickets")).status_code == 401


async def test_a_part_without_routes_listens_for_operators(parted: Parted) -> None:
    """Health, readiness and figures; no service's routes and no webhooks."""
    system = parted.part("consumer", services=("message", "io"))
    await system.start()
    async with parted.client(system) as http:
        assert (await http.get("/readyz")).status_code == 200
        assert 'group="message"' in (await http.get("/metrics")).text
        for path in ("/message/v1/tickets", "/wall/v1/webhook"):
            assert (await http.post(path)).status_code == 404


async def test_each_part_is_asked_for_what_it_needs_only(parted: Parted) -> None:
    """Only the door's room matters to the door, only its runners to a consumer."""
    door, consumer = parted.part("api", services=("io",)), parted.part("consumer", services=("log",))
    for system in (door, consumer):
        await system.start()
        system.io.journal._most_waiting = 0
    assert [reason.split(":")[0] for reason in await door.ready()] == ["webhooks are refused"]
    assert await consumer.ready() == []
    await consumer.reading.stop()
    assert await consumer.ready() == ["pump has ended"]


def test_what_several_processes_lack_is_told_at_once(tmp_path: Path) -> None:
    """What to set, and what cannot be used, in one message; no folder is touched."""
    settings = Settings(data=tmp_path / "data", documents="elsewhere")
    with pytest.raises(InvalidSettings) as told:
        Stores(settings, Parts.named(["io"]))
    named = [line.split(":")[0] for line in str(told.value).splitlines()]
    assert sorted(named) == ["CHORALLY_BUS", "CHORALLY_DOCUMENTS", "CHORALLY_OBJECTS", "CHORALLY_SECRET_KEYS"]
    with pytest.raises(InvalidSettings) as less:
        Stores(settings, Parts.named(["message"]))
    assert "CHORALLY_OBJECTS" not in str(less.value)
    assert not (tmp_path / "data").exists()
