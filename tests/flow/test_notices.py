"""What platforms say about accounts is acted on, by webhook or pull, and not lost with the process that heard it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.author.model import Author
from chorally_core.services.io.model import Account, Hook
from chorally_core.services.io.notices import AccountNotice, noticed
from chorally_core.services.io.replay import Replay

import chorally_sdk as sdk
from tests.support.beacon import Beacon
from tests.support.harbour import Harbour, a_harbour
from tests.support.hooks import SECRET, receive
from tests.support.wall import Wall, WallPlatform
from tests.support.world import World, a_world

NOTE = {"id": "n1", "signer": {"id": "ada", "name": "Ada"}, "text": "hello", "at": "2026-11-23T08:00:00+00:00"}


@pytest.fixture
async def harbour(tmp_path: Path, in_order: bool) -> AsyncIterator[Harbour]:
    """A core with one account, subscribed."""
    async with a_harbour(tmp_path, Beacon, in_order=in_order) as harbour:
        await harbour.connect()
        yield harbour


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A core whose platform is subscribed by hand."""
    async with a_world(tmp_path, {"wall": Wall}, transports={"wall": WallPlatform().transport()}) as world:
        await world.app("wall", {"secret": SECRET})
        await world.account("wall")
        yield world


async def facts(world: World) -> list[str]:
    """Return the facts that were told."""
    return [event.data.kind for event in await world.published("logs") if event.name == "add"]


async def test_an_account_that_moved_is_followed_and_its_people_stay_who_they_were(harbour: Harbour) -> None:
    """Once the platform calls it so itself; the same person goes on in the same ticket."""
    await harbour.receive(NOTE)
    harbour.platform.names["token"] = "wall-9"
    await harbour.receive({"moved": "wall-9"})
    await harbour.tend()
    account = await harbour.account()
    assert (account.external_id, account.external_name, account.known_as) == ("wall-9", "The wall wall-9", "wall-1")
    assert harbour.world.io.directory.called("beacon", "wall-9", None) == [account]
    assert await harbour.receive({**NOTE, "id": "n2", "text": "again", "wall": "wall-9"}) == "accept"
    assert [message.body for message in await harbour.world.messages()] == ["hello", "again"]
    assert len(await harbour.world.tickets()) == len(await harbour.world.all(Author)) == 1
    assert "account_moved" in await facts(harbour.world)


async def test_a_move_that_the_account_itself_knows_nothing_of_is_shown_to_people(harbour: Harbour) -> None:
    """Its id stays; somebody must look."""
    await harbour.receive({"moved": "wall-9"})
    await harbour.tend()
    account = await harbour.account()
    assert (account.external_id, account.state) == ("wall-1", "degraded")
    assert "connect it again" in account.reason
    assert await harbour.world.all(AccountNotice) == []


async def test_a_move_onto_an_account_that_is_there_is_shown_to_people(harbour: Harbour) -> None:
    """Two accounts that hear the same would tell everything twice."""
    harbour.platform.names["other"] = "wall-9"
    await harbour.world.account("beacon", account_id="account-2", credentials={"access_token": "other"})
    harbour.platform.names["token"] = "wall-9"
    await harbour.receive({"moved": "wall-9"})
    await harbour.tend()
    account = await harbour.account()
    assert (account.external_id, account.state) == ("wall-1", "degraded")


async def test_what_moved_and_is_no_account_changes_none(harbour: Harbour) -> None:
    """A chat, or a person."""
    await harbour.receive({"moved": "chat-2", "id": "chat-1"})
    await harbour.tend()
    account = await harbour.account()
    assert (account.external_id, account.state, await harbour.world.all(AccountNotice)) == ("wall-1", "connected", [])


async def test_a_notice_waits_where_the_platform_is_away(harbour: Harbour) -> None:
    """And is acted on when it is back."""
    await harbour.receive({"moved": "wall-9"})
    harbour.platform.is_away = True
    await harbour.tend()
    assert [notice.attempts for notice in await harbour.world.all(AccountNotice)] == [1]
    harbour.platform.is_away = False
    harbour.platform.names["token"] = "wall-9"
    await harbour.tend(minutes=30)
    assert (await harbour.account()).external_id == "wall-9"


async def test_a_notice_that_was_stored_outlives_the_process(tmp_path: Path) -> None:
    """It is acted on by the next one."""
    async with a_harbour(tmp_path, Beacon) as harbour:
        await harbour.connect()
        await harbour.receive({"moved": "wall-9"}, {"notice": "subscription_lost"})
        harbour.world.kill()
        platform, clock = harbour.platform, harbour.world.clock
    platform.names["token"] = "wall-9"
    async with a_world(tmp_path, {"beacon": Beacon}, transports={"beacon": platform.transport()}, clock=clock) as world:
        assert len(await world.all(AccountNotice)) == 2
        await world.io.tending.round()
        assert await world.all(AccountNotice) == []
        assert [account.external_id for account in await world.all(Account)] == ["wall-9"]


async def test_a_revoked_consent_asks_a_person(world: World) -> None:
    """Whoever reads the webhook."""
    await receive(world, {"notice": "revoked"})
    await world.io.round()
    assert [account.state for account in await world.all(Account)] == ["reauthorization_required"]


async def test_a_loss_where_people_subscribe_by_hand_is_told_to_them(world: World) -> None:
    """The host cannot make it anew."""
    await receive(world, {"notice": "subscription_lost"})
    await world.io.round()
    [account] = await world.all(Account)
    assert (account.state, account.reason) == (
        "degraded", "webhooks do not come: the platform says that the subscription is gone; subscribe it again there",
    )  # fmt: skip
    assert await world.all(AccountNotice) == []


async def test_a_room_that_is_not_heard_any_more_degrades_no_account(world: World) -> None:
    """The others are heard; the account's health tells."""
    [account] = await world.all(Account)
    room = sdk.Notice(kind="subscription_lost", external_id="room-7")
    await world.ledger.commit(Work([Step.of(noticed(account, [room], world.clock()))]))
    await world.io.round()
    assert [account.state for account in await world.all(Account)] == ["connected"]
    assert "'room-7' is not heard" in (await world.io.health.of(account)).last_error


async def test_a_replayed_webhook_says_nothing_of_the_account(world: World) -> None:
    """What became of the account since is not undone."""
    await receive(world, {"notice": "revoked"})
    await world.io.round()
    [hook] = await world.all(Hook)
    await Replay(world.ledger, world.io.intake, now=world.clock).hook(hook)
    assert await world.all(AccountNotice) == []


async def test_a_pull_tells_what_a_webhook_does(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some platforms say it there; history says nothing of today."""
    revoked = sdk.Notice(kind="revoked")

    async def pull(self: Wall, stream: str, cursor: Any, since: Any) -> Any:
        yield sdk.Page(events=(revoked,), cursor={"from": 1}, done=True)

    monkeypatch.setattr(Wall, "pull", pull)
    [account] = await world.all(Account)
    await world.pull(account, "import")
    assert await world.all(AccountNotice) == []
    await world.pull(account)
    await world.io.round()
    assert [account.state for account in await world.all(Account)] == ["reauthorization_required"]


async def test_what_is_said_twice_is_one_notice(world: World) -> None:
    """Platforms repeat themselves."""
    [account] = await world.all(Account)
    events = [sdk.Notice(kind="moved", new_id=name) for name in ("a", "a", "b")]
    assert len({document.id for document in noticed(account, events, world.clock())}) == 2
