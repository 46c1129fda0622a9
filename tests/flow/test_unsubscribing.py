"""Subscriptions are ended with their accounts, and shared ones with the last of them."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from chorally_core.services.io.sharing import Sharing
from chorally_core.services.io.subscription import SubscriptionRecord

import chorally_sdk as sdk
from tests.support.beacon import Beacon, ForApps
from tests.support.harbour import Harbour, a_harbour
from tests.support.hooks import SECRET

NOTE = {"id": "n1", "signer": {"id": "ada", "name": "Ada"}, "text": "hello", "at": "2026-11-23T08:00:00+00:00"}


def files_with(folder: Path, content: bytes) -> list[Path]:
    """Return the files of a folder that contain something."""
    return [file for file in folder.rglob("*") if file.is_file() and content in file.read_bytes()]


@pytest.fixture
async def harbour(tmp_path: Path, in_order: bool) -> AsyncIterator[Harbour]:
    """A core whose platform calls the URL of each account."""
    async with a_harbour(tmp_path, Beacon, in_order=in_order) as harbour:
        yield harbour


@pytest.fixture
async def apps(tmp_path: Path, in_order: bool) -> AsyncIterator[Harbour]:
    """A core whose platform calls one URL of the app; no app is set up yet."""
    async with a_harbour(tmp_path, ForApps, in_order=in_order) as harbour:
        yield harbour


async def test_a_disconnected_account_is_unsubscribed_and_then_its_credentials_are_forgotten(harbour: Harbour) -> None:
    """They are kept sealed for no longer than that takes."""
    account = await harbour.connect()
    harbour.platform.fates = ["503"] * 20
    await harbour.disconnect(account)
    await harbour.tend()
    left = await harbour.account()
    assert (left.state, left.leaving, bool(left.sealed)) == ("disconnected", True, True)
    assert harbour.platform.held
    harbour.platform.fates = []
    await harbour.tend(hours=1)
    left = await harbour.account()
    assert (left.state, left.leaving, left.sealed, left.data) == ("disconnected", False, "", {})
    assert (harbour.platform.held, await harbour.record()) == ({}, None)


async def test_a_platform_that_is_away_for_a_day_keeps_no_credentials_alive(harbour: Harbour) -> None:
    """What is left behind there is said in the account's health."""
    account = await harbour.connect()
    harbour.platform.fates = ["503"] * 1000
    await harbour.disconnect(account)
    for _ in range(26):
        await harbour.tend(hours=1)
    left = await harbour.account()
    assert (left.leaving, left.sealed, await harbour.record()) == (False, "", None)
    assert "could not be ended" in await harbour.last_error()


async def test_an_account_that_is_connected_again_before_it_was_unsubscribed_stays_subscribed(harbour: Harbour) -> None:
    """Its new credentials are not forgotten with the old ones."""
    account = await harbour.connect()
    harbour.platform.fates = ["503"] * 4
    await harbour.disconnect(account)
    await harbour.tend()
    again = await harbour.world.io.accounts.change(await harbour.account(), credentials={"access_token": "token"})
    harbour.platform.fates = []
    harbour.subscribing.begin(again)
    await harbour.tend(hours=1)
    now = await harbour.account()
    assert (now.state, now.leaving, bool(now.sealed)) == ("connected", False, True)
    assert list(harbour.platform.held) == ["sub-wall-1"]


async def test_only_the_last_that_leaves_ends_a_shared_subscription(harbour: Harbour) -> None:
    """Another tenant's account goes on hearing."""
    harbour.platform.shared = True
    harbour.platform.names["other"] = "wall-2"
    first, second = await harbour.connect(), await harbour.connect("globex", "other")
    await harbour.disconnect(first)
    await harbour.tend()
    assert (list(harbour.platform.held), (await harbour.account()).sealed) == (["sub-all"], "")
    await harbour.disconnect(second)
    await harbour.tend()
    assert harbour.platform.held == {}


async def test_a_shared_subscription_that_is_lost_is_looked_at_for_all_that_share_it(apps: Harbour) -> None:
    """The platform may tell it of one of them only."""
    apps.platform.shared = True
    apps.platform.names["other"] = "wall-2"
    await apps.world.app("beacon", {"secret": SECRET})
    await apps.connect()
    await apps.connect("globex", "other")
    await apps.tend(minutes=5)
    await apps.receive({"notice": "subscription_lost"}, key="sub-all")
    await apps.tend()
    assert apps.platform.asked == [None, None, "sub-all", "sub-all"]


