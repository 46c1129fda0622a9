"""What the tests share: a page in memory, a connector that speaks to it, and the samples of real payloads."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest
from chorally_facebook import Facebook
from chorally_facebook.sandbox import Sandbox
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import connect

TOKEN = sdk.Grant(access=SecretStr("sandbox-token"))


class Clock:
    """A clock that goes on only when told to."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.at

    def pass_(self, **units: float) -> None:
        """Go on."""
        self.at += timedelta(**units)


@pytest.fixture
def clock() -> Clock:
    """The only clock there is."""
    return Clock()


@pytest.fixture
async def page(clock: Clock) -> AsyncIterator[Sandbox]:
    """An empty page in memory whose lost answers are lost at once."""
    async with Sandbox(now=clock) as sandbox:
        sandbox.configure(hold_s=0)
        yield sandbox


@pytest.fixture
def facebook(page: Sandbox, clock: Clock) -> Facebook:
    """A connector for that page."""
    return connect(Facebook, page.transport(), external_id=page.world.page_id, grant=TOKEN, now=clock)


@pytest.fixture
def an_answer(clock: Clock) -> Callable[..., sdk.OutboundMessage]:
    """Builds an answer that is being sent now."""

    def build(body: str, to: str, **others: object) -> sdk.OutboundMessage:
        fields = {"in_reply_to": to, "tried_at": clock.at, **others}
        return sdk.OutboundMessage.model_validate(
            {"id": "1", "client_ref": "0" * 32, "channel": "facebook_comment", "body": body, **fields}
        )

    return build
