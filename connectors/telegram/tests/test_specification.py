"""Everything that is asked, answered and told, judged by the description of the Bot API."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from chorally_telegram import Telegram
from chorally_telegram.config import KINDS
from chorally_telegram.sandbox import Sandbox
from chorally_telegram.sandbox.world import GROUP_ID
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing.recording import Exchange
from chorally_sdk.testing.specification import Described, read

Answer = Callable[..., sdk.OutboundMessage]
TO = str(GROUP_ID)
TYPES = {
    "photo": "image/jpeg",
    "animation": "image/gif",
    "video": "video/mp4",
    "voice": "audio/ogg",
    "audio": "audio/mpeg",
    "document": "application/pdf",
}


def a_file(media_type: str) -> sdk.Attachment:
    """A file of ours."""
    return sdk.Attachment(kind="file", external_id="files/photo", media_type=media_type, name="a.bin")


@pytest.fixture(scope="session")
def described(specs: Path) -> Described:
    """The description."""
    return read(specs / "telegram" / "api.json")


async def everything(bot: Sandbox, telegram: Telegram, an_answer: Answer) -> None:
    """Do all that the connector can do, once in each form."""
    await telegram.check()
    said = await bot.attach("Look", b"content")
    await bot.edit(await bot.say("Open?"), "Open now?")
    bot.write("ada", text="Hi")
    bot.block("bob")
    page = await anext(telegram.pull("updates", None, None))
    message = page.events[0]
    assert isinstance(message, sdk.Message)
    _ = [piece async for piece in telegram.download(message.attachments[0])]

    options = {
        "disable_notification": True,
        "reply_markup": {"inline_keyboard": [[{"text": "a", "callback_data": "b"}]]},
    }
    text = await telegram.push(an_answer("Yes", in_reply_to=said, route=message.route, options=options))
    files = [
        await telegram.push(an_answer("c", conversation_id=TO, attachments=(a_file(media_type),)))
        for media_type in TYPES.values()
    ]
    far = sdk.Attachment(kind="image", url="https://example.org/a.jpg")
    await telegram.push(an_answer(conversation_id=TO, attachments=(far,)))
    for kinds in (("photo", "video"), ("audio", "audio"), ("document", "voice")):
        album = tuple(a_file(TYPES[kind]) for kind in kinds)
        await telegram.push(an_answer("c", in_reply_to=said, attachments=album))
    await telegram.push(an_answer("c", conversation_id=TO, attachments=(far, far)))
    for target in (text, files[0]):
        for verb in ("edit", "like", "delete"):
            given = {"verb": verb, "external_id": target.external_id, "channel": "telegram_message", "body": "New"}
            await telegram.moderate(sdk.Action.model_validate(given))
    with pytest.raises(sdk.Rejected):
        await telegram.push(an_answer("x", conversation_id="404"))
    await telegram.unsubscribe(await telegram.subscribe("https://chorally.example/h", SecretStr("s"), None))


async def test_all_that_is_said_is_as_the_bot_api_describes_it(
    described: Described, bot: Sandbox, telegram: Telegram, an_answer: Answer, asked: list[Exchange]
) -> None:
    """Every call, parameter, body and answer; and there are as many kinds of calls as the connector makes."""
    await everything(bot, telegram, an_answer)
    unknown = [f"{each.method} {each.url}" for each in asked if not described.operation(each)]
    mistakes = [
        mistake
        for each in asked
        for judge in (described.parameters, described.request, described.answer)
        for mistake in judge(each)
    ]
    methods = {each.url.partition("?")[0].rpartition("/")[2] for each in asked if "/file/" not in each.url}

    assert (unknown, mistakes) == ([], [])
    assert methods == {
        "getMe", "getUpdates", "getFile", "getWebhookInfo", "setWebhook", "deleteWebhook", "sendMessage", "sendPhoto",
        "sendAnimation", "sendVideo", "sendVoice", "sendAudio", "sendDocument", "sendMediaGroup", "editMessageText",
        "editMessageCaption", "deleteMessage", "setMessageReaction",
    }  # fmt: skip
    assert len({(each.method, each.url, each.body) for each in asked}) >= 25


async def test_the_updates_of_the_sandbox_are_as_described(described: Described, bot: Sandbox) -> None:
    """Of every kind that it makes."""
    await bot.attach("Look", b"content")
    await bot.edit(await bot.say("Open?", parent=await bot.say("Hi")), "Open now?")
    await bot.say("Anonymous", author=None)
    bot.block("bob")
    hooks = bot.hooks()

    assert [mistake for hook in hooks for mistake in described.hook(hook.body)] == []
    assert len(hooks) == 6


async def test_a_method_for_businesses_is_described(described: Described, telegram: Telegram) -> None:
    """The sandbox has no business account, so this call is judged by itself."""
    body = json.dumps({"business_connection_id": "b1", "message_ids": [5]}).encode()
    call = Exchange(
        "POST", "https://api.telegram.org/bot1:a/deleteBusinessMessages", (("content-type", "application/json"),), body
    )

    assert described.operation(call)
    assert list(described.request(call)) == []


def test_the_kinds_of_updates_are_those_that_are_described(specs: Path) -> None:
    """A misspelt one would never be told."""
    update = json.loads((specs / "telegram" / "api.json").read_text("utf-8"))["types"]["Update"]

    assert set(KINDS) <= {field["name"] for field in update["fields"]}