async def test_who_connects_waits_while_another_ends_what_may_be_the_same(harbour: Harbour) -> None:
    """Otherwise the ending could end what was given to both."""
    harbour.platform.shared = True
    harbour.platform.names["other"] = "wall-2"
    first = await harbour.connect()
    unsubscribe, seen = Beacon.unsubscribe, []

    async def slow(self: Beacon, current: sdk.Subscription) -> None:
        account = await harbour.world.account("beacon", "globex", credentials={"access_token": "other"})
        harbour.subscribing.begin(account)
        await harbour.world.io.tending.round()
        await harbour.subscribing._busy[account.id]
        seen.append(len(harbour.platform.asked))
        await unsubscribe(self, current)

    await harbour.disconnect(first)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Beacon, "unsubscribe", slow)
        await harbour.tend()
    assert (seen, list(harbour.platform.held)) == ([1], [])
    await harbour.tend(seconds=3)
    assert list(harbour.platform.held) == ["sub-all"]


async def test_who_leaves_waits_while_another_asks_for_what_may_be_the_same(harbour: Harbour) -> None:
    """What it is given then counts."""
    harbour.platform.shared = True
    harbour.platform.names["other"] = "wall-2"
    first = await harbour.connect()
    subscribe = Beacon.subscribe

    async def slow(self: Beacon, *given: Any) -> sdk.Subscription:
        await harbour.disconnect(first)
        await harbour.world.io.tending.round()
        await harbour.subscribing._busy[first.id]
        return await subscribe(self, *given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Beacon, "subscribe", slow)
        await harbour.connect("globex", "other")
    await harbour.tend(seconds=3)
    assert "DELETE /subscriptions/sub-all" not in harbour.platform.calls
    assert ((await harbour.account()).leaving, list(harbour.platform.held)) == (False, ["sub-all"])


async def test_an_account_disconnected_before_it_was_ever_asked_for_forgets_its_credentials(harbour: Harbour) -> None:
    """There is nothing to end."""
    account = await harbour.world.account("beacon")
    await harbour.disconnect(account)
    await harbour.tend()
    left = await harbour.account()
    assert (left.leaving, left.sealed, harbour.platform.asked) == (False, "", [])


async def test_a_subscription_that_the_refused_token_cannot_end_is_left_behind_and_told(harbour: Harbour) -> None:
    """There is nothing to wait for."""
    account = await harbour.connect()
    harbour.platform.names.clear()
    await harbour.disconnect(account)
    await harbour.tend()
    left = await harbour.account()
    assert (left.leaving, left.sealed, await harbour.record()) == (False, "", None)
    assert "could not be ended" in await harbour.last_error()


async def test_an_account_that_is_disconnected_while_it_is_about_to_be_subscribed_is_not(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing would be known of it to be ended."""
    account = await harbour.world.account("beacon")
    harbour.subscribing.begin(account)
    looks = Sharing.is_done_elsewhere

    async def meanwhile(self: Sharing, record: SubscriptionRecord, what: Any) -> bool:
        if (await harbour.account()).state == "connected":
            await harbour.world.io.accounts.disconnect(await harbour.account())
        return await looks(self, record, what)

    monkeypatch.setattr(Sharing, "is_done_elsewhere", meanwhile)
    await harbour.tend()
    left = await harbour.account()
    assert (harbour.platform.asked, left.leaving, left.sealed, await harbour.record()) == ([], False, "", None)


async def test_an_account_that_is_connected_again_while_it_is_unsubscribed_is_subscribed_anew(
    harbour: Harbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And keeps its new credentials."""
    account = await harbour.connect()
    unsubscribe = Beacon.unsubscribe

    async def meanwhile(self: Beacon, current: sdk.Subscription) -> None:
        await unsubscribe(self, current)
        left = await harbour.account()
        again = await harbour.world.io.accounts.change(left, credentials={"access_token": "token"})
        harbour.subscribing.begin(again)
        await harbour.subscribing.dispatch()  # which finds what is about to be forgotten

    await harbour.disconnect(account)
    monkeypatch.setattr(Beacon, "unsubscribe", meanwhile)
    await harbour.tend()
    now = await harbour.account()
    assert (now.state, now.leaving, bool(now.sealed)) == ("connected", False, True)
    assert (list(harbour.platform.held), harbour.platform.asked) == (["sub-wall-1"], [None, None])
