"""What the tests share: an account in memory, connectors that speak to it, and the samples of real payloads."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from chorally_instagram import Instagram
from chorally_instagram.sandbox import Account, AccountOfPage

import chorally_sdk as sdk
from chorally_sdk.testing import connect

REF = "0123456789abcdef0123456789abcdef"
Speaking = Callable[..., Instagram]


@pytest.fixture
async def account() -> AsyncIterator[Account]:
    """An account by Instagram Login, without anything on it."""
    async with Account() as made:
        yield made


@pytest.fixture
async def of_page() -> AsyncIterator[AccountOfPage]:
    """An account by Facebook Login, without anything on it."""
    async with AccountOfPage() as made:
        yield made


@pytest.fixture
def speaking() -> Speaking:
    """Makes connectors for a stand-in."""

    def make(stand_in: Account, **given: Any) -> Instagram:
        known = stand_in.connection()
        options: dict[str, Any] = {
            "external_id": known.external_id, "grant": known.grant, "settings": known.settings,
            "app_settings": known.app_settings, "data": known.data, "now": stand_in.clock,
        }  # fmt: skip
        return connect(Instagram, **{"platform": stand_in.transport(), **options, **given})

    return make


@pytest.fixture
def instagram(account: Account, speaking: Speaking) -> Instagram:
    """A connector for the account by Instagram Login."""
    return speaking(account)


@pytest.fixture
def an_answer(account: Account) -> Callable[..., sdk.OutboundMessage]:
    """Builds an answer that is being sent now."""

    def build(body: str, channel: str = "instagram_comment", **others: Any) -> sdk.OutboundMessage:
        given = {"id": "1", "client_ref": REF, "channel": channel, "body": body, "tried_at": account.clock()}
        return sdk.OutboundMessage.model_validate({**given, **others})

    return build
