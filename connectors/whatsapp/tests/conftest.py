"""What the tests share: a business in memory, a connector that speaks for its number, and the samples."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from chorally_whatsapp import WhatsApp
from chorally_whatsapp.sandbox import Twin

from chorally_sdk.testing import connect
from chorally_sdk.testing.recording import Exchange, Recorder

from .building import pieces


@pytest.fixture
async def business() -> AsyncIterator[Twin]:
    """A business on WhatsApp in memory."""
    async with Twin() as twin:
        yield twin


@pytest.fixture
def exchanges() -> list[Exchange]:
    """Every call that the connector made."""
    return []


@pytest.fixture
def connected(business: Twin, exchanges: list[Exchange]) -> Callable[..., WhatsApp]:
    """Builds connectors for the business's number; settings may be replaced by name."""

    def build(**settings: Any) -> WhatsApp:
        known = business.connection()
        return connect(
            WhatsApp, Recorder(business.transport(), exchanges), external_id=known.external_id, grant=known.grant,
            settings=known.settings.model_copy(update=settings), app_settings=known.app_settings, now=business.clock,
            media=pieces,
        )  # fmt: skip

    return build


@pytest.fixture
def whatsapp(connected: Callable[..., WhatsApp]) -> WhatsApp:
    """A connector for the business's number."""
    return connected()
