"""Long polling: what is asked confirms what was told, and one bot has one reader."""

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from chorally_telegram import Telegram
from chorally_telegram.config import AccountSettings
from chorally_telegram.sandbox import Sandbox
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import connect
from chorally_sdk.testing.recording import Exchange


async def until(holds: Callable[[], bool]) -> None:
    """Let others go on until something holds."""
    for _ in range(10_000):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never held")


def test_the_stream_runs_only_without_webhooks(telegram: Telegram) -> None:
    """Telegram answers 409 otherwise."""
    (stream,) = telegram.streams()

    assert (stream.name, stream.live, stream.without_hooks) == ("updates", True, True)


async def test_a_page_is_confirmed_by_the_next_question_only(bot: Sandbox, telegram: Telegram) -> None:
    """Until the generator goes on, which it does when the page is stored, Telegram keeps the updates."""
    said = [await bot.say(str(number)) for number in range(3)]
    pages = telegram.pull("updates", None, None)
    first = await anext(pages)
    kept = len(bot.world.updates)
    end = await anext(pages)

    assert [event.external_id for event in first.events if isinstance(event, sdk.Message)] == said
    assert (kept, len(bot.world.updates), end.done, end.cursor) == (3, 0, True, first.cursor)
    await pages.aclose()  # type: ignore[attr-defined]


async def test_it_goes_on_waiting_after_it_has_caught_up(
    bot: Sandbox, telegram: Telegram, asked: list[Exchange]
) -> None:
    """The question is held then, and nothing is yielded before there are news."""
    pages = telegram.pull("updates", None, None)
    first = await anext(pages)
    coming = asyncio.ensure_future(anext(pages))
    await until(lambda: len(asked) == 4)
    said = await bot.say("Hello")
    page = await coming

    assert (first.done, page.done) == (True, False)
    assert [event.external_id for event in page.events if isinstance(event, sdk.Message)] == [said]
    assert ["timeout=0" in each.url for each in asked[:2]] == [True, False]
    assert "timeout=25" in asked[1].url
    await pages.aclose()  # type: ignore[attr-defined]


async def test_an_empty_queue_keeps_the_cursor(telegram: Telegram) -> None:
    """Nothing came, so nothing moves."""
    page = await anext(telegram.pull("updates", {"offset": 17}, None))

    assert (page.cursor, page.done) == ({"offset": 17}, True)


async def test_a_webhook_that_is_set_is_a_conflict(bot: Sandbox, telegram: Telegram) -> None:
    """It is told what to do, and tried again: the webhook may be deleted meanwhile."""
    await telegram.subscribe("https://chorally.example/hook", SecretStr("secret"), None)
    with pytest.raises(sdk.RetryLater, match="delete its webhook") as caught:
        await anext(telegram.pull("updates", None, None))

    assert caught.value.wait == timedelta(seconds=30)


async def test_a_second_reader_is_a_conflict(bot: Sandbox) -> None:
    """The older question is answered 409."""
    bot.clock.run()
    first, second = [
        connect(Telegram, bot.transport(), grant=bot.connection().grant, settings=AccountSettings(poll_s=1))
        for _ in range(2)
    ]
    pages = first.pull("updates", None, None)
    await anext(pages)
    waiting = asyncio.ensure_future(anext(pages))
    await until(lambda: bot.calls == 2)
    await anext(second.pull("updates", None, None))
    with pytest.raises(sdk.RetryLater, match="end the other program"):
        await waiting


async def test_one_that_cannot_be_read_does_not_hold_up_the_rest(
    bot: Sandbox, telegram: Telegram, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told by a ping with its number; the log names the field, and none of the words."""
    number = bot.world.update("message", {"message_id": "secret words"})
    said = await bot.say("After")
    with caplog.at_level(logging.WARNING, "chorally_telegram"):
        page = await anext(telegram.pull("updates", None, None))

    assert page.events[0] == sdk.Ping(stream="updates", external_id=f"malformed/{number}")
    assert isinstance(page.events[1], sdk.Message)
    assert page.events[1].external_id == said
    assert "message_id" in caplog.text
    assert "secret words" not in caplog.text


async def test_an_old_message_that_was_edited_is_wanted(bot: Sandbox, telegram: Telegram) -> None:
    """What counts is when it was last said."""
    said = await bot.say("No. 17")
    bot.clock.pass_(hours=1)
    since = bot.clock()
    await bot.edit(said, "No. 18")
    page = await anext(telegram.pull("updates", None, since))

    assert [event.body for event in page.events if isinstance(event, sdk.Message)] == ["No. 18"]


@pytest.mark.parametrize("result", [{}, [{}], [{"update_id": "1"}], [{"update_id": 4}]])
async def test_an_answer_that_goes_back_or_has_no_numbers_is_malformed(result: Any) -> None:
    """Going on from it would pass over what comes next, or circle."""
    answer = httpx.Response(200, content=json.dumps({"ok": True, "result": result}))
    telegram = connect(Telegram, lambda _: answer, grant=Sandbox().connection().grant)
    with pytest.raises(sdk.Malformed, match="getUpdates"):
        await anext(telegram.pull("updates", {"offset": 5}, None))


async def test_numbers_may_begin_anew_below_those_that_were_read() -> None:
    """After a week without updates Telegram chooses the next number randomly; nothing is lost, and it goes on there."""
    asked: list[str] = []

    def platform(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("offset", ""))
        said = {"update_id": 17, "message": {"message_id": 1, "date": 1, "chat": {"id": 5}, "text": "Still there?"}}
        return httpx.Response(200, json={"ok": True, "result": [] if asked[1:] else [said]})

    telegram = connect(Telegram, platform, grant=Sandbox().connection().grant)
    pages = telegram.pull("updates", {"offset": 700}, None)
    first = await anext(pages)
    end = await anext(pages)

    assert [event.body for event in first.events if isinstance(event, sdk.Message)] == ["Still there?"]
    assert (asked, end.cursor, end.done) == (["700", "18"], {"offset": 18}, True)
    await pages.aclose()  # type: ignore[attr-defined]
