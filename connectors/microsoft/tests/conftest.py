"""What the tests share: a mailbox and a bot in memory, connectors that speak to them, and samples of real payloads."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from chorally_microsoft import Microsoft
from chorally_microsoft.sandbox import Outlook, TeamsBot

import chorally_sdk as sdk
from chorally_sdk.testing import connect
from chorally_sdk.testing.recording import Exchange, Recorder

FILES = {"small": b"small file", "large": bytes(range(256)) * 4096 * 7}


async def media(attachment: sdk.Attachment) -> AsyncIterator[bytes]:
    """Give a file of ours in pieces."""
    content = FILES[attachment.external_id or ""]
    for at in range(0, len(content), 1_000_000):
        yield content[at : at + 1_000_000]


@pytest.fixture
def files() -> dict[str, bytes]:
    """Files of ours by name."""
    return FILES


@pytest.fixture
def asked() -> list[Exchange]:
    """Every request of the connector, and what came of it."""
    return []


@pytest.fixture
def mailbox() -> Outlook:
    """A mailbox that nobody has written to."""
    return Outlook()


@pytest.fixture
def bot() -> TeamsBot:
    """A bot that nobody has spoken to."""
    return TeamsBot()


@pytest.fixture
def outlook(mailbox: Outlook, asked: list[Exchange]) -> Microsoft:
    """A connector for that mailbox."""
    return connected(mailbox, asked)


@pytest.fixture
def teams(bot: TeamsBot, asked: list[Exchange]) -> Microsoft:
    """A connector for that bot."""
    return connected(bot, asked)


@pytest.fixture(name="connected")
def connected_fixture() -> Callable[..., Microsoft]:
    """Connects to a stand-in."""
    return connected


def connected(levers: Outlook | TeamsBot, asked: list[Exchange] | None = None, **given: Any) -> Microsoft:
    """Return a connector for the account of a stand-in."""
    known = levers.connection()
    options: dict[str, Any] = {
        "settings": known.settings,
        "app_settings": known.app_settings,
        "external_id": known.external_id,
        "data": known.data,
        "grant": known.grant,
        "now": levers.clock,
        "media": media,
    }
    return connect(Microsoft, Recorder(levers.transport(), [] if asked is None else asked), **{**options, **given})


@pytest.fixture
def an_answer() -> Callable[..., sdk.OutboundMessage]:
    """Builds an answer that is being sent now."""

    def build(body: str = "Until six", **others: Any) -> sdk.OutboundMessage:
        given = {"id": "1", "client_ref": "0" * 32, "channel": "outlook_mail", "body": body, **others}
        return sdk.OutboundMessage.model_validate(given)

    return build


@pytest.fixture(name="prepared")
def prepared_fixture() -> Callable[..., Awaitable[sdk.OutboundMessage]]:
    """Takes every unseen step."""
    return prepared


async def prepared(connector: Microsoft, outgoing: sdk.OutboundMessage) -> sdk.OutboundMessage:
    """Take every unseen step."""
    while True:
        step = await connector.prepare(outgoing)
        outgoing = outgoing.model_copy(update={"prepared": step.state})
        if step.ready:
            return outgoing
