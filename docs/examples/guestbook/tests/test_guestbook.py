"""Tests of the guestbook connector: the contract, and what is the platform's own."""

from collections.abc import Callable

import pytest
from chorally_guestbook import Guestbook
from chorally_guestbook.sandbox import Wall
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import ConnectorContract, connect, pulled


class TestGuestbook(ConnectorContract):
    """What must hold for any connector, tried on its sandbox."""

    connector = Guestbook


@pytest.fixture
def wall() -> Wall:
    """An empty wall."""
    return Wall()


@pytest.fixture
def guestbook(wall: Wall) -> Callable[..., Guestbook]:
    """Return a connector for the wall."""

    def make(token: str = "guest") -> Guestbook:
        return connect(Guestbook, wall.transport(), grant=sdk.Grant(access=SecretStr(token)))

    return make


async def test_the_wall_is_named(guestbook: Callable[..., Guestbook]) -> None:
    """Checking an account needs one call."""
    assert (await guestbook().check()).name == "Our wall"


async def test_a_wrong_token_asks_for_another(guestbook: Callable[..., Guestbook]) -> None:
    """The default reading of HTTP statuses is enough here: 401 is `Reauthorize`."""
    with pytest.raises(sdk.Reauthorize):
        await guestbook("stranger").check()


async def test_notes_are_pulled_once_over_many_pages(wall: Wall, guestbook: Callable[..., Guestbook]) -> None:
    """A second pull goes on where the first ended."""
    for number in range(120):
        await wall.say(f"note {number}")
    pages = await pulled(guestbook().pull("notes", None, None))
    assert [event.body for page in pages for event in page.events] == [f"note {n}" for n in range(120)]

    await wall.say("one more", author="bruno")
    (page,) = await pulled(guestbook().pull("notes", pages[-1].cursor, None))
    assert [event.body for event in page.events] == ["one more"]


async def test_an_answer_tried_twice_is_made_once(wall: Wall, guestbook: Callable[..., Guestbook]) -> None:
    """The platform knows our reference, so the same call again is harmless."""
    note = await wall.say("Are you open?")
    answer = sdk.OutboundMessage(id="m1", client_ref="0" * 32, channel="guestbook_note", body="Yes", in_reply_to=note)
    first, second = await guestbook().push(answer), await guestbook().push(answer)
    assert first == second
    assert [reply.body for reply in wall.made()] == ["Yes"]
