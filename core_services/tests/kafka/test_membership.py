"""What a member of a group says of itself while it has no share of the partitions."""

from typing import Any

import pytest
from chorally_core.adapters.kafka import membership as module
from chorally_core.adapters.kafka.membership import Membership
from chorally_core.adapters.kafka.settings import KafkaSettings


@pytest.fixture
async def member() -> Membership:
    """Return a member that is not connected."""

    async def ensure(_: Any) -> None:
        raise AssertionError("nothing is connected here")

    settings = KafkaSettings(servers=("127.0.0.1:1",))
    return Membership(
        settings, "message", ["messages"], ensure=ensure, arrived=lambda: None, handover_s=1.0, after=None
    )


async def test_a_member_that_has_not_joined_yet_cannot_work(member: Membership) -> None:
    """So its process is not ready; with its first share it is."""
    assert "message has not been given its share" in member.trouble()
    member.take_over()
    assert member.trouble() == ""


async def test_sharing_out_anew_is_no_trouble_unless_it_lasts(
    member: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All members give up their partitions for a moment: that must not take all of them out of service."""
    member.take_over()
    await member.give_up(())
    assert member.trouble() == ""
    monkeypatch.setattr(module, "_SHARED_OUT_S", -1.0)
    assert "message has not been given its share" in member.trouble()
    member.leave()
    assert member.trouble() == ""
