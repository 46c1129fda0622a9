"""The longer window of agents is never opened to an answer that no person wrote."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chorally_core.services.io.model import Delivery
from chorally_core.services.io.outgoing import outgoing

import chorally_sdk as sdk

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LIMITS = sdk.Limits(window=timedelta(hours=24), agent_window=timedelta(days=7))


@pytest.mark.parametrize("automatic", [True, False])
def test_only_what_a_person_wrote_is_late(automatic: bool) -> None:
    """The window may close between the judgement of an automatic answer and its call."""
    no_vault: Any = None
    delivery = Delivery(
        id="1", tenant="t", account_id="a", platform="p", channel="p_message", key="k", client_ref="r", body="Hello",
        created_at=AT, next_at=AT, automatic=automatic, answers_at=AT,
    )  # fmt: skip
    said = outgoing(delivery, LIMITS, no_vault, AT + timedelta(hours=24, seconds=1))
    assert isinstance(said, sdk.OutboundMessage)
    assert said.late is not automatic
