"""Comments: answering, looking for what a lost call made, fetching, changing."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from chorally_linkedin import LinkedIn
from chorally_linkedin.config import AppSettings
from chorally_linkedin.sandbox import Sandbox
from chorally_linkedin.sandbox.world import OURS

import chorally_sdk as sdk
from chorally_sdk.testing import connect

Answers = Callable[..., sdk.OutboundMessage]


async def a_comment(page: Sandbox, comments: Any, body: str = "Open?") -> sdk.Message:
    """A comment of a member, as it was pulled."""
    number = await page.say(body)
    found, _ = await comments()
    message: sdk.Message = next(each for each in found if each.external_id == number)
    return message


async def test_a_mention_is_answered_by_a_comment_under_it(
    page: Sandbox, linkedin: LinkedIn, comments: Any, an_answer: Answers
) -> None:
    """In the page's name; and that answer is found."""
    urn = page.mention("Thanks, @Sandbox Ltd")
    [mention], _ = await comments(stream="mentions")
    answer = an_answer("You are welcome", mention, tried_at=page.clock())
    receipt = await linkedin.push(answer)

    made = page.world.comments[str(receipt.external_id)]
    assert (made.post.urn, made.parent, made.actor) == (urn, None, OURS)
    assert await linkedin.find(answer) == receipt


async def test_what_an_answer_needs_may_be_only_its_ids(page: Sandbox, linkedin: LinkedIn, an_answer: Answers) -> None:
    """Without a route the comment's URN is made of the post and the number."""
    number = await page.say("Open?")
    answer = an_answer("Until six", in_reply_to=number, conversation_id=page.news.urn)
    receipt = await linkedin.push(answer)

    assert page.world.comments[str(receipt.external_id)].parent == number
    with pytest.raises(sdk.Rejected, match="names nothing"):
        await linkedin.push(an_answer("Until six"))


@pytest.mark.parametrize(
    ("headers", "body", "number"),
    [
        ({"x-restli-id": "22"}, {}, "22"),
        ({"x-restli-id": "urn:li:comment:(urn:li:ugcPost:1,22)"}, {}, "22"),
        ({"x-linkedin-id": "22"}, {}, "22"),
        ({}, {"commentUrn": "urn:li:comment:(urn:li:activity:1,22)", "id": "22"}, "22"),
        ({}, {"id": 22}, "22"),
    ],
)
async def test_a_new_comment_is_known_by_its_number_however_it_is_told(
    an_answer: Answers, headers: dict[str, str], body: dict[str, Any], number: str
) -> None:
    """In the header, or in the body."""
    linkedin = connect(LinkedIn, lambda _: httpx.Response(201, headers=headers, json=body), external_id=OURS)
    receipt = await linkedin.push(an_answer("Yes", in_reply_to="5", conversation_id="urn:li:share:1"))

    assert receipt.external_id == number


async def test_equal_answers_are_a_doubt(page: Sandbox, linkedin: LinkedIn, comments: Any, an_answer: Answers) -> None:
    """Two of ours, or one of which LinkedIn hides whose it is."""
    asked = await a_comment(page, comments)
    answer = an_answer("Thank you", asked, tried_at=page.clock())
    await page.say("Thank you", author=None, parent=asked.external_id)
    with pytest.raises(sdk.OutcomeUnknown, match="whose it is"):
        await linkedin.find(answer)

    other = await a_comment(page, comments, "And on Sunday?")
    again = an_answer("Thank you", other, tried_at=page.clock())
    await linkedin.push(again)
    await linkedin.push(again)
    with pytest.raises(sdk.OutcomeUnknown, match="2 equal"):
        await linkedin.find(again)


async def test_the_path_of_comments_is_a_setting(page: Sandbox, connects: Callable[..., LinkedIn]) -> None:
    """Some apps are let in at the older one only."""
    asked: list[str] = []

    def platform(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path.decode())
        return httpx.Response(404, json={"status": 404})

    linkedin = connects(platform=platform, app_settings=AppSettings(social_actions="/v2/socialActions"))
    pair = "urn:li:share:1 urn:li:comment:(urn:li:activity:2,3)"
    [gone] = await linkedin.fetch(sdk.Ping(stream="comments", external_id=pair))

    assert asked == ["/v2/socialActions/urn%3Ali%3Ashare%3A1/comments/3"]
    assert isinstance(gone, sdk.Mark)
    assert (gone.state, gone.external_id) == ("deleted", "3")


