"""A stream of an app runs in one process, whichever serve its accounts."""

from pathlib import Path
from typing import Any

from chorally_core.services.io.model import StreamState

from tests.support.patience import patiently
from tests.support.radio import Radio, RadioPlatform, said
from tests.support.several import TTL_S, Several

APP = "app/radio/app"


async def test_one_of_several_processes_pulls_for_the_app_and_another_takes_over(tmp_path: Path) -> None:
    """From the cursor that was stored."""
    platform = RadioPlatform()
    several = Several(tmp_path, transports={"radio": platform.transport()})
    options: dict[str, Any] = {"connectors": {"radio": Radio}}
    one = await several.start("one", "api", "worker", **options.copy())
    two = await several.start("two", "api", "worker", **options.copy())
    try:
        await several.pass_time(12)
        await one.io.accounts.add_app("", "radio", "radio", {"secret": "s"}, "app")
        await one.io.accounts.connect(
            account_id="account-1", tenant="acme", platform="radio", name="radio", settings={},
            credentials={"access_token": "token"}, since=None,
        )  # fmt: skip
        said(platform, "n1", "wall-1")
        await several.pass_time(4)
        assert sorted(one.io.app_pulling.running + two.io.app_pulling.running) == [APP]
        await _stored(several, 1)

        owner, other = (one, two) if one.io.app_pulling.running else (two, one)
        await owner.io.app_pulling.stop()
        await owner.kill()
        said(platform, "n2", "wall-1")
        await several.pass_time(TTL_S + 8)
        assert other.io.app_pulling.running == [APP]
        await _stored(several, 2)
        assert platform.calls.count("GET /notes") == 2
    finally:
        await several.close()


async def _stored(several: Several, messages: int) -> None:
    async with patiently():
        while [state.messages for state in await several.all(StreamState)] != [messages]:
            await several.ledger.bus.wait(0.01)
