"""A tenant's own program is told what happens, over the network, by a system as it is installed."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from docs.examples.webhooks.verify import is_ours
from tests.support.api import Api, a_note, an_api


class Receiver:
    """A program that is told things."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()
        self.status = 204
        self.url = ""
        self.tasks: set[asyncio.Task[Any]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take calls of one connection."""
        if (task := asyncio.current_task()) is not None:
            self.tasks.add(task)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head)}
                body = await reader.readexactly(int(headers["content-length"]))
                writer.write(f"HTTP/1.1 {self.status} X\r\ncontent-length: 0\r\n\r\n".encode())
                await writer.drain()
                await self.got.put((headers, body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # it was closed
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def next(self) -> tuple[dict[str, str], bytes]:
        """Return the next call."""
        async with asyncio.timeout(10):
            return await self.got.get()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A program on loopback."""
    made = Receiver()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/told?by=chorally"
    yield made
    server.close()
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system whose operator lets tenants name loopback."""
    async with an_api(tmp_path, private_networks=["127.0.0.0/8"], plain_http=True) as api:
        yield api
        for one in api.system.upkeep.declared:
            if one.stop is not None:
                await one.stop()


async def settled(api: Api, place: str) -> dict[str, Any]:
    """Return a delivery once it is not waiting any more."""
    async with asyncio.timeout(10):
        while True:
            delivery = (await api.agent().get(place)).json()
            if delivery["state"] != "waiting":
                return dict(delivery)
            await asyncio.sleep(0.01)


async def test_a_message_is_told_signed(api: Api, receiver: Receiver) -> None:
    """Verified as the page for receivers shows it; the delivery says what came of it."""
    body = {"url": receiver.url, "events": ["message_*"]}
    made = (await api.agent().post("/log/v1/webhooks", json=body)).json()
    await api.hook(a_note("n1", text="hello"))
    await api.system.upkeep.due()
    headers, got = await receiver.next()
    told = json.loads(got)
    assert (told["what"], told["snapshot"]["body"]) == ("message_received", "hello")
    at = int(headers["webhook-timestamp"])
    assert is_ours(made["secret"], headers, got, at)
    assert not is_ours(made["secret"], headers, got + b" ", at)
    assert not is_ours(made["secret"], headers | {"webhook-id": "x"}, got, at)
    assert not is_ours(made["secret"], headers, got, at + 301)
    assert not is_ours("whsec_" + "A" * 44, headers, got, at)
    place = f"/log/v1/webhooks/{made['id']}/deliveries/{headers['webhook-id']}"
    delivery = await settled(api, place)
    assert (delivery["state"], delivery["tries"][0]["status"]) == ("delivered", 204)
    entries = (await api.agent().get("/log/v1/logs", params={"what": "message_received"})).json()["items"]
    assert told == entries[0]


async def test_a_rule_calls_a_webhook(api: Api, receiver: Receiver) -> None:
    """One that takes no events; the execution names the delivery."""
    made = (await api.agent().post("/log/v1/webhooks", json={"url": receiver.url, "events": []})).json()
    action = {"type": "call_webhook", "webhook_id": made["id"], "data": {"list": "vip"}}
    rule = {"name": "tell them", "actions": [action]}
    assert (await api.agent().post("/rule-engine/v1/rules", json=rule)).status_code == 201
    await api.hook(a_note("n1", text="hello"))
    await api.settle()
    await api.system.upkeep.due()
    headers, got = await receiver.next()
    told = json.loads(got)
    assert is_ours(made["secret"], headers, got, int(headers["webhook-timestamp"]))
    assert told["snapshot"]["data"] == {"list": "vip"}
    assert (told["snapshot"]["rule"], told["snapshot"]["message"]["body"]) == ("tell them", "hello")
    assert told["actor_kind"] == "rule"
    (execution,) = (await api.agent().get("/rule-engine/v1/executions")).json()["items"]
    detail = execution["outcomes"][0]["detail"]
    assert detail == f"webhook {made['id']}, delivery {headers['webhook-id']}"
    await settled(api, f"/log/v1/webhooks/{made['id']}/deliveries/{headers['webhook-id']}")
    assert receiver.got.empty()


async def test_a_rule_names_a_webhook_of_its_tenant(api: Api, receiver: Receiver) -> None:
    """Any other is refused, with the place."""
    theirs = await api.agent(tenant="other").post("/log/v1/webhooks", json={"url": receiver.url, "events": []})
    for name in ("none", theirs.json()["id"]):
        rule = {"name": "x", "actions": [{"type": "call_webhook", "webhook_id": name}]}
        answer = await api.agent().post("/rule-engine/v1/rules", json=rule)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (
            422, "/body/actions/0/call_webhook/webhook_id",
        )  # fmt: skip


async def test_a_tenants_own_network_is_not_the_installations(tmp_path: Path, receiver: Receiver) -> None:
    """Where the operator names no network, loopback cannot be told anything, nor asked by a ping."""
    async with an_api(tmp_path, plain_http=True) as api:
        answer = await api.agent().post("/log/v1/webhooks", json={"url": receiver.url, "events": ["*"]})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "/body/url")
    assert receiver.got.empty()


async def test_a_webhook_that_is_gone_or_disabled_is_told_in_the_execution(api: Api, receiver: Receiver) -> None:
    """One that is gone fails, and the others go on; what a disabled one is not told, a replay tells."""
    http = api.agent()
    gone, off = [
        (await http.post("/log/v1/webhooks", json={"url": receiver.url, "events": []})).json()["id"] for _ in "12"
    ]
    actions = [{"type": "call_webhook", "webhook_id": each} for each in (gone, off)]
    rule = (await http.post("/rule-engine/v1/rules", json={"name": "tell them", "actions": actions})).json()
    await http.delete(f"/log/v1/webhooks/{gone}")
    await http.patch(f"/log/v1/webhooks/{off}", json={"enabled": False})
    await api.hook(a_note("n1", text="hello"))
    await api.settle()
    (execution,) = (await http.get("/rule-engine/v1/executions")).json()["items"]
    wanted = [
        ("failed", f"webhook {gone} is not there any more; name another one, or disable the rule"),
        ("asked", f"webhook {off} is disabled; a replay tells it once it is enabled"),
    ]
    assert [(each["result"], each["detail"]) for each in execution["outcomes"]] == wanted
    called = (await http.get("/log/v1/logs", params={"what": "webhook_called"})).json()["items"]
    assert [each["subject_id"] for each in called] == [off]
    await http.patch(f"/rule-engine/v1/rules/{rule['id']}", json={"actions": actions[1:]})
    tried = (await http.post(f"/rule-engine/v1/rules/{rule['id']}/dry-run", json={})).json()
    assert tried["actions"] == {"call_webhook": 1}
    await http.patch(f"/log/v1/webhooks/{off}", json={"enabled": True})
    span = {"since": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"}
    assert (await http.post(f"/log/v1/webhooks/{off}/replays", json=span)).status_code < 300
    await api.system.upkeep.due()
    _, got = await receiver.next()
    assert json.loads(got)["what"] == "webhook_called"
