"""The first call names the bot."""

import chorally_telegram
import httpx
import pytest
from chorally_telegram.sandbox import Sandbox

import chorally_sdk as sdk
from chorally_sdk.testing import connect


async def test_the_bot_of_the_token_is_named(telegram: chorally_telegram.Telegram) -> None:
    """With its name for people, and whether it reads all that is said in groups."""
    assert await telegram.check() == sdk.AccountInfo(
        external_id="700100200", name="Sandbox Bot", data={"username": "sandbox_bot", "reads_groups": True}
    )


async def test_an_answer_without_an_id_is_malformed() -> None:
    """The field that is missing is named."""
    telegram = connect(
        chorally_telegram.Telegram,
        lambda _: httpx.Response(200, json={"ok": True, "result": {"first_name": "x"}}),
        grant=Sandbox().connection().grant,
    )
    with pytest.raises(sdk.Malformed, match="id: Field required"):
        await telegram.check()


def test_the_package_gives_its_connector() -> None:
    """By the hook that the host asks."""
    assert chorally_telegram.chorally_connector() is chorally_telegram.Telegram
