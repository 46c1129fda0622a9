"""Threads of own posts: what brings no notification, what is shown no more, what is deep, and kills on the way."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from chorally_bluesky import Bluesky, threads
from chorally_bluesky.sandbox import Network

import chorally_sdk as sdk
from chorally_sdk.testing import pulled


async def came(bluesky: Bluesky, stream: str = "threads", since: Any = None) -> dict[str, sdk.Event]:
    """What a stream brings, by what it is about."""
    pages = await pulled(bluesky.pull(stream, None, since))
    return {getattr(event, "external_id", "") or "": event for page in pages for event in page.events}


async def test_a_reply_without_a_notification_comes_with_its_thread(network: Network, bluesky: Bluesky) -> None:
    """The AppView saw it before the post that it answers."""
    reply = network.reply_unnoticed("I was first")

    assert await came(bluesky, "notifications") == {}
    found = (await came(bluesky))[reply]
    assert isinstance(found, sdk.Message)
    assert (found.body, found.parent_id, found.ours) == ("I was first", network.news.uri, False)


async def test_answers_to_our_answer_in_anothers_thread_come_too(network: Network, bluesky: Bluesky) -> None:
    """And our own answer, which another program made, is ours."""
    theirs = network.world.post(network.world.account("bob"), "What a shop").uri
    ours = await network.say_elsewhere("Thank you", target=theirs)
    late = network.reply_unnoticed("You are welcome", parent=ours, author="bob")
    found = await came(bluesky)

    assert {uri: getattr(event, "ours", None) for uri, event in found.items()} == {ours: True, late: False}
    assert {getattr(event, "conversation_id", "") for event in found.values()} == {theirs}


async def test_an_answer_within_an_own_thread_asks_for_no_thread_of_its_own(network: Network, connects: Any) -> None:
    """It is read with the thread that it is in."""
    asked = await network.say("Open?")
    await network.say_elsewhere("Yes", target=asked)
    before = network.calls
    await came(connects())

    assert network.calls - before == 2  # the feed and one thread


async def test_the_first_post_of_a_thread_is_no_message(network: Network, bluesky: Bluesky) -> None:
    """It answers nobody."""
    assert await came(bluesky) == {}


async def test_what_is_blocked_or_hidden_by_moderation_is_marked(network: Network, bluesky: Bluesky) -> None:
    """The message of what a label hides is kept: it was said."""
    blocked, labelled = await network.say("Boo"), await network.say("Buy this")
    network.world.blocked.add(blocked)
    network.world.records[labelled].labels.append("!hide")
    [page, *rest] = [page for page in await pulled(bluesky.pull("threads", None, None)) if page.events]

    marks = {event.external_id: event for event in page.events if isinstance(event, sdk.Mark)}
    said = [event.external_id for event in page.events if isinstance(event, sdk.Message)]
    assert rest == []
    assert {uri: (mark.state, mark.reason) for uri, mark in marks.items()} == {
        blocked: ("hidden", "blocked"), labelled: ("hidden", "moderation"),
    }  # fmt: skip
    assert said == [labelled]


async def test_what_is_gone_is_marked(connects: Any, network: Network) -> None:
    """A place in a thread that says so."""
    thread = {
        "post": network.shows.post(network.news, network.did),
        "replies": [{"$type": "app.bsky.feed.defs#notFoundPost", "uri": "at://did:plc:x/a.b/1", "notFound": True}],
    }

    def platform(request: httpx.Request) -> httpx.Response:
        feed = {"feed": [{"post": thread["post"]}]}
        return httpx.Response(200, json=feed if "Feed" in request.url.path else {"thread": thread})

    [mark] = (await came(connects(platform=platform))).values()
    assert isinstance(mark, sdk.Mark)
    assert (mark.state, mark.external_id) == ("deleted", "at://did:plc:x/a.b/1")


async def test_a_deep_thread_is_read_to_its_end(
    network: Network, connects: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies beyond the depth of one request is asked for from there."""
    monkeypatch.setattr(threads, "DEPTH", 3)
    parent, made = network.news.uri, []
    for level in range(11):
        parent = await network.say(f"level {level}", parent=parent)
        made.append(parent)

    assert set(await came(connects())) == set(made)


