"""Replies: put once and again, looked for, edited, deleted; and what Google makes of them."""

from collections.abc import Callable
from typing import Any

import pytest
from chorally_google_business import GoogleBusiness
from chorally_google_business.sandbox import Sandbox
from chorally_google_business.sandbox.world import Answered

import chorally_sdk as sdk
from chorally_sdk.http import visible_call
from chorally_sdk.testing.recording import Exchange

Answer = Callable[..., sdk.OutboundMessage]


def an_action(verb: str, external_id: str, body: str = "") -> sdk.Action:
    """Something to be done to a reply."""
    given = {"verb": verb, "external_id": external_id, "channel": "google_review", "body": body}
    return sdk.Action.model_validate(given)


async def test_the_same_reply_put_twice_is_one(google: Sandbox, connector: GoogleBusiness, an_answer: Answer) -> None:
    """A lost answer may be repeated; the second one is told under the same id."""
    said = await google.say("Lovely!")
    receipts = [await connector.push(an_answer(said)) for _ in range(2)]

    assert [made.body for made in google.made()] == ["Thank you"]
    assert receipts[0] == receipts[1]
    assert receipts[0].external_id == f"{said}/reply"


async def test_an_answer_to_our_reply_takes_its_place(
    google: Sandbox, connector: GoogleBusiness, an_answer: Answer
) -> None:
    """There is one reply; whoever answers it means its review."""
    said = await google.say("Lovely!")
    await connector.push(an_answer(said))
    receipt = await connector.push(an_answer(f"{said}/reply", "Thank you so much"))

    assert [(made.target, made.body) for made in google.made()] == [(said, "Thank you so much")]
    assert receipt.conversation_id == said


async def test_nothing_but_a_review_is_answered(connector: GoogleBusiness, an_answer: Answer) -> None:
    """Google takes no message that begins a conversation; nothing is asked of it."""
    with pytest.raises(sdk.Rejected, match="which review"):
        await connector.push(an_answer(None))


async def test_the_conversation_is_enough(google: Sandbox, connector: GoogleBusiness, an_answer: Answer) -> None:
    """It is the review."""
    said = await google.say("Lovely!")
    await connector.push(an_answer(None, conversation_id=said))

    assert [made.target for made in google.made()] == [said]


@pytest.mark.parametrize(("state", "becomes"), [("PENDING", "accepted"), ("APPROVED", "sent"), ("", "sent")])
async def test_a_reply_that_google_looks_at_first_is_not_yet_sent(
    google: Sandbox, connector: GoogleBusiness, an_answer: Answer, state: Any, becomes: str
) -> None:
    """Until it is shown; looking for it tells the same."""
    google.reply_state = state
    said = await google.say("Lovely!")

    assert (await connector.push(an_answer(said))).state == becomes
    found = await connector.find(an_answer(said))
    assert found is not None
    assert found.state == becomes
    events = await connector.fetch(sdk.Ping(stream="reviews", external_id=said))
    assert len(events) == (1 if state == "PENDING" else 2), "what nobody sees is no message"


async def test_a_reply_that_google_refuses_fails_with_its_reason(
    google: Sandbox, connector: GoogleBusiness, an_answer: Answer
) -> None:
    """By the call, by the search, and later by what is read."""
    google.reply_state = "REJECTED"
    said = await google.say("Lovely!")
    for call in (connector.push, connector.find):
        with pytest.raises(sdk.Rejected, match="policies") as caught:
            await call(an_answer(said))
        assert caught.value.reason == sdk.Reason.BLOCKED
    google.world.replies[said] = Answered("Thank you", google.clock(), "REJECTED", "a phone number")
    _, mark = await connector.fetch(sdk.Ping(stream="reviews", external_id=said))

    assert isinstance(mark, sdk.Mark)
    assert (mark.state, mark.external_id) == ("failed", f"{said}/reply")
    assert "a phone number" in mark.reason


async def test_a_search_tells_ours_from_what_came_before_and_after(
    google: Sandbox, connector: GoogleBusiness, an_answer: Answer
) -> None:
    """What is older may be put again; what is newer somebody else wrote, and a person decides."""
    said = await google.say("Lovely!")
    assert await connector.find(an_answer(said)) is None
    await google.say_elsewhere("Written before", target=said)
    google.clock.pass_(minutes=10)
    tried = an_answer(said)
    assert await connector.find(tried) is None
    google.clock.pass_(minutes=10)
    await google.say_elsewhere("Written after", target=said)
    with pytest.raises(sdk.OutcomeUnknown):
        await connector.find(tried)
    assert await connector.find(an_answer(None)) is None


def test_a_reply_of_unknown_outcome_is_looked_for_before_it_is_put_again() -> None:
    """Put blindly, it would take the place of what a person wrote at Google meanwhile."""
    limits = GoogleBusiness.manifest.channel("google_review").actions["reply"]

    assert (limits.dedupe, limits.dedupe_for) == ("lookup", None)


async def test_our_reply_is_edited_and_deleted(google: Sandbox, connector: GoogleBusiness, an_answer: Answer) -> None:
    """Deleted again is deleted, and so is the reply to a review that is gone."""
    said = await google.say("Lovely!")
    await connector.push(an_answer(said))
    await connector.moderate(an_action("edit", f"{said}/reply", "Thanks"))
    assert [made.body for made in google.made()] == ["Thanks"]
    for _ in range(2):
        await connector.moderate(an_action("delete", f"{said}/reply"))
    assert google.made() == []
    await google.remove(said)
    await connector.moderate(an_action("delete", f"{said}/reply"))


async def test_an_edit_that_google_refuses_fails_with_its_reason(
    google: Sandbox, connector: GoogleBusiness, an_answer: Answer
) -> None:
    """It is answered like any other, and shown to nobody."""
    said = await google.say("Lovely!")
    await connector.push(an_answer(said))
    google.reply_state = "REJECTED"
    with pytest.raises(sdk.Rejected, match="policies") as caught:
        await connector.moderate(an_action("edit", f"{said}/reply", "Call 555"))

    assert caught.value.reason == sdk.Reason.BLOCKED


@pytest.mark.parametrize("verb", ["edit", "delete"])
async def test_a_review_is_its_authors(
    google: Sandbox, connector: GoogleBusiness, asked: list[Exchange], verb: str
) -> None:
    """Nothing is asked of Google."""
    said = await google.say("Awful!")
    with pytest.raises(sdk.Rejected, match="author"):
        await connector.moderate(an_action(verb, said, "Lovely!"))

    assert asked == []


async def test_an_edit_of_what_is_gone_is_refused(google: Sandbox, connector: GoogleBusiness) -> None:
    """An agent is told that the review was taken down."""
    with pytest.raises(sdk.Rejected) as caught:
        await connector.moderate(an_action("edit", "nobody/reply", "New"))

    assert caught.value.reason == sdk.Reason.GONE


async def test_bytes_are_what_google_counts(google: Sandbox, connector: GoogleBusiness, an_answer: Answer) -> None:
    """As many letters of two bytes are refused by it; the manifest says so before."""
    limits = GoogleBusiness.manifest.channel("google_review").actions["reply"]
    said = await google.say("Lovely!")
    assert (limits.max_text, limits.unit, limits.parts) == (4096, "bytes", 1)
    await connector.push(an_answer(said, "è" * 2048))
    with visible_call(), pytest.raises(sdk.Rejected):
        await connector.push(an_answer(said, "è" * 2049))
