"""What the tests share: locations in memory, a connector that speaks to them, and the samples of real payloads."""

from collections.abc import Callable
from typing import Any

import pytest
from chorally_google_business import GoogleBusiness
from chorally_google_business.config import AccountSettings, AppSettings
from chorally_google_business.sandbox import Sandbox

import chorally_sdk as sdk
from chorally_sdk.testing import connect
from chorally_sdk.testing.recording import Exchange, Recorder

Connected = Callable[..., GoogleBusiness]


@pytest.fixture
def google() -> Sandbox:
    """Locations that nobody has reviewed."""
    return Sandbox()


@pytest.fixture
def asked() -> list[Exchange]:
    """Every request of the connector, and what came of it."""
    return []


@pytest.fixture
def connected(google: Sandbox, asked: list[Exchange]) -> Connected:
    """Builds a connector for the first location, with some settings changed."""

    def build(
        *,
        app: dict[str, Any] | None = None,
        for_app: bool = False,
        grant: sdk.Grant | None = None,
        external_id: str = "",
        **settings: Any,
    ) -> GoogleBusiness:
        known = google.connection()
        assert isinstance(known.app_settings, AppSettings)
        assert isinstance(known.settings, AccountSettings)
        return connect(
            GoogleBusiness,
            Recorder(google.transport(), asked),
            external_id=external_id or known.external_id,
            grant=grant or google.a_grant(lasting=True),
            settings=known.settings.model_copy(update=settings),
            app_settings=known.app_settings.model_copy(update=app or {}),
            now=google.clock,
            for_app=for_app,
        )

    return build


@pytest.fixture
def connector(connected: Connected) -> GoogleBusiness:
    """A connector for the first location."""
    return connected()


@pytest.fixture
def an_answer(google: Sandbox) -> Callable[..., sdk.OutboundMessage]:
    """Builds an answer that is being sent now."""

    def build(review: str | None, body: str = "Thank you", **others: Any) -> sdk.OutboundMessage:
        given = {
            "id": "1", "client_ref": "0" * 32, "channel": "google_review", "body": body, "in_reply_to": review,
            "tried_at": google.clock(), **others,
        }  # fmt: skip
        return sdk.OutboundMessage.model_validate(given)

    return build
