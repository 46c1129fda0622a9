"""What the tests share: a network in memory, a connector on it, and the samples of real payloads."""

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from chorally_bluesky import Bluesky
from chorally_bluesky.sandbox import Network

import chorally_sdk as sdk
from chorally_sdk.testing import connect

Connects = Callable[..., Bluesky]


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    """A network on which our account has posted once."""
    async with Network() as made:
        yield made


@pytest.fixture
def connects(network: Network) -> Connects:
    """Connects our account; what is given takes the place of how it is connected."""
    known = network.connection()

    def build(**given: Any) -> Bluesky:
        options: Mapping[str, Any] = {
            "settings": known.settings, "app_settings": known.app_settings, "external_id": known.external_id,
            "grant": known.grant, "now": network.clock,
        }  # fmt: skip
        platform = given.pop("platform", network.transport())
        return connect(Bluesky, platform, **{**options, **given})

    return build


@pytest.fixture
def bluesky(connects: Connects) -> Bluesky:
    """A connector for our account."""
    return connects()


@pytest.fixture
def an_answer() -> Callable[..., sdk.OutboundMessage]:
    """Builds answers with references of their own."""
    numbers = count(1)

    def build(body: str, to: str = "", **fields: Any) -> sdk.OutboundMessage:
        given = {"id": "1", "client_ref": f"{next(numbers):032x}", "channel": "bluesky_reply", "body": body}
        return sdk.OutboundMessage.model_validate({**given, "in_reply_to": to or None, **fields})

    return build


@pytest.fixture
def a_post() -> Callable[..., sdk.Publication]:
    """Builds posts of our own with references of their own."""
    numbers = count(1)

    def build(body: str, **fields: Any) -> sdk.Publication:
        given = {"id": "1", "client_ref": f"b{next(numbers):031x}", "channel": "bluesky_post", "body": body}
        return sdk.Publication.model_validate({**given, **fields})

    return build


@pytest.fixture
def prepared() -> Callable[..., Any]:
    """Takes the unseen steps of what goes out."""

    async def prepare(connector: Bluesky, outgoing: Any) -> Any:
        for _ in range(10):
            step = await connector.prepare(outgoing)
            assert step.wait == timedelta(0)
            outgoing = outgoing.model_copy(update={"prepared": step.state})
            if step.ready:
                return outgoing
        raise AssertionError("ten steps, and none is ready")

    return prepare