async def test_a_very_deep_thread_is_read_to_its_end(network: Network, connects: Any) -> None:
    """No answer is nested deeper than JSON may be."""
    parent, made = network.news.uri, []
    for level in range(threads.DEPTH * 2 + 10):
        parent = network.world.post(network.world.account("ada"), f"level {level}", parent=parent).uri
        made.append(parent)

    assert set(await came(connects())) == set(made)


async def test_what_an_appview_cuts_off_earlier_is_asked_for(network: Network, connects: Any) -> None:
    """It may show fewer levels than were asked for; the count of answers tells. What is old may have new answers."""
    parent, made = network.news.uri, []
    for level in range(7):
        network.clock.pass_(minutes=1)
        parent = network.world.post(network.world.account("ada"), f"level {level}", parent=parent).uri
        made.append(parent)
    behind = network.transport()

    async def platform(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("getPostThread"):
            request = httpx.Request("GET", request.url.copy_set_param("depth", "2"), headers=request.headers)
        return await behind.handle_async_request(request)

    assert set(await came(connects(platform=platform))) == set(made)
    assert set(await came(connects(platform=platform), since=network.clock())) == set(made[-1:])


async def test_a_kill_at_any_page_goes_on_in_place(network: Network, connects: Any) -> None:
    """The cursor names the threads that are still to be read; none is read twice."""
    made = []
    for number in range(5):
        post = network.world.post(network.did, f"News {number}")
        made.append(network.reply_unnoticed(f"Reply {number}", parent=post.uri))
    network.page_size(2)
    whole = await pulled(connects().pull("threads", None, None))
    for stop in range(1, len(whole)):
        first = [page async for page in _some(connects().pull("threads", None, None), stop)]
        rest = await pulled(connects().pull("threads", first[-1].cursor, None))
        read = [event.external_id for page in (*first, *rest) for event in page.events]
        assert sorted(read) == sorted(made), f"killed after page {stop}"
    assert whole[-1].cursor == {}


async def _some(pages: Any, count: int) -> Any:
    async for page in pages:
        yield page
        count -= 1
        if not count:
            await pages.aclose()
            return


async def test_posts_of_long_ago_are_left_alone(network: Network, bluesky: Bluesky) -> None:
    """As many days back as the settings say."""
    network.reply_unnoticed("Late")
    network.clock.pass_(days=8)

    assert await came(bluesky) == {}


async def test_what_is_older_than_wanted_is_left_out(network: Network, bluesky: Bluesky) -> None:
    """A reply from before the account was connected."""
    network.reply_unnoticed("Early")
    network.clock.pass_(minutes=10)
    since = network.clock()
    late = network.reply_unnoticed("Late")

    assert set(await came(bluesky, since=since)) == {late}


async def test_a_thread_that_was_deleted_meanwhile_ends_nothing(network: Network, connects: Any) -> None:
    """The others are read."""
    first = network.world.post(network.did, "One")
    second = network.world.post(network.did, "Two")
    kept = network.reply_unnoticed("Kept", parent=first.uri)
    pages = connects().pull("threads", None, None)
    page = await anext(pages)
    await network.remove(second.uri)
    rest = await pulled(connects().pull("threads", page.cursor, None))
    await pages.aclose()

    assert [event.external_id for page in rest for event in page.events] == [kept]


async def test_a_reply_whose_clock_is_slow_is_told_at_its_own_time(network: Network, bluesky: Bluesky) -> None:
    """And one whose clock is fast, at the time when it was seen."""
    now = network.clock()
    slow = await network.say("slow", at=now - timedelta(hours=5))
    fast = network.world.post(network.world.account("ada"), "fast", parent=network.news.uri)
    fast.value["createdAt"] = "2031-01-01T00:00:00.000Z"
    odd = network.world.post(network.world.account("ada"), "odd", parent=network.news.uri)
    odd.value["createdAt"] = "yesterday"
    found = await came(bluesky)

    told = {uri: event.sent_at for uri, event in found.items() if isinstance(event, sdk.Message)}
    assert told == {slow: now - timedelta(hours=5), fast.uri: now, odd.uri: now}
