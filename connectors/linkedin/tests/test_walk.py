"""Polling: what comes again and what does not, listings that get shorter, posts that are gone, and the recent ones."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from chorally_linkedin import LinkedIn
from chorally_linkedin.config import AccountSettings
from chorally_linkedin.sandbox import Sandbox
from chorally_linkedin.sandbox.world import OURS

import chorally_sdk as sdk
from chorally_sdk.testing import connect, pulled

Comments = Callable[..., Any]


async def test_what_is_old_is_told_once(page: Sandbox, comments: Comments) -> None:
    """A walk reads all, and tells what changed since the last one began, less the overlap."""
    await page.say("first")
    _, cursor = await comments()
    page.clock.pass_(hours=7)
    _, cursor = await comments(cursor)
    page.clock.pass_(hours=7)
    second = await page.say("second")
    found, _ = await comments(cursor)

    assert [each.external_id for each in found] == [second]


async def test_an_answer_under_an_old_comment_is_found(page: Sandbox, comments: Comments) -> None:
    """Nothing about the comment itself has changed."""
    old = await page.say("Open?")
    page.clock.pass_(days=3)
    _, cursor = await comments()
    page.clock.pass_(hours=10)
    new = await page.say("Still?", author="bob", parent=old)
    found, _ = await comments(cursor)

    assert [(each.external_id, each.parent_id) for each in found] == [(new, old)]
    assert found[0].conversation_id == page.news.urn


async def test_an_answer_to_an_answer_is_answered_under_the_comment(
    page: Sandbox, linkedin: LinkedIn, comments: Comments, an_answer: Callable[..., sdk.OutboundMessage]
) -> None:
    """LinkedIn nests one level; both stand below the same comment."""
    top = await page.say("Open?")
    below = await page.say("Yes", author="bob", parent=top)
    found, _ = await comments()
    receipt = await linkedin.push(an_answer("Until six", next(each for each in found if each.external_id == below)))

    assert page.world.comments[str(receipt.external_id)].parent == top


async def test_only_recent_posts_are_read_again(
    page: Sandbox, connects: Callable[..., Any], comments: Comments
) -> None:
    """By their last change: an old post costs no call."""
    connector = connects(settings=AccountSettings(organization=OURS, recent_days=2))
    _, cursor = await comments(connector=connector)
    page.clock.pass_(days=3)
    page.world.post(OURS, "New")
    page.calls = 0
    await comments(cursor, connector=connector)

    assert page.calls == 2  # the posts, and the comments of one


async def test_a_post_that_goes_while_it_is_read_ends_nothing(page: Sandbox, comments: Comments) -> None:
    """What is under the others comes all the same."""
    await page.say("under the first")
    other = page.world.post(OURS, "Another")
    page.world.comment("urn:li:person:ada", "under the other", other)

    async def goes(_: sdk.Page) -> None:
        page.world.posts.pop(page.news.urn, None)

    found, _ = await comments(stored=goes)

    assert [each.body for each in found] == ["under the other"]


async def test_a_listing_that_got_shorter_is_read_again(page: Sandbox, comments: Comments) -> None:
    """In the same walk: nobody has to wait for the next one."""
    said = [await page.say(str(number)) for number in range(6)]
    page.page_size(2)
    gone: list[str] = []

    async def less(stored: sdk.Page) -> None:
        if stored.events and not gone:
            gone.append(said[-1])
            await page.remove(said[-1])

    found, _ = await comments(stored=less)

    assert {each.external_id for each in found} >= set(said[:-1])


async def test_mentions_go_on_within_their_span(page: Sandbox, comments: Comments) -> None:
    """A kill between two pages goes on in place; what came meanwhile comes with the next walk."""
    for number in range(5):
        page.mention(f"Mention {number}")
    page.page_size(2)
    cursors: list[sdk.Cursor] = []

    async def keep(stored: sdk.Page) -> None:
        cursors.append(stored.cursor)

    whole, _ = await comments(stream="mentions", stored=keep)
    page.clock.pass_(hours=3)
    late = page.mention("Late")
    rest, cursor = await comments(cursors[0], stream="mentions")
    after, _ = await comments(cursor, stream="mentions")

    assert [each.body for each in whole] == [f"Mention {number}" for number in range(5)]
    assert [each.body for each in rest] == ["Mention 2", "Mention 3", "Mention 4"]
    assert late in [each.external_id for each in after]


async def test_without_a_cursor_mentions_go_back_sixty_days(
    page: Sandbox, connects: Callable[..., LinkedIn], comments: Comments
) -> None:
    """Further back LinkedIn keeps none; nothing older than wanted comes."""
    connector = connects(grant=page.a_grant(lasting=True))
    page.mention("Old")
    page.clock.pass_(days=59)
    first, _ = await comments(stream="mentions", connector=connector)
    since, _ = await comments(stream="mentions", connector=connector, since=page.clock() - timedelta(days=1))
    page.clock.pass_(days=2)
    late, _ = await comments(stream="mentions", connector=connector)

    assert ([each.body for each in first], since, late) == (["Old"], [], [])


async def test_posts_below_the_recent_ones_are_not_asked_for(
    page: Sandbox, connects: Callable[..., LinkedIn], comments: Comments
) -> None:
    """One page of the list tells that it has gone far enough."""
    connector = connects(settings=AccountSettings(organization=OURS, recent_days=2))
    for number in range(6):
        page.world.post(OURS, f"Old {number}")
    _, cursor = await comments(connector=connector)
    page.clock.pass_(days=3)
    page.page_size(2)
    page.calls = 0
    await comments(cursor, connector=connector)

    assert page.calls == 1


async def test_a_listing_that_goes_in_circles_is_told(page: Sandbox, comments: Comments) -> None:
    """Rather than read for ever, or taken for the end."""
    await page.say("one")
    await page.say("two")
    page.page_size(1)
    page.inject("repeated_cursor", "read", times=9)

    with pytest.raises(sdk.Malformed, match="leads back"):
        await comments()


@pytest.mark.parametrize("odd", [{"message": {"text": ["Hi"]}}, {"created": None}, {"content": [None]}])
async def test_one_odd_comment_holds_up_no_other(odd: dict[str, Any]) -> None:
    """It is asked for by itself, and kept aside if it stays so."""
    good = {"id": "1", "created": {"time": 1_795_430_000_123}, "actor": "urn:li:person:ada", "message": {"text": "Hi"}}

    def linkedin(request: httpx.Request) -> httpx.Response:
        posts = [{"id": "urn:li:share:5"}]
        comments = [{**good, "id": "2", **odd}, good]
        return httpx.Response(200, json={"elements": posts if request.url.path == "/rest/posts" else comments})

    connector = connect(LinkedIn, httpx.MockTransport(linkedin), external_id=OURS)
    told = [event for page in await pulled(connector.pull("comments", None, None)) for event in page.events]

    assert [event.external_id for event in told if isinstance(event, sdk.Message)] == ["1"]
    assert [event for event in told if isinstance(event, sdk.Ping)] == [
        sdk.Ping(stream="comments", external_id="urn:li:share:5 urn:li:comment:(urn:li:share:5,2)")
    ]


@pytest.mark.parametrize("name", [".", ".."])
@pytest.mark.parametrize("channel", ["linkedin_comment", "linkedin_post"])
async def test_no_id_leads_to_another_path(name: str, channel: str) -> None:
    """A deletion of what is named by dots would be one of what stands above."""
    connector = connect(LinkedIn, lambda _: httpx.Response(204), external_id=OURS)
    action = {"verb": "delete", "external_id": name, "channel": channel, "conversation_id": "urn:li:share:5"}
    with pytest.raises(sdk.Rejected):
        await connector.moderate(sdk.Action.model_validate(action))