async def test_every_call_says_its_version_and_its_protocol(page: Sandbox, linkedin: LinkedIn) -> None:
    """Another version is a setting; a retired one is told to the operator."""
    version = AppSettings(version="202501")
    retired = connect(LinkedIn, page.transport(), external_id=OURS, grant=page.grant, app_settings=version)

    assert (await linkedin.check()).name == "Sandbox Ltd"
    with pytest.raises(sdk.Rejected, match="set another API version"):
        await retired.check()


async def test_a_mention_that_is_fetched_is_read(page: Sandbox, linkedin: LinkedIn) -> None:
    """Its words as people see them."""
    urn = page.world.post("urn:li:person:ada", r"Thanks \(all\)").urn
    [message] = await linkedin.fetch(sdk.Ping(stream="mentions", external_id=urn))

    assert isinstance(message, sdk.Message)
    assert (message.external_id, message.channel, message.body) == (urn, "linkedin_post", "Thanks (all)")
    assert list(await linkedin.fetch(sdk.Ping(stream="comments"))) == []


async def test_own_comments_are_edited_and_others_deleted(page: Sandbox, linkedin: LinkedIn, comments: Any) -> None:
    """And not the other way round; ids alone are enough."""
    asked = await a_comment(page, comments)
    own = await page.say_elsewhere("Untl six", target=asked.external_id)

    def action(verb: str, number: str, **more: Any) -> sdk.Action:
        given = {"channel": "linkedin_comment", "conversation_id": page.news.urn, **more}
        return sdk.Action.model_validate({"verb": verb, "external_id": number, **given})

    await linkedin.moderate(action("edit", own, body="Until six"))
    assert page.world.comments[own].text == "Until six"
    with pytest.raises(sdk.Rejected) as refused:
        await linkedin.moderate(action("edit", asked.external_id, body="Closed?", route=dict(asked.route)))
    assert refused.value.reason is sdk.Reason.PERMISSION
    for _ in range(2):
        await linkedin.moderate(action("delete", asked.external_id, route=dict(asked.route)))
    assert page.state_of(own) == "gone"
    with pytest.raises(sdk.Rejected, match="under which post"):
        await linkedin.moderate(action("delete", own, conversation_id=None))


async def test_what_is_liked_already_is_liked(page: Sandbox, linkedin: LinkedIn, comments: Any) -> None:
    """And a conflict of another kind is told."""
    asked = await a_comment(page, comments)
    action = sdk.Action(
        verb="like", external_id=asked.external_id, channel="linkedin_comment", route=dict(asked.route)
    )  # fmt: skip
    await linkedin.moderate(action)
    await linkedin.moderate(action)
    assert page.world.likes == {asked.route["urn"]}

    page.world.likes.clear()
    page.inject("forbidden", "write")
    with pytest.raises(sdk.Rejected):
        await linkedin.moderate(action)
    page.inject("rate_limit", "write")
    with pytest.raises(sdk.RateLimited):
        await linkedin.moderate(action)


async def test_a_picture_in_a_comment_comes_with_what_is_known_of_it(linkedin: LinkedIn, page: Sandbox) -> None:
    """Its URN, by which another link is asked for when it is read; one without a link is told."""
    await page.attach("Look", b"photo")
    [hook] = page.hooks()
    [ping] = linkedin.parse(hook)
    assert isinstance(ping, sdk.Ping)
    [message] = await linkedin.fetch(ping)
    assert isinstance(message, sdk.Message)
    [file] = message.attachments

    assert (file.kind, str(file.external_id).split(":")[2]) == ("image", "image")
    assert b"".join([piece async for piece in linkedin.download(file)]) == b"photo"
    with pytest.raises(sdk.Rejected, match="no link"):
        _ = [piece async for piece in linkedin.download(sdk.Attachment(kind="file"))]
