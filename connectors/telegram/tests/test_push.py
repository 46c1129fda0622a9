"""What goes out: texts, files and albums, and what is refused before anything is sent."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from chorally_telegram import Telegram
from chorally_telegram.sandbox import Sandbox
from chorally_telegram.sandbox.world import BOT_ID, GROUP_ID

import chorally_sdk as sdk
from chorally_sdk.testing import connect
from chorally_sdk.testing.recording import Exchange

Answer = Callable[..., sdk.OutboundMessage]
PHOTO = sdk.Attachment(kind="image", external_id="files/photo", media_type="image/jpeg", name="a.jpg")
REPORT = sdk.Attachment(kind="file", external_id="files/report", media_type="application/pdf", name='r "1".pdf')
VOICE = sdk.Attachment(kind="audio", external_id="files/voice", media_type="audio/ogg")
CAT = "\N{CAT FACE WITH TEARS OF JOY}"


async def push(telegram: Telegram, answer: sdk.OutboundMessage) -> sdk.Receipt:
    """Send as the host does."""
    with sdk.visible_call():
        return await telegram.push(answer)


def shown(bot: Sandbox, receipt: sdk.Receipt) -> dict[str, Any]:
    """What people see of a receipt."""
    chat, _, number = str(receipt.external_id).rpartition("/")
    return bot.world.messages[int(chat), int(number)]


async def test_an_answer_quotes_what_it_answers(bot: Sandbox, telegram: Telegram, an_answer: Answer) -> None:
    """By the route alone; the receipt names the message that people now see."""
    asked = await bot.say("Open?")
    chat, number = (int(part) for part in asked.split("/"))
    receipt = await push(telegram, an_answer("Yes", in_reply_to=asked, route={"chat": chat, "message": number}))

    assert (shown(bot, receipt)["text"], shown(bot, receipt)["reply_to_message"]["message_id"]) == ("Yes", number)
    assert receipt.conversation_id == str(chat)


async def test_without_a_route_the_conversation_says_where(bot: Sandbox, telegram: Telegram, an_answer: Answer) -> None:
    """A conversation that is begun has none, and goes to the person's private chat."""
    bot.write("ada", text="/start")
    person = str(bot.world.person("ada")["id"])
    found = [
        await push(telegram, an_answer("a", conversation_id=str(GROUP_ID))),
        await push(telegram, an_answer("b", to=person)),
        await push(telegram, an_answer("c", in_reply_to=f"{person}/1")),
        await push(telegram, an_answer("d", in_reply_to=f"{person}/1", conversation_id=person)),
        await push(telegram, an_answer("e", in_reply_to="callback/9", conversation_id=person)),
    ]

    assert [shown(bot, each)["chat"]["id"] for each in found] == [GROUP_ID, *[int(person)] * 4]
    assert ["reply_to_message" in shown(bot, each) for each in found] == [False, False, True, True, False]


async def test_an_answer_arrives_when_its_question_was_deleted(
    bot: Sandbox, telegram: Telegram, an_answer: Answer
) -> None:
    """It then quotes nothing."""
    receipt = await push(telegram, an_answer("Yes", in_reply_to=f"{GROUP_ID}/77"))

    assert "reply_to_message" not in shown(bot, receipt)


@pytest.mark.parametrize(
    ("conversation", "fields"),
    [
        ("-1001:7", {"chat_id": -1001, "message_thread_id": 7}),
        ("-1001:d7", {"chat_id": -1001, "direct_messages_topic_id": 7}),
        ("b1/11", {"chat_id": 11, "business_connection_id": "b1"}),
        ("@ournews", {"chat_id": "@ournews"}),
    ],
)
async def test_topics_businesses_and_names_are_reached(
    conversation: str, fields: dict[str, Any], an_answer: Answer
) -> None:
    """Each by the parameter of its own."""
    sent: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return httpx.Response(200, json={"ok": True, "result": {"message_id": 3, "chat": {"id": -1001}}})

    telegram = connect(Telegram, answer, grant=Sandbox().connection().grant)
    await push(telegram, an_answer("Hi", conversation_id=conversation))

    assert sent == [{**fields, "text": "Hi"}]


