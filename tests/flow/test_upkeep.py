"""Nothing grows for ever, and keys can be changed."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from chorally_core.adapters.identity.keyring import InvalidKeyring
from chorally_core.bootstrap.resealing import SEALED, reseal
from chorally_core.events import topics
from chorally_core.ports.documents import Query
from chorally_core.ports.erasure import Erasure
from chorally_core.ports.jobs import Job
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.io.erasure import EraseModerations
from chorally_core.services.io.model import Account, App, Delivery, Hook, Moderation
from chorally_core.services.log.model import LogEntry
from chorally_core.services.message.model import Message
from chorally_core.settings import Retention, Settings
from cryptography.fernet import Fernet

import chorally_sdk as sdk
from tests.support.api import Api, a_note, an_api
from tests.support.hooks import SECRET
from tests.support.world import KEY


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system that keeps journal and log for a while, the log of one tenant for longer."""
    settings = {
        "retention_days": Retention(hooks=7, logs=30, deliveries=30),
        "tenant_retention_days": {"acme": Retention(hooks=7, logs=300, deliveries=30)},
        "bus_hours": 24,
    }
    async with an_api(tmp_path, **settings) as api:
        yield api


async def _count(api: Api, of: type) -> int:
    return await api.system.ledger.documents.count(Query(of, None))


async def test_what_is_too_old_is_removed_kind_by_kind_and_tenant_by_tenant(api: Api) -> None:
    """The journal goes after its days, the log after the tenant's own; messages stay (G13)."""
    await api.hook(a_note("n1"))
    before = await _count(api, LogEntry)
    api.clock.forward(days=8)
    await api.hook(a_note("n2"))

    await api.system.upkeep.due()
    assert await _count(api, Hook) == 1
    assert await _count(api, LogEntry) > before

    api.clock.forward(days=100)
    await api.system.upkeep.due()
    assert await _count(api, Hook) == 0
    kept = await api.system.ledger.documents.find(Query(LogEntry, None, limit=100))
    assert kept
    assert {entry.tenant for entry in kept} == {"acme"}
    assert await _count(api, Message) == 2


async def test_what_was_done_to_messages_goes_as_deliveries_do(api: Api) -> None:
    """What is still to be done stays, however old."""
    at = api.clock()

    def moderation(name: str, state: Any) -> Moderation:
        return Moderation(
            id=name, tenant="acme", account_id="account-wall", platform="wall", channel="wall_note", key="acme/ada",
            verb="hide", message_id="m", external_id="n1", conversation_id="c", state=state, created_at=at,
            next_at=None,
        )  # fmt: skip

    await api.system.ledger.commit(Work([Step.of([moderation("done", "done"), moderation("waits", "queued")])]))
    erasure = Erasure(id="ada", tenant="acme", platform="wall", since=at, at=at, next_at=at)
    assert await EraseModerations(api.system.ledger).step(erasure, "") is None
    told = {one.id: one.external_id for one in await api.system.ledger.documents.find(Query(Moderation, None))}
    assert told == {"done": "", "waits": "n1"}
    api.clock.forward(days=401)
    await api.system.upkeep.due()
    assert [one.id for one in await api.system.ledger.documents.find(Query(Moderation, None))] == ["waits"]


async def test_a_hook_that_was_not_read_is_kept_however_old(api: Api) -> None:
    """Retention never takes what is still to be read (G1)."""
    await api.hook(a_note("n1"))
    await api.system.io.journal.receive("wall", "", await _signed(api, a_note("n2")))
    api.clock.forward(days=60)
    await api.system.upkeep.due()
    assert await _count(api, Hook) == 1

    await api.settle()
    api.clock.forward(hours=1)
    await api.system.upkeep.due()
    assert (await _count(api, Message), await _count(api, Hook)) == (2, 0)


async def _signed(api: Api, *items: dict[str, Any]) -> sdk.RawHook:
    body = json.dumps({"items": items}).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"x-wall-signature": signature}
    return sdk.RawHook(method="POST", path="/wall/v1/webhook", headers=headers, body=body, received_at=api.clock())


