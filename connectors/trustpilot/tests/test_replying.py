"""Replies, what becomes of them, and tags."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from chorally_trustpilot import Trustpilot
from chorally_trustpilot.replying import tags_of
from chorally_trustpilot.sandbox import Sandbox

import chorally_sdk as sdk
from chorally_sdk.testing.recording import Exchange

Builds = Callable[..., sdk.OutboundMessage]


def _replies(unit: Sandbox) -> list[str]:
    return [made.body for made in unit.made()]


async def test_a_second_reply_takes_the_place_of_the_first(
    unit: Sandbox, trustpilot: Trustpilot, an_answer: Builds
) -> None:
    """A review has one, and both receipts name it."""
    review = unit.write("Cold soup")
    first = await trustpilot.push(an_answer("Sorry", review))
    second = await trustpilot.push(an_answer("Very sorry", review))

    assert first.external_id == second.external_id == f"{review}/reply"
    assert _replies(unit) == ["Very sorry"]


async def test_a_reply_to_our_reply_goes_to_the_review(
    unit: Sandbox, trustpilot: Trustpilot, an_answer: Builds
) -> None:
    """There is nothing else that could be answered."""
    review = unit.write("Cold soup")
    await trustpilot.push(an_answer("Sorry", f"{review}/reply"))

    assert _replies(unit) == ["Sorry"]


async def test_the_business_user_of_the_settings_signs(
    unit: Sandbox, connected: Callable[..., Trustpilot], an_answer: Builds, asked: list[Exchange]
) -> None:
    """Needed where no person consented; left out otherwise."""
    review = unit.write("Cold soup")
    await connected(business_user_id="5b01").push(an_answer("Sorry", review))
    await connected().push(an_answer("Sorry", review))

    assert [b"authorBusinessUserId" in each.body for each in asked] == [True, False]


async def test_a_reply_without_words_asks_nobody(
    trustpilot: Trustpilot, an_answer: Builds, asked: list[Exchange]
) -> None:
    """It is refused here."""
    with pytest.raises(sdk.Rejected, match="needs a text"):
        await trustpilot.push(an_answer("  ", "1a"))
    assert not asked


@pytest.mark.parametrize("target", ["../business-units/1", "a/b", "a?b=c", "", "1" * 65, "..", "a%2Fb"])
async def test_what_is_no_id_of_a_review_is_never_put_into_a_path(
    trustpilot: Trustpilot, asked: list[Exchange], target: str
) -> None:
    """Ids come by webhooks that nobody signed."""
    with pytest.raises(sdk.Rejected):
        await trustpilot.fetch(sdk.Ping(stream="reviews", external_id=target))
    assert not asked


async def test_a_reply_that_was_edited_is_the_new_one(unit: Sandbox, trustpilot: Trustpilot, an_answer: Builds) -> None:
    """By the id that the receipt gave."""
    receipt = await trustpilot.push(an_answer("Sory", unit.write("Cold soup")))
    action = sdk.Action(verb="edit", external_id=receipt.external_id or "", channel="trustpilot_review", body="Sorry")
    await trustpilot.moderate(action)

    assert _replies(unit) == ["Sorry"]


@pytest.mark.parametrize("verb", ["edit", "delete"])
async def test_a_review_is_not_ours_to_change(trustpilot: Trustpilot, asked: list[Exchange], verb: Any) -> None:
    """Only who wrote it may; refused before any network."""
    with pytest.raises(sdk.Rejected, match="belongs to who wrote it"):
        await trustpilot.moderate(sdk.Action(verb=verb, external_id="1a", channel="trustpilot_review", body="x"))
    assert not asked


async def test_an_older_reply_of_other_words_proves_that_ours_was_not_made(
    unit: Sandbox, trustpilot: Trustpilot, an_answer: Builds
) -> None:
    """It would have been replaced."""
    review = unit.write("Cold soup")
    await unit.say_elsewhere("Hello", target=review)
    unit.clock.pass_(hours=1)

    assert await trustpilot.find(an_answer("Sorry", review)) is None


async def test_words_that_somebody_else_wrote_since_leave_it_open(
    unit: Sandbox, trustpilot: Trustpilot, an_answer: Builds
) -> None:
    """Ours may have been there in between."""
    review = unit.write("Cold soup")
    outgoing = an_answer("Sorry", review)
    unit.clock.pass_(minutes=1)
    await unit.say_elsewhere("Hello", target=review)

    with pytest.raises(sdk.OutcomeUnknown):
        await trustpilot.find(outgoing)


async def test_a_reply_of_the_second_of_the_attempt_is_found(
    unit: Sandbox, trustpilot: Trustpilot, an_answer: Builds
) -> None:
    """Trustpilot's times have no fractions, the host's have."""
    review = unit.write("Cold soup")
    await unit.say_elsewhere("Sorry", target=review)
    tried = unit.clock() + timedelta(milliseconds=400)

    found = await trustpilot.find(an_answer("Sorry", review, tried_at=tried))
    assert found is not None
    assert found.external_id == f"{review}/reply"


async def test_tags_are_added_before_the_reply_and_stay_single(
    unit: Sandbox, trustpilot: Trustpilot, an_answer: Builds
) -> None:
    """The step is repeatable: nobody sees it, and a tag that is there stays one."""
    review = unit.write("Cold soup", tags=[{"group": "generic", "value": "kept"}])
    outgoing = an_answer("Sorry", review, options={"tags": ["late", "Shop: Milan"]})
    await trustpilot.prepare(outgoing)
    prepared = await trustpilot.prepare(outgoing)

    assert prepared.ready
    assert _replies(unit) == []
    assert unit.world.reviews[review]["tags"] == [
        {"group": "generic", "value": "kept"},
        {"group": "generic", "value": "late"},
        {"group": "Shop", "value": "Milan"},
    ]


async def test_a_step_whose_answer_is_lost_is_taken_again(
    unit: Sandbox, trustpilot: Trustpilot, an_answer: Builds
) -> None:
    """No person has to decide about tags."""
    outgoing = an_answer("Sorry", unit.write("Cold soup"), options={"tags": "late"})
    unit.inject("timeout_after_effect", "prepare", times=9)
    with pytest.raises(sdk.RetryLater):
        await trustpilot.prepare(outgoing)


async def test_a_reply_without_tags_takes_no_step(
    trustpilot: Trustpilot, an_answer: Builds, asked: list[Exchange]
) -> None:
    """And no call."""
    assert (await trustpilot.prepare(an_answer("Sorry", "1a"))).ready
    assert not asked


@pytest.mark.parametrize("tags", [3, [3], {"a": "b"}, ["  "], [""], [":"]])
def test_tags_of_another_form_are_refused(tags: Any) -> None:
    """Before anything is published."""
    with pytest.raises(sdk.Rejected, match="tags"):
        tags_of(tags)
