"""The token is in the path of each call, and nowhere that people read."""

import logging
import traceback
from collections.abc import Callable

import httpx
import pytest
from chorally_telegram import Telegram
from chorally_telegram.auth import BotToken, shown
from chorally_telegram.sandbox import Sandbox
from chorally_telegram.sandbox.twin import TOKEN
from chorally_telegram.shapes import Said, read
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import connect
from chorally_sdk.testing.recording import Exchange

REPORT = sdk.Attachment(kind="file", external_id="files/report", media_type="application/pdf", name="r.pdf")


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("https://api.telegram.org/getMe", f"/bot{TOKEN}/getMe"),
        (
            "https://api.telegram.org/getUpdates?offset=3&a=%5B%22x%22%5D",
            f"/bot{TOKEN}/getUpdates?offset=3&a=%5B%22x%22%5D",
        ),
        ("https://api.telegram.org/getFile?file_id=a/file/b", f"/bot{TOKEN}/getFile?file_id=a/file/b"),
        ("https://own.example/tg/getMe", f"/tg/bot{TOKEN}/getMe"),
        ("https://own.example/tg/file/documents/a%20b.pdf", f"/tg/file/bot{TOKEN}/documents/a%20b.pdf"),
    ],
)
def test_the_token_is_written_where_the_bot_api_wants_it(url: str, written: str) -> None:
    """Also behind the path of a server of one's own, and with the query as it was."""
    request = next(BotToken(SecretStr(TOKEN)).auth_flow(httpx.Request("GET", url)))

    assert request.url.raw_path.decode() == written


@pytest.mark.parametrize("token", ["", "no-token-at-all", "12:a/../b", "12:a\n", "x:abc", "12:"])
async def test_what_is_no_token_is_never_sent(token: str) -> None:
    """It could lead to another path; the person is asked for another, and the text is not shown."""
    with pytest.raises(sdk.Reauthorize) as caught:
        await connect(Telegram, grant=sdk.Grant(access=SecretStr(token))).check()

    assert token not in str(caught.value) or not token


async def test_no_log_line_shows_the_token(
    bot: Sandbox, telegram: Telegram, an_answer: Callable[..., sdk.OutboundMessage], caplog: pytest.LogCaptureFixture
) -> None:
    """Not even those in which the HTTP client tells the URL of each call, nor those of a download and an upload."""
    said = await bot.attach("Look", b"content")
    with caplog.at_level(logging.DEBUG):
        page = await anext(telegram.pull("updates", None, None))
        (message,) = [event for event in page.events if isinstance(event, sdk.Message)]
        _ = [piece async for piece in telegram.download(message.attachments[0])]
        await telegram.push(an_answer("See", in_reply_to=said, attachments=(REPORT,)))

    assert "/bot***/sendDocument" in caplog.text
    assert "/file/bot***/documents/" in caplog.text
    assert TOKEN not in caplog.text


def test_lines_of_others_stay_as_they_are() -> None:
    """Only URLs are rewritten, and only where a token may be."""
    assert shown(httpx.URL("https://example.org/robots?x=1")) == "https://example.org/robots?x=1"
    assert shown(httpx.URL(f"https://t.example/bot{TOKEN}/getMe?x=1")) == "https://t.example/bot***/getMe?x=1"


async def test_an_error_that_repeats_the_path_shows_no_token(bot: Sandbox) -> None:
    """Proxies like to quote what was asked."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(502, text=f"cannot reach {request.url}")

    with pytest.raises(sdk.RetryLater) as caught:
        await connect(Telegram, answer, grant=bot.connection().grant).check()
    assert TOKEN not in str(caught.value)


async def test_the_second_token_is_the_calls_own(bot: Sandbox, asked: list[Exchange]) -> None:
    """Nothing of a token is remembered by the class."""
    grant = bot.second_grant()
    bot.tokens.discard(TOKEN)

    assert (await connect(Telegram, bot.transport(), grant=grant).check()).name == "Sandbox Bot"


def test_a_traceback_shows_nothing_of_what_was_said() -> None:
    """Neither the error nor what caused it: tracebacks are written to logs."""
    words = "-".join(("secret", "words"))  # the traceback shows these lines
    with pytest.raises(sdk.Malformed) as caught:
        read(Said, {"message_id": words, "text": words}, "message")

    assert words not in "".join(traceback.format_exception(caught.value))