async def test_what_a_tenant_does_not_say_is_kept_as_for_everybody(tmp_path: Path) -> None:
    """A tenant that has days of its own for dead letters keeps its log as long as the others."""
    own = {"acme": Retention(dead_letters=300)}
    days = Retention(hooks=7, logs=30, deliveries=30)
    async with an_api(tmp_path, retention_days=days, tenant_retention_days=own) as api:
        await api.hook(a_note("n1"))
        api.clock.forward(days=100)
        await api.system.upkeep.due()
        assert (await _count(api, LogEntry), await _count(api, Message)) == (0, 1)


async def test_large_bodies_go_with_their_hooks(api: Api, tmp_path: Path) -> None:
    """An object that a swept hook had is removed too."""
    await api.hook(*[a_note(f"n{i}", f"p{i}", "x" * 1000) for i in range(300)])
    assert _files(tmp_path / "objects") == 1
    api.clock.forward(days=8)
    await api.system.upkeep.due()
    assert _files(tmp_path / "objects") == 0


def _files(folder: Path) -> int:
    return sum(1 for file in folder.rglob("*") if file.is_file())


async def test_the_event_log_is_trimmed_behind_all_groups_and_no_further(api: Api) -> None:
    """Old events that every group has read go; what a group has not read stays, however old."""
    bus = api.system.ledger.bus
    await api.hook(a_note("n1"), a_note("n2"), a_note("n3"))
    late = bus.consumer("late", [topics.MESSAGES])
    api.clock.forward(days=2)
    await api.system.upkeep.due()
    assert len((await late.poll(10)).delivered) == 3

    batch = await bus.consumer("late", [topics.MESSAGES]).poll(10)
    await late.commit(batch)
    api.clock.forward(hours=1)
    await api.system.upkeep.due()
    left = await bus.consumer("later", [topics.MESSAGES]).poll(10)
    assert len(left.delivered) == 1  # the last one tells where the log ends


async def test_secrets_are_sealed_anew_under_the_first_key(tmp_path: Path) -> None:
    """After resealing, the new key alone opens everything; without the old one it cannot be done."""
    new = Fernet.generate_key().decode()
    async with an_api(tmp_path) as api:
        await api.hook(a_note("n1"))
    with pytest.raises(InvalidKeyring):
        await reseal(Settings(data=tmp_path, secret_keys=[new]))
    count = await reseal(Settings(data=tmp_path, secret_keys=[new, KEY]))
    assert count >= 2
    assert {(Account, "sealed"), (Account, "hook_secret"), (App, "hook_secret"), (Delivery, "route")} <= set(SEALED)

    async with an_api(tmp_path, secret_keys=[new]) as again:
        assert (await again.hook(a_note("n2"))).status_code == 200
        assert await _count(again, Message) == 2


async def test_pulls_wait_while_there_is_no_room(api: Api) -> None:
    """While too many webhooks wait, pulls pause; they go on when there is room (G1)."""
    journal = api.system.io.journal
    journal._most_waiting = 0
    assert not journal.has_room()
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)
        journal._most_waiting = 100

    pulling = api.system.io.pulling
    pulling._sleep = wait
    pulling._every = timedelta(hours=1)
    (account,) = api.system.io.directory.accounts.values()
    api.platform.note("n1", "ada", "by pull")
    pulling.start(account)
    while not await _count(api, Message):
        await api.system.pump.drain()
        await pulling._ledger.bus.wait(0.05)
    await pulling.stop()
    assert waited


async def test_jobs_that_are_over_go_and_those_that_are_not_stay(api: Api) -> None:
    """The record of an erasure's job is kept as long as a dead letter; the recurring ones stay for ever (G13)."""
    await api.hook(a_note("n1"))
    http = api.agent("admin")
    (author,) = (await http.get("/author/v1/authors")).json()["items"]
    await http.post(f"/author/v1/authors/{author['id']}/erase")
    await api.settle()
    for _ in range(3):
        await api.system.upkeep.due()
        api.clock.forward(hours=2)
    (seen,) = (await api.agent("admin").get("/io/v1/jobs?name=author/erase")).json()["items"]
    assert (seen["state"], seen["done"], seen["done"] == seen["total"]) == ("done", seen["total"], True)

    api.clock.forward(days=91)
    await api.system.upkeep.due()
    left: list[Job] = await api.system.ledger.documents.find(Query(Job, None))
    services = ("io", "log", "media", "message", "outbound", "publishing", "rule-engine", "rule")
    assert sorted(job.name for job in left) == [f"{service}/retention" for service in services]
    assert {job.state for job in left} == {"queued"}
