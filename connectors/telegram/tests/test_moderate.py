"""Edits, deletions and likes; what is so already is success."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from chorally_telegram import Telegram
from chorally_telegram.sandbox import Sandbox
from chorally_telegram.sandbox.world import GROUP_ID

import chorally_sdk as sdk
from chorally_sdk.testing import connect
from chorally_sdk.testing.recording import Exchange

Answer = Callable[..., sdk.OutboundMessage]
PHOTO = sdk.Attachment(kind="image", external_id="files/photo", media_type="image/jpeg", name="a.jpg")


def action(verb: str, external_id: str, body: str = "") -> sdk.Action:
    """What is to be done to a message."""
    given = {"verb": verb, "external_id": external_id, "channel": "telegram_message", "body": body}
    return sdk.Action.model_validate(given)


async def test_a_text_is_edited_and_the_same_edit_again_is_success(
    bot: Sandbox, telegram: Telegram, an_answer: Answer
) -> None:
    """Telegram refuses an edit that changes nothing."""
    made = (await telegram.push(an_answer("Yes", conversation_id=str(GROUP_ID)))).external_id or ""
    for _ in range(2):
        await telegram.moderate(action("edit", made, "No"))

    assert [each.body for each in bot.made()] == ["No"]


async def test_the_words_beside_a_file_are_edited(bot: Sandbox, telegram: Telegram, an_answer: Answer) -> None:
    """A message with a file has no text; its caption is shorter."""
    made = (await telegram.push(an_answer("a", conversation_id=str(GROUP_ID), attachments=(PHOTO,)))).external_id or ""
    await telegram.moderate(action("edit", made, "b"))
    with pytest.raises(sdk.Rejected, match="1024"):
        await telegram.moderate(action("edit", made, "b" * 1025))

    assert [each.body for each in bot.made()] == ["b"]


async def test_another_persons_message_cannot_be_edited(bot: Sandbox, telegram: Telegram) -> None:
    """A refusal that is neither sameness nor a missing text is told."""
    with pytest.raises(sdk.Rejected):
        await telegram.moderate(action("edit", await bot.say("Hi"), "Ho"))
    with pytest.raises(sdk.Rejected, match="4096"):
        await telegram.moderate(action("edit", "1/2", "b" * 4097))


async def test_a_message_is_deleted_and_what_is_gone_is_success(bot: Sandbox, telegram: Telegram) -> None:
    """The host simply repeats it after a kill."""
    said = await bot.say("Insult")
    for _ in range(2):
        await telegram.moderate(action("delete", said))

    assert bot.state_of(said) == "gone"


async def test_a_like_is_a_thumb(bot: Sandbox, telegram: Telegram) -> None:
    """A bot has one reaction to a message."""
    said = await bot.say("Great")
    for _ in range(2):
        await telegram.moderate(action("like", said))

    assert list(bot.world.reactions.values()) == [[{"type": "emoji", "emoji": "\N{THUMBS UP SIGN}"}]]


async def test_a_businesss_messages_are_reached_by_its_connection() -> None:
    """Deletions have a method of their own there, and reactions have none."""
    asked: list[tuple[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.path.rpartition("/")[2], request.content))
        return httpx.Response(200, json={"ok": True, "result": True})

    telegram = connect(Telegram, answer, grant=Sandbox().connection().grant)
    await telegram.moderate(action("delete", "b1/11/5"))
    await telegram.moderate(action("edit", "b1/11/5", "x"))
    with pytest.raises(sdk.Rejected, match="no reactions"):
        await telegram.moderate(action("like", "b1/11/5"))

    assert asked == [
        ("deleteBusinessMessages", b'{"business_connection_id":"b1","message_ids":[5]}'),
        ("editMessageText", b'{"business_connection_id":"b1","chat_id":11,"message_id":5,"text":"x"}'),
    ]


@pytest.mark.parametrize("target", ["callback/99", "11/update/900", "-100123/4/reaction/11", "nothing"])
async def test_what_is_no_message_cannot_be_changed(target: str, asked: list[Exchange]) -> None:
    """Nothing is asked of Telegram."""
    with pytest.raises(sdk.Rejected, match="names no message"):
        await connect(Telegram).moderate(action("delete", target))


async def test_what_telegram_does_not_offer_is_refused() -> None:
    """There is no hiding."""
    with pytest.raises(sdk.Rejected, match="hide"):
        await connect(Telegram).moderate(action("hide", "11/5"))


async def test_what_was_said_in_a_group_that_moved_does_not_count_as_deleted(bot: Sandbox) -> None:
    """The group is there, and so is the message: whoever wanted it gone is told."""
    moved = {"ok": False, "error_code": 400, "description": "Bad Request: group chat was upgraded to a supergroup chat"}
    answer = httpx.Response(400, json={**moved, "parameters": {"migrate_to_chat_id": -1001}})
    telegram = connect(Telegram, lambda _: answer, grant=bot.connection().grant)
    with pytest.raises(sdk.Rejected, match="the group is now -1001"):
        await telegram.moderate(sdk.Action(verb="delete", external_id="-5/7", channel="telegram_message"))
