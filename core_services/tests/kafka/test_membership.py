"""What a member of a group says of itself while it has no share of the partitions."""

import asyncio
from typing import Any

import pytest
from chorally_core.adapters.kafka import closing
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


class Stubborn:
    """A client that swallows what ends it, as aiokafka's parts do where an answer comes in the same instant."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.joined = asyncio.Event()
        self.cut_off: list[str] = []
        self._client = self

    async def wait(self) -> None:
        """Wait until it may end, whoever wants it to end before."""
        while not self.may_end.is_set():
            try:
                await self.may_end.wait()
            except asyncio.CancelledError:
                continue

    stop = start = wait

    def subscribe(self, *_: Any, **__: Any) -> None:
        """Belong to the group from now on."""
        self.joined.set()

    async def close(self) -> None:
        """Be cut off."""
        self.cut_off.append("connections")


async def test_a_client_that_does_not_stop_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it swallows, closing it ends."""
    client = Stubborn()
    monkeypatch.setattr(closing, "CLOSE_S", 0.01)
    monkeypatch.setattr(closing, "_CUT_S", 0.01)
    async with asyncio.timeout(5):
        await closing.close(client)
    assert client.cut_off == ["connections"]
    client.may_end.set()


async def test_a_member_ends_although_its_client_swallows_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is asked to leave while the group is shared out anew, it does not wait for the others for ever."""
    client = Stubborn()

    async def ensure(_: Any) -> None:
        return

    monkeypatch.setattr(module, "AIOKafkaConsumer", lambda **_: client)
    for where, name in ((module, "CLOSE_S"), (module, "_LEAVE_S"), (closing, "CLOSE_S"), (closing, "_CUT_S")):
        monkeypatch.setattr(where, name, 0.05)
    settings = KafkaSettings(servers=("127.0.0.1:1",))
    member = Membership(
        settings, "message", ["messages"], ensure=ensure, arrived=lambda: None, handover_s=1.0, after=None
    )
    member.start()
    await client.joined.wait()
    async with asyncio.timeout(5):
        await member.stop()
    client.may_end.set()
    assert member._task is not None
    await asyncio.wait({member._task}, timeout=5)
    assert member._task.done()
