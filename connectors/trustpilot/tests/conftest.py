"""What the tests share: a business unit in memory, a connector that speaks to it, and the samples of real payloads."""

from collections.abc import Callable
from typing import Any

import pytest
from chorally_trustpilot import Trustpilot
from chorally_trustpilot.sandbox import Sandbox

import chorally_sdk as sdk
from chorally_sdk.testing import connect
from chorally_sdk.testing.recording import Exchange, Recorder


@pytest.fixture
def unit() -> Sandbox:
    """A business unit that nobody has reviewed."""
    return Sandbox()


@pytest.fixture
def asked() -> list[Exchange]:
    """Every request of the connector, and what came of it."""
    return []


@pytest.fixture
def connected(unit: Sandbox, asked: list[Exchange]) -> Callable[..., Trustpilot]:
    """Makes a connector for that business unit; what is given replaces settings of the account."""

    def make(**settings: Any) -> Trustpilot:
        known = unit.connection()
        return connect(
            Trustpilot,
            Recorder(unit.transport(), asked),
            external_id=known.external_id,
            grant=known.grant,
            settings=known.settings.model_copy(update=settings),
            app_settings=known.app_settings,
            now=unit.clock,
        )

    return make


@pytest.fixture
def trustpilot(connected: Callable[..., Trustpilot]) -> Trustpilot:
    """A connector for that business unit."""
    return connected()


@pytest.fixture
def an_answer(unit: Sandbox) -> Callable[..., sdk.OutboundMessage]:
    """Builds a reply that is being sent now."""

    def build(body: str, to: str, **others: Any) -> sdk.OutboundMessage:
        given = {"in_reply_to": to, "conversation_id": to, "tried_at": unit.clock(), **others}
        return sdk.OutboundMessage.model_validate(
            {"id": "1", "client_ref": "0" * 32, "channel": "trustpilot_review", "body": body, **given}
        )

    return build
