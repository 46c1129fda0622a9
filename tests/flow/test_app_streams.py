"""A stream of an app is pulled once for all its accounts, and what it brings is spread among them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chorally_core.services.io.model import Account, Health, Nudge, StreamState

from tests.support.hooks import SECRET, receive
from tests.support.patience import patiently
from tests.support.radio import Radio, RadioPlatform, said
from tests.support.wall import Wall, WallPlatform
from tests.support.world import World, a_world


@pytest.fixture
def platform() -> RadioPlatform:
    """Two walls."""
    return RadioPlatform()


@pytest.fixture
async def world(tmp_path: Path, platform: RadioPlatform, in_order: bool) -> AsyncIterator[World]:
    """A core with an app, and no account yet."""
    transports = {"radio": platform.transport(), "wall": WallPlatform().transport()}
    async with a_world(tmp_path, {"radio": Radio, "wall": Wall}, transports=transports, in_order=in_order) as world:
        await world.app("radio", {"secret": SECRET})
        yield world


async def connect(world: World, tenant: str = "acme", token: str = "token") -> Account:
    """Connect a wall."""
    return await world.account("radio", tenant, credentials={"access_token": token})


async def pulled(world: World, platform: RadioPlatform, times: int = 1) -> None:
    """Return once the stream was asked so often, and everything happened that follows."""
    async with patiently():
        while platform.calls.count("GET /notes") < times or not await _is_stored(world, platform):
            await world.ledger.bus.wait(0.01)
    await world.settle()


async def _is_stored(world: World, platform: RadioPlatform) -> bool:
    states: list[StreamState] = await world.all(StreamState)
    return any(state.error or state.cursor == {"from": len(platform.notes)} for state in states)


async def heard(world: World) -> set[tuple[str, str]]:
    """Return what each tenant heard."""
    return {(message.tenant, message.body) for message in await world.messages()}


async def test_one_pull_serves_the_accounts_of_all_tenants(world: World, platform: RadioPlatform) -> None:
    """Each gets what is about it; two tenants with the same wall get it both."""
    await connect(world)
    await connect(world, "globex", "other")
    await connect(world, "initech")
    for name, wall in (("n1", "wall-1"), ("n2", "wall-2"), ("n3", "wall-3")):
        said(platform, name, wall)
    await world.io.app_pulling.follow()
    await pulled(world, platform)
    assert await heard(world) == {
        ("acme", "n1 on wall-1"), ("initech", "n1 on wall-1"), ("globex", "n2 on wall-2")
    }  # fmt: skip
    assert platform.calls == ["GET /notes"]
    [state] = await world.all(StreamState)
    assert (state.tenant, state.messages, state.cursor) == ("", 3, {"from": 3})


async def test_an_account_that_nobody_has_connected_is_counted(world: World, platform: RadioPlatform) -> None:
    """As with webhooks."""
    await connect(world)
    said(platform, "n1", "wall-7", loud=True)
    await world.io.app_pulling.follow()
    await pulled(world, platform)
    assert await heard(world) == set()
    assert [(u.platform, u.external_id, u.events) for u in await world.io.intake.unknown.of("")] == [
        ("radio", "wall-7", 1)
    ]


async def test_the_stream_runs_while_the_app_has_an_account(world: World, platform: RadioPlatform) -> None:
    """It begins with the first, goes on where it was, and ends with the last."""
    await world.io.app_pulling.follow()
    assert world.io.app_pulling.running == []
    account = await connect(world)
    await world.io.app_pulling.follow()
    assert world.io.app_pulling.running == ["app/radio/app-radio-"]
    await pulled(world, platform)
    assert world.io.pulling.running == []
    await world.io.accounts.disconnect(account)
    await world.io.app_pulling.follow()
    assert world.io.app_pulling.running == []
    said(platform, "n1", "wall-2")
    await connect(world, "globex", "other")
    await world.io.app_pulling.follow()
    await pulled(world, platform, 2)
    assert await heard(world) == {("globex", "n1 on wall-2")}


async def test_what_changed_of_the_app_counts_from_the_next_pull_on(world: World, platform: RadioPlatform) -> None:
    """Its streams begin anew."""
    await connect(world)
    await world.io.app_pulling.follow()
    await pulled(world, platform)
    [before] = world.io.app_pulling._connectors.values()
    await world.io.accounts.change_app(world.io.directory.apps["app-radio-"], settings={"secret": "another"})
    await world.io.app_pulling.follow()
    await pulled(world, platform, 2)
    [after] = world.io.app_pulling._connectors.values()
    assert [made.app.settings.secret.get_secret_value() for made in (before, after)] == [SECRET, "another"]


async def test_a_ping_about_an_account_lets_the_stream_of_its_app_run_now(
    world: World, platform: RadioPlatform
) -> None:
    """And is used up by it."""
    await connect(world)
    await world.io.app_pulling.follow()
    await pulled(world, platform)
    said(platform, "n1", "wall-1")
    await receive(world, {}, platform="radio")
    assert len(await world.all(Nudge)) == 1
    await world.io.pulling.nudge()
    await pulled(world, platform, 2)
    assert (await heard(world), await world.all(Nudge)) == ({("acme", "n1 on wall-1")}, [])


@pytest.mark.parametrize("status", [401, 403, 503])
async def test_an_app_that_is_refused_changes_no_account_and_is_tried_again(
    world: World, platform: RadioPlatform, status: int
) -> None:
    """No person's consent is at fault; the accounts' health says what is wrong."""
    platform.refuses = status
    account = await connect(world)
    await world.io.app_pulling.follow()
    await pulled(world, platform)
    await world.io.health.flush()
    health: Health = await world.get(Health, account.id)
    assert health.last_error.startswith("all: ")
    assert [stored.state for stored in await world.all(Account)] == ["connected"]
    [task] = world.io.app_pulling._tasks["app/radio/app-radio-"]
    assert not task.done()


async def test_the_accounts_of_an_app_are_a_live_view(world: World) -> None:
    """What a connection asks for in its third hour is who is connected then."""
    connector = world.io.directory.unbound("radio", world.io.directory.apps["app-radio-"], None)
    accounts = connector.app.accounts
    assert (len(accounts), "wall-1" in accounts) == (0, False)
    first = await connect(world)
    await connect(world, "initech")
    assert (set(accounts), len(accounts), "wall-1" in accounts, "wall-2" in accounts) == ({"wall-1"}, 1, True, False)
    await world.io.accounts.disconnect(first)
    assert set(accounts) == {"wall-1"}
    await world.io.accounts.disconnect(world.io.directory.accounts["account-radio-initech"])
    assert set(accounts) == set()
    await connector.http.aclose()


async def test_a_platform_without_such_streams_costs_nothing_more(world: World) -> None:
    """Each platform is asked once."""
    await world.app("wall", {"secret": SECRET})
    account = await world.account("wall")
    await world.io.app_pulling.follow()
    assert "wall" in world.io.app_pulling._without
    assert world.io.app_pulling.running == []
    world.io.pulling.start(account)
    assert world.io.pulling.running == [account.id]