async def test_a_file_is_sent_as_what_it_is(bot: Sandbox, telegram: Telegram, an_answer: Answer) -> None:
    """Byte for byte, with its name and the words beside it."""
    to = str(GROUP_ID)
    photo, report, voice = [
        shown(bot, await push(telegram, an_answer(body, conversation_id=to, attachments=(each,))))
        for body, each in (("Look & 5 < 6\r\n0", PHOTO), ("", REPORT), ("", VOICE))
    ]

    assert bot.world.files[photo["photo"][0]["file_id"]] == b"\xff\xd8photo"
    assert photo["caption"] == "Look & 5 < 6\r\n0"
    assert (bot.world.files[report["document"]["file_id"]], report["document"]["mime_type"]) == (
        b"%PDF report", "application/pdf",
    )  # fmt: skip
    assert "caption" not in report
    assert "voice" in voice


async def test_several_files_are_one_album(bot: Sandbox, telegram: Telegram, an_answer: Answer) -> None:
    """The words are under its first; the receipt names all of it, and the first as the message."""
    album = an_answer("Two", conversation_id=str(GROUP_ID), attachments=(PHOTO, PHOTO))
    receipt = await push(telegram, album)
    ids = receipt.data["ids"]
    found = [shown(bot, receipt.model_copy(update={"external_id": each})) for each in ids]

    assert ids[0] == receipt.external_id
    assert [each.get("caption") for each in found] == ["Two", None]
    assert len({each["media_group_id"] for each in found}) == 1


async def test_files_of_different_kinds_go_as_documents(bot: Sandbox, telegram: Telegram, an_answer: Answer) -> None:
    """Albums mix photos and videos only."""
    receipt = await push(telegram, an_answer(conversation_id=str(GROUP_ID), attachments=(PHOTO, REPORT, VOICE)))

    assert "document" in shown(bot, receipt)
    assert len(receipt.data["ids"]) == 3


async def test_a_file_with_an_address_is_read_by_telegram(
    bot: Sandbox, telegram: Telegram, asked: list[Exchange], an_answer: Answer
) -> None:
    """Nothing is uploaded then."""
    far = sdk.Attachment(kind="image", url="https://example.org/a.jpg")
    await push(telegram, an_answer("See", conversation_id=str(GROUP_ID), attachments=(far,)))

    assert json.loads(asked[-1].body)["photo"] == "https://example.org/a.jpg"


async def test_a_large_picture_goes_as_a_document(bot: Sandbox, telegram: Telegram, an_answer: Answer) -> None:
    """Telegram takes photos of 10 MB, and documents of 50."""
    large = PHOTO.model_copy(update={"size_bytes": 10 * 2**20 + 1})
    receipt = await push(telegram, an_answer(conversation_id=str(GROUP_ID), attachments=(large,)))

    assert "document" in shown(bot, receipt)


async def test_a_file_that_is_too_large_is_given_up_while_it_is_sent(bot: Sandbox, an_answer: Answer) -> None:
    """Nothing is shown of it, and it is certain that nothing was sent."""

    async def endless(_: sdk.Attachment) -> Any:
        for _number in range(60):
            yield b"x" * 2**20

    telegram = connect(Telegram, bot.transport(), grant=bot.connection().grant)
    telegram._media = endless
    with pytest.raises(sdk.Rejected, match="more than 52428800 bytes"):
        await push(telegram, an_answer(conversation_id=str(GROUP_ID), attachments=(REPORT,)))
    assert not bot.made()


async def test_a_group_that_moved_is_answered_where_it_is(
    bot: Sandbox, telegram: Telegram, asked: list[Exchange], an_answer: Answer
) -> None:
    """The first call was refused, so the second is no repetition; it quotes nothing, as the numbers are others."""
    old = {"id": -42, "type": "group", "title": "Small"}
    bot.world.chats[-42], bot.world.moved[-42] = old, GROUP_ID
    receipt = await push(telegram, an_answer("Here?", in_reply_to="-42/7", attachments=(PHOTO,)))

    assert (receipt.conversation_id, len(asked)) == (str(GROUP_ID), 2)
    assert [each.target for each in bot.made()] == [None]


