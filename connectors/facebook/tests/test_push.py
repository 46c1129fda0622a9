from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from chorally_facebook import Facebook
from chorally_facebook.sandbox import Sandbox
from chorally_facebook.sandbox.faults import Fault, Kind

import chorally_sdk as sdk
from chorally_sdk.testing import connect

Answer = Callable[..., sdk.OutboundMessage]


def test_the_limit_is_said() -> None:
    """A reply has at most 8000 characters, and its absence counts after a few seconds."""
    limits = Facebook.manifest.channel("facebook_comment").actions["reply"]

    assert (limits.max_text, limits.unit, limits.dedupe) == (8000, "code_points", "lookup")
    assert timedelta(0) < limits.settles < timedelta(minutes=1)


async def test_an_answer_appears_under_its_comment(page: Sandbox, facebook: Facebook, an_answer: Answer) -> None:
    """The receipt names the comment that people now see."""
    asked = page.comment("7", "Open?")
    with sdk.visible_call():
        receipt = await facebook.push(an_answer("Yes & no: 50% + 1 😊", asked.id))

    made = page.world.comments[str(receipt.external_id)]
    assert (made.parent_id, made.message, made.author_id) == (asked.id, "Yes & no: 50% + 1 😊", page.world.page_id)


async def test_without_a_comment_the_post_is_commented_on(page: Sandbox, facebook: Facebook, an_answer: Answer) -> None:
    """An answer that names only its conversation goes under the post."""
    post = page.world.post("news")
    receipt = await facebook.push(an_answer("Ciao", "", in_reply_to=None, conversation_id=post.id))

    assert page.world.comments[str(receipt.external_id)].parent_id is None


async def test_an_answer_to_nothing_is_refused(facebook: Facebook, an_answer: Answer) -> None:
    """There is no place for it, and nothing is asked of Facebook."""
    with pytest.raises(sdk.Rejected):
        await facebook.push(an_answer("Ciao", "", in_reply_to=None))


async def test_an_id_cannot_lead_to_another_path(facebook: Facebook, page: Sandbox, an_answer: Answer) -> None:
    """An id with slashes stays one segment, which names nothing."""
    asked = page.comment("7", "Open?")
    with pytest.raises(sdk.Rejected):
        await facebook.push(an_answer("Ciao", f"../v25.0/{asked.id}"))
    assert page.world.replies() == {}


@pytest.mark.parametrize("kind", ["timeout_after_effect", "connection_reset_after_effect", "error_500_after"])
async def test_a_lost_answer_is_found_again(page: Sandbox, facebook: Facebook, an_answer: Answer, kind: Kind) -> None:
    """The comment was made, its answer got lost: unknown first, then found, and there is one copy."""
    asked = page.comment("7", "Open?")
    page.faults.waiting.append(Fault(on="reply", kind=kind))
    answer = an_answer("Yes", asked.id)
    with sdk.visible_call(), pytest.raises(sdk.OutcomeUnknown):
        await facebook.push(answer)

    receipt = await facebook.find(answer)
    assert receipt is not None
    assert page.world.comments[str(receipt.external_id)].message == "Yes"
    assert page.world.replies() == {asked.id: {"Yes": 1}}


@pytest.mark.parametrize("kind", ["timeout_before_effect", "connection_reset", "error_500_before"])
async def test_what_was_not_made_is_proven_absent(
    page: Sandbox, facebook: Facebook, an_answer: Answer, kind: Kind
) -> None:
    """The call failed before its effect: unknown first, then absent."""
    asked = page.comment("7", "Open?")
    page.faults.waiting.append(Fault(on="reply", kind=kind))
    answer = an_answer("Yes", asked.id)
    with sdk.visible_call(), pytest.raises(sdk.OutcomeUnknown):
        await facebook.push(answer)

    assert await facebook.find(answer) is None


@pytest.mark.parametrize(("kind", "error"), [("rate_limit", sdk.RateLimited), ("expired_token", sdk.Reauthorize)])
async def test_a_refusal_is_no_doubt(
    page: Sandbox, facebook: Facebook, an_answer: Answer, kind: Kind, error: type[Exception]
) -> None:
    """A throttle and an expired token say that nothing was done."""
    asked = page.comment("7", "Open?")
    page.faults.waiting.append(Fault(on="reply", kind=kind))
    with sdk.visible_call(), pytest.raises(error):
        await facebook.push(an_answer("Yes", asked.id))


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"success": True}),
        httpx.Response(200, text="<html>"),
        httpx.Response(400, json={"error": {"code": 2, "message": "Temporarily unavailable"}}),
    ],
)
async def test_an_answer_that_says_nothing_leaves_the_outcome_unknown(
    answer: httpx.Response, an_answer: Answer
) -> None:
    """A success without an id, a page of HTML, and Graph's own moment of weakness may all have made the comment."""
    facebook = connect(Facebook, lambda _: answer)
    with sdk.visible_call(), pytest.raises(sdk.OutcomeUnknown):
        await facebook.push(an_answer("Yes", "1_2"))


async def test_a_refused_connection_is_tried_later(an_answer: Answer) -> None:
    """What was never sent was never made."""

    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with sdk.visible_call(), pytest.raises(sdk.RetryLater):
        await connect(Facebook, refuse).push(an_answer("Yes", "1_2"))
