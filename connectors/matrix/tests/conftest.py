"""What the tests share: a homeserver in memory, a connector for its user, and the samples of real payloads."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from chorally_matrix import Matrix
from chorally_matrix.sandbox import Homeserver
from chorally_matrix.sandbox.world import US

import chorally_sdk as sdk
from chorally_sdk.testing import connect
from chorally_sdk.testing.recording import Exchange, Recorder

FILE = bytes(range(256)) * 10


@pytest.fixture
def server() -> Homeserver:
    """A homeserver whose lobby is empty."""
    return Homeserver()


@pytest.fixture
def asked() -> list[Exchange]:
    """Every request of the connector, and what came of it."""
    return []


@pytest.fixture
def user(server: Homeserver, asked: list[Exchange]) -> Callable[..., Matrix]:
    """Makes a connector for the user, with other settings if need be."""

    def build(*, for_app: bool = False, **settings: Any) -> Matrix:
        known = server.connection()
        return connect(
            Matrix,
            Recorder(server.transport(), asked),
            external_id=US,
            grant=known.grant,
            app_settings=known.app_settings,
            settings=known.settings.model_copy(update=settings),
            now=server.clock,
            media=media,
            for_app=for_app,
        )

    return build


@pytest.fixture
def us(user: Callable[..., Matrix]) -> Matrix:
    """A connector for the user."""
    return user()


async def media(_: sdk.Attachment) -> AsyncIterator[bytes]:
    """Give a file of ours in small pieces."""
    for at in range(0, len(FILE), 1000):
        yield FILE[at : at + 1000]


@pytest.fixture
def an_answer(server: Homeserver) -> Callable[..., sdk.OutboundMessage]:
    """Builds an answer that is being sent now."""

    def build(body: str = "Until six.", **others: Any) -> sdk.OutboundMessage:
        fields = {"conversation_id": "!lobby:matrix.example", "tried_at": server.clock(), **others}
        return sdk.OutboundMessage.model_validate(
            {"id": "1", "client_ref": "0" * 31 + "1", "channel": "matrix_message", "body": body, **fields}
        )

    return build
