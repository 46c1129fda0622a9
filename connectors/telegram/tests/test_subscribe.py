"""Setting, healing and deleting the webhook."""

import json

import httpx
import pytest
from chorally_telegram import Telegram
from chorally_telegram.config import KINDS
from chorally_telegram.sandbox import Sandbox
from chorally_telegram.sandbox.world import BOT_ID
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect
from chorally_sdk.testing.recording import Exchange

CALLBACK = "https://chorally.example/hooks/telegram/abc?x=1"
SECRET = SecretStr("made-by_the-host")


async def test_the_webhook_is_set_with_its_secret_and_its_kinds(
    bot: Sandbox, telegram: Telegram, asked: list[Exchange]
) -> None:
    """And read back, as another program may have set its own."""
    made = await telegram.subscribe(CALLBACK, SECRET, None)

    assert json.loads(asked[0].body) == {
        "url": CALLBACK, "secret_token": "made-by_the-host", "allowed_updates": list(KINDS), "max_connections": 40,
    }  # fmt: skip
    assert (made.external_id, made.data) == (str(BOT_ID), {"pending": 0, "last_error": ""})


@pytest.mark.parametrize("secret", ["", "a b", "a.b", "é", "a" * 257])
async def test_a_secret_that_telegram_does_not_take_is_refused(secret: str) -> None:
    """Without asking; the secret is not shown."""
    with pytest.raises(sdk.Rejected, match="letters, digits"):
        await connect(Telegram).subscribe(CALLBACK, SecretStr(secret), None)


async def test_another_programs_webhook_is_told() -> None:
    """Two programs that both set it would take it from each other for ever."""

    def answer(request: httpx.Request) -> httpx.Response:
        info = {"url": "https://elsewhere.example/", "has_custom_certificate": False, "pending_update_count": 0}
        return httpx.Response(200, json={"ok": True, "result": True if request.method == "POST" else info})

    telegram = connect(Telegram, answer, grant=Sandbox().connection().grant)
    with pytest.raises(sdk.RetryLater, match="another program"):
        await telegram.subscribe(CALLBACK, SECRET, None)


async def test_what_waits_is_kept_when_the_webhook_ends(bot: Sandbox, telegram: Telegram) -> None:
    """Long polling takes over without a gap."""
    made = await telegram.subscribe(CALLBACK, SECRET, None)
    said = await bot.say("Between")
    await telegram.unsubscribe(made)
    page = await anext(telegram.pull("updates", None, None))

    assert [event.external_id for event in page.events if isinstance(event, sdk.Message)] == [said]


def test_a_hook_is_proven_by_the_word_alone() -> None:
    """Either live secret counts; a GET, another header and an empty secret do not."""
    telegram = connect(Telegram)
    keys = sdk.Keys(secrets={"subscription": (SecretStr("old"), SecretStr("new"))})
    header = "X-Telegram-Bot-Api-Secret-Token"

    kinds = [
        telegram.verify(a_hook("{}", headers={header: "old"}), keys).kind,
        telegram.verify(a_hook("{}", headers={header: "new"}), keys).kind,
        telegram.verify(a_hook("{}", headers={header: "older"}), keys).kind,
        telegram.verify(a_hook("{}", headers={"Authorization": "new"}), keys).kind,
        telegram.verify(a_hook("{}", headers={header: "new"}, method="GET"), keys).kind,
        telegram.verify(a_hook("{}", headers={header: ""}), sdk.Keys(secrets={"subscription": (SecretStr(""),)})).kind,
    ]
    assert kinds == ["accept", "accept", "reject", "reject", "reject", "reject"]
