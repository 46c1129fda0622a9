"""What the tests share: a bot in memory, a connector that speaks to it, and the samples of real payloads."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from chorally_telegram import Telegram
from chorally_telegram.config import AccountSettings
from chorally_telegram.sandbox import Sandbox
from chorally_telegram.sandbox.world import BOT_ID

import chorally_sdk as sdk
from chorally_sdk.testing import connect
from chorally_sdk.testing.recording import Exchange, Recorder

FILES: dict[str, bytes] = {"files/photo": b"\xff\xd8photo", "files/report": b"%PDF report", "files/voice": b"OggS"}


@pytest.fixture
def bot() -> Sandbox:
    """A bot that nobody has written to."""
    return Sandbox()


@pytest.fixture
def asked() -> list[Exchange]:
    """Every request of the connector, and what came of it."""
    return []


@pytest.fixture
def telegram(bot: Sandbox, asked: list[Exchange]) -> Telegram:
    """A connector for that bot, with files of ours."""
    made = connect(
        Telegram,
        Recorder(bot.transport(), asked),
        external_id=str(BOT_ID),
        grant=bot.connection().grant,
        settings=AccountSettings(),
        now=bot.clock,
    )
    made._media = media
    return made


async def media(attachment: sdk.Attachment) -> AsyncIterator[bytes]:
    """Give a file of ours in small pieces."""
    content = FILES[attachment.external_id or ""]
    for at in range(0, len(content), 3):
        yield content[at : at + 3]


@pytest.fixture
def an_answer() -> Callable[..., sdk.OutboundMessage]:
    """Builds an answer that is being sent now."""

    def build(body: str = "", **others: Any) -> sdk.OutboundMessage:
        given = {"id": "1", "client_ref": "0" * 32, "channel": "telegram_message", "body": body, **others}
        return sdk.OutboundMessage.model_validate(given)

    return build
