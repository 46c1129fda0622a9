"""The sandbox as a person with curl meets it."""

from collections.abc import AsyncIterator

import httpx
import pytest
from chorally_telegram import Telegram
from chorally_telegram.sandbox import Sandbox
from chorally_telegram.sandbox.twin import TOKEN
from chorally_telegram.sandbox.world import GROUP_ID

from chorally_sdk.sandbox import Twin
from chorally_sdk.testing import a_hook, connect

BOT = f"/bot{TOKEN}"


@pytest.fixture
async def http(bot: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    """A person's client."""
    async with httpx.AsyncClient(transport=bot.transport(), base_url="http://sandbox") as client:
        yield client


@pytest.fixture
def posted(bot: Sandbox) -> list[httpx.Request]:
    """What the webhook got; it refuses the first."""
    got: list[httpx.Request] = []

    def take(request: httpx.Request) -> httpx.Response:
        got.append(request)
        return httpx.Response(503 if len(got) == 1 else 200)

    bot.post.transport = httpx.MockTransport(take)
    return got


def test_it_is_the_connectors_own() -> None:
    """The command serves it, and the kit pulls its levers."""
    assert isinstance(Telegram.sandbox(), Twin)


async def test_updates_are_posted_until_they_are_taken(
    bot: Sandbox, http: httpx.AsyncClient, posted: list[httpx.Request]
) -> None:
    """One in each, under the secret; what was taken is told to nobody else, and what waited before comes first."""
    await bot.say("before")
    await http.post(f"{BOT}/setWebhook", data={"url": "http://127.0.0.1:1/hook", "secret_token": "word"})
    await bot.say("after")
    accepted = [(await http.post("/_sandbox/deliver")).json()["accepted"] for _ in range(2)]
    words = [message.body for each in posted for message in connect(Telegram).parse(a_hook(each.content))]  # type: ignore[union-attr]

    assert (accepted, words) == ([1, 1], ["before", "after", "before"])
    assert {each.headers["X-Telegram-Bot-Api-Secret-Token"] for each in posted} == {"word"}
    assert not bot.world.updates
    await bot.post.aclose()


async def test_an_empty_address_deletes_the_webhook(bot: Sandbox, http: httpx.AsyncClient) -> None:
    """As Telegram documents it; what waits may be dropped by the other way."""
    await http.post(f"{BOT}/setWebhook", data={"url": "https://x.example/"})
    told = (await http.get(f"{BOT}/getWebhookInfo")).json()["result"]
    await bot.say("Hi")
    await http.post(f"{BOT}/setWebhook", data={"url": ""})
    waiting = len((await http.get(f"{BOT}/getUpdates")).json()["result"])
    await http.post(f"{BOT}/deleteWebhook", json={"drop_pending_updates": True})

    assert (told["url"], waiting) == ("https://x.example/", 1)
    assert (await http.get(f"{BOT}/getUpdates")).json()["result"] == []


@pytest.mark.parametrize(
    ("path", "body", "code", "words"),
    [
        ("/bot1:wrong/getMe", None, 404, "Not Found"),
        (f"{BOT}x/getMe", None, 401, "Unauthorized"),
        (f"{BOT}/sendMessage", {"chat_id": GROUP_ID, "text": " "}, 400, "empty"),
        (f"{BOT}/sendMessage", {"chat_id": GROUP_ID, "text": "a" * 4097}, 400, "too long"),
        (f"{BOT}/sendMessage", {"chat_id": 9, "text": "a"}, 400, "chat not found"),
        (
            f"{BOT}/sendMessage",
            {"chat_id": GROUP_ID, "text": "a", "reply_parameters": {"message_id": 9}},
            400, "message to be replied not found",
        ),
        (f"{BOT}/sendPhoto", {"chat_id": GROUP_ID, "photo": "x", "caption": "a" * 1025}, 400, "caption is too long"),
        (f"{BOT}/sendPhoto", {"chat_id": GROUP_ID}, 400, "not valid"),
        (f"{BOT}/sendMediaGroup", {"chat_id": GROUP_ID, "media": []}, 400, "not valid"),
        (f"{BOT}/sendDice", {"chat_id": GROUP_ID}, 400, "not valid"),
        (f"{BOT}/editMessageText", {"chat_id": GROUP_ID, "message_id": 9, "text": "a"}, 400, "to edit not found"),
        (f"{BOT}/setWebhook", {"url": "http://x.example"}, 400, "HTTPS URL"),
        ("/_sandbox/configure", {"deliver": "never"}, 400, ""),
    ],
)  # fmt: skip
async def test_mistakes_are_answered_as_telegram_does(
    http: httpx.AsyncClient, path: str, body: object, code: int, words: str
) -> None:
    """By the code, and words that say which."""
    answer = await (http.get(path) if body is None else http.post(path, json=body))

    assert answer.status_code == code
    assert words in answer.json().get("description", "")
    assert answer.json().get("ok", False) is False


async def test_what_was_not_asked_for_is_not_told(bot: Sandbox, http: httpx.AsyncClient) -> None:
    """Kinds are named by who reads; some are told only where they are named."""
    await http.get(f"{BOT}/getUpdates", params={"allowed_updates": '["edited_message"]'})
    said = await bot.say("a")
    await bot.edit(said, "b")
    told = (await http.get(f"{BOT}/getUpdates")).json()["result"]
    await http.get(f"{BOT}/getUpdates", params={"allowed_updates": "[]"})
    bot.world.update("chat_member", {})

    assert [sorted(update) for update in told] == [["edited_message", "update_id"]]
    assert len(bot.world.updates) == 1