async def test_who_blocked_the_bot_is_not_reached(bot: Sandbox, telegram: Telegram, an_answer: Answer) -> None:
    """The agent is told why."""
    asked = bot.write("ada", text="Hi")
    bot.block("ada")
    with pytest.raises(sdk.Rejected, match="blocked by the user") as caught:
        await push(telegram, an_answer("Hello", in_reply_to=asked))

    assert caught.value.reason is sdk.Reason.BLOCKED


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"body": CAT * 2048 + "a"}, "4097 UTF-16 units"),
        ({"body": CAT * 512 + "a", "attachments": (PHOTO,)}, "1025 UTF-16 units"),
        ({"body": " \n"}, "empty"),
        ({"attachments": (REPORT,) * 11}, "11 files"),
        ({"body": "x", "options": {"chat_id": 3}}, "no option chat_id"),
        ({"body": "x", "conversation_id": None}, "say which"),
        ({"body": "x", "conversation_id": "ada"}, "names no chat"),
        ({"body": "x", "route": {"chat": 3, "guest": "g"}}, "no member"),
    ],
)
async def test_what_telegram_would_refuse_is_never_sent(answer: dict[str, Any], why: str, an_answer: Answer) -> None:
    """No request is made, and the reason says what to do."""
    with pytest.raises(sdk.Rejected, match=why):
        await push(connect(Telegram), an_answer(**{"conversation_id": "11", **answer}))


async def test_the_longest_texts_are_taken(bot: Sandbox, telegram: Telegram, an_answer: Answer) -> None:
    """An emoji counts two."""
    to = str(GROUP_ID)
    await push(telegram, an_answer(CAT * 2048, conversation_id=to))
    await push(telegram, an_answer(CAT * 512, conversation_id=to, attachments=(PHOTO,)))

    assert [len(each.body) for each in bot.made()] == [2048, 512]


async def test_options_are_those_of_the_bot_api(
    bot: Sandbox, telegram: Telegram, asked: list[Exchange], an_answer: Answer
) -> None:
    """Each goes where it belongs: beside the text, beside the file, or to the album's first."""
    options = {"parse_mode": "HTML", "disable_notification": True, "link_preview_options": {"is_disabled": True}}
    to = str(GROUP_ID)
    await push(telegram, an_answer("<b>Hi</b>", conversation_id=to, options=options))
    await push(telegram, an_answer("<b>Hi</b>", conversation_id=to, options=options, attachments=(PHOTO, PHOTO)))
    text, album = json.loads(asked[0].body), asked[1].body.decode("utf-8", "replace")

    assert {name: text[name] for name in options} == options
    assert '"parse_mode": "HTML"' in album
    assert 'name="disable_notification"\r\n\r\ntrue' in album
    assert "link_preview_options" not in album


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"ok": True}),
        httpx.Response(200, json={"ok": True, "result": []}),
        httpx.Response(200, json={"ok": True, "result": {"chat": {"id": 1}}}),
        httpx.Response(200, text="<html>"),
        httpx.Response(502, text="<html>"),
        httpx.Response(500, json={"ok": False, "error_code": 500, "description": "Internal Server Error"}),
    ],
)
async def test_an_answer_that_says_nothing_leaves_the_outcome_unknown(
    answer: httpx.Response, an_answer: Answer
) -> None:
    """Any of these may have sent the message."""
    telegram = connect(Telegram, lambda _: answer, grant=Sandbox().connection().grant)
    with pytest.raises(sdk.OutcomeUnknown):
        await push(telegram, an_answer("Hi", conversation_id=str(BOT_ID)))


async def test_a_media_type_begins_no_line_of_its_own(
    bot: Sandbox, telegram: Telegram, an_answer: Answer, asked: list[Exchange]
) -> None:
    """What it says stays within the header of its part."""
    said = await bot.say("Hello")
    odd = REPORT.model_copy(update={"media_type": "text/plain\r\nX-Odd: 1"})
    await push(telegram, an_answer("See", in_reply_to=said, attachments=(odd,)))

    assert b"\r\nX-Odd" not in asked[-1].body
    assert b"X-Odd" in asked[-1].body
