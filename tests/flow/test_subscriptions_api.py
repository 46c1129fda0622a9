"""Subscriptions as people see them: over HTTP, from connecting an account to disconnecting it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_core.bootstrap import System
from chorally_core.settings import Settings

from tests.support.api import Api, Given
from tests.support.beacon import PUBLIC, Beacon, BeaconPlatform
from tests.support.wall import WallPlatform
from tests.support.world import KEY, Clock


class Pier:
    """A system with beacons, moved by hand."""

    def __init__(self, folder: Path, public_url: str) -> None:
        self.clock = Clock()
        self.platform = BeaconPlatform(self.clock)
        self.system = System(
            Settings(data=folder, secret_keys=[KEY], public_url=public_url), registry=Given({"beacon": Beacon}),
            now=self.clock, transport=lambda name: self.platform.transport(),
        )  # fmt: skip
        self.api = Api(self.system, WallPlatform(), self.clock)
        self.http = self.api.agent()

    async def connect(self) -> dict[str, Any]:
        """Connect an account, and let everything happen that is due."""
        body = {"connector": "beacon", "name": "Ours", "credentials": {"access_token": "token"}}
        answer = await self.http.post("/io/v1/accounts", json=body)
        assert answer.status_code == 201, answer.text
        await self.tend()
        return dict(answer.json())

    async def tend(self) -> None:
        """Let everything happen that is due."""
        for _ in range(3):
            await self.system.io.round()
            await self.system.io.tending.subscribing.idle()

    async def shown(self, account_id: str) -> dict[str, Any]:
        """Return an account as it is shown."""
        return dict((await self.http.get(f"/io/v1/accounts/{account_id}")).json())

    async def close(self) -> None:
        """End."""
        await self.system.io.pulling.stop()
        await self.api.close()


@pytest.fixture
async def pier(tmp_path: Path) -> AsyncIterator[Pier]:
    """A system that knows its address."""
    pier = Pier(tmp_path, PUBLIC)
    await pier.system.io.load()
    yield pier
    await pier.close()


async def test_an_account_shows_its_subscription_and_takes_webhooks_under_it(pier: Pier) -> None:
    """The platform calls the path that is shown; nobody sees the secret."""
    account = await pier.connect()
    shown = await pier.shown(account["id"])
    assert (shown["state"], shown["subscription"]["external_id"], shown["subscription"]["error"]) == (
        "connected", "sub-wall-1", "",
    )  # fmt: skip
    assert shown["subscription"]["next_at"] < shown["subscription"]["expires_at"]
    held = pier.platform.held["sub-wall-1"]
    assert held["callback"] == f"{PUBLIC}{shown['webhook_path']}"
    assert held["secret"] not in str(shown)

    _, raw = pier.platform.hook({"ping": "notes"})
    door: httpx.AsyncClient = pier.api.client()
    taken = await door.post(raw.path, content=raw.body, headers=dict(raw.headers))
    forged = await door.post(raw.path, content=raw.body + b" ", headers=dict(raw.headers))
    assert taken.status_code == 200
    assert forged.status_code in (400, 401, 403)


async def test_a_check_has_what_was_refused_tried_again(pier: Pier) -> None:
    """Somebody has mended it at the platform, and does not want to wait for an hour."""
    pier.platform.fates = ["400"]
    account = await pier.connect()
    shown = await pier.shown(account["id"])
    assert (shown["state"], shown["subscription"]["failures"]) == ("degraded", 1)
    assert shown["reason"].startswith("webhooks do not come: ")
    answer = await pier.http.post(f"/io/v1/accounts/{account['id']}/check")
    assert answer.json()["state"] == "degraded"
    await pier.tend()
    shown = await pier.shown(account["id"])
    assert (shown["state"], shown["reason"], shown["subscription"]["failures"]) == ("connected", "", 0)


async def test_a_disconnected_account_is_unsubscribed(pier: Pier) -> None:
    """And shows no subscription any more."""
    account = await pier.connect()
    assert (await pier.http.delete(f"/io/v1/accounts/{account['id']}")).status_code == 204
    assert (await pier.shown(account["id"]))["state"] == "disconnected"
    await pier.tend()
    assert (pier.platform.held, (await pier.shown(account["id"]))["subscription"]) == ({}, None)


async def test_a_system_that_does_not_know_its_address_says_so_in_the_account(tmp_path: Path) -> None:
    """Whatever address the request came to."""
    pier = Pier(tmp_path, "")
    await pier.system.io.load()
    account = await pier.connect()
    shown = await pier.shown(account["id"])
    assert shown["state"] == "degraded"
    assert "CHORALLY_PUBLIC_URL" in shown["reason"]
    assert pier.platform.asked == []
    await pier.close()
