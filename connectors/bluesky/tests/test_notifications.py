"""Notifications: what they are of, how far back each walk looks, and when they count as seen."""

import json
from typing import Any

import httpx
import pytest
from chorally_bluesky import Bluesky
from chorally_bluesky.config import AccountSettings
from chorally_bluesky.sandbox import Network

import chorally_sdk as sdk
from chorally_sdk.testing import pulled


async def said(bluesky: Bluesky, cursor: sdk.Cursor | None = None) -> tuple[list[sdk.Message], sdk.Cursor]:
    """The messages of a walk, and its last cursor."""
    pages = await pulled(bluesky.pull("notifications", cursor, None))
    return [e for page in pages for e in page.events if isinstance(e, sdk.Message)], pages[-1].cursor


async def test_replies_mentions_and_quotes_are_told_apart(network: Network, bluesky: Bluesky) -> None:
    """All on one channel, each with its kind."""
    made = {
        await network.say("Open?"): "reply",
        network.mention("@acme.test"): "mention",
        network.quote("Look"): "quote",
    }
    messages, _ = await said(bluesky)

    assert {message.external_id: message.kind for message in messages} == made
    assert {message.channel for message in messages} == {"bluesky_reply"}


async def test_a_walk_looks_an_hour_below_its_floor(network: Network, bluesky: Bluesky) -> None:
    """There lies what a slow clock wrote; what is older is left alone."""
    first = await network.say("Now")
    _, cursor = await said(bluesky)
    network.clock.pass_(hours=3)
    await network.say("Later")
    _, cursor = await said(bluesky, cursor)
    slow = network.world.post(network.world.account("bob"), "slow", parent=network.news.uri)
    slow.value["createdAt"] = "2026-11-23T11:30:00.000Z"
    messages, _ = await said(bluesky, cursor)

    assert [message.body for message in messages] == ["slow", "Later"]
    assert first not in [message.external_id for message in messages]


async def test_an_idle_account_does_not_sink(network: Network, bluesky: Bluesky) -> None:
    """However often nothing comes, the floor stays where it is, also where all was taken back."""
    said_once = await network.say("Now")
    _, cursor = await said(bluesky)
    await network.remove(said_once)
    for _ in range(3):
        network.clock.pass_(hours=2)
        _, after = await said(bluesky, cursor)
        assert after == cursor


async def test_notifications_count_as_seen_only_where_that_is_wanted(network: Network, connects: Any) -> None:
    """By the next walk, up to what was stored; never by default."""
    await network.say("Now")
    _, cursor = await said(connects())
    await said(connects(), cursor)
    assert network.seen_at == ""
    keen = connects(settings=AccountSettings(mark_seen=True))
    await said(keen, cursor)
    assert network.seen_at == cursor["floor"]


async def test_the_appview_is_named(network: Network, connects: Any) -> None:
    """By the header, as the settings say; the account's own server is asked about its own affairs."""
    await said(connects())
    await connects().check()

    assert network.proxied == {"did:web:api.bsky.app#bsky_appview", ""}


async def test_a_kind_that_nobody_asked_for_asks_for_a_look(connects: Any, network: Network) -> None:
    """A like says nothing; it is not dropped either."""
    told = network.shows.notification(network.news, "like-via-something") | {"record": {"$type": "x.y.like"}}

    def platform(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"notifications": [told]})

    [page] = await pulled(connects(platform=platform).pull("notifications", None, None))
    assert page.events == (sdk.Ping(stream="threads"),)


async def test_what_moderation_hides_is_told_and_marked(network: Network, bluesky: Bluesky) -> None:
    """It was said, and nobody sees it; its labels are shown."""
    uri = await network.say("Buy this")
    network.world.records[uri].labels += ["spam", "!takedown"]
    [page] = await pulled(bluesky.pull("notifications", None, None))

    message, mark = page.events
    assert isinstance(message, sdk.Message)
    assert isinstance(mark, sdk.Mark)
    assert message.extra["labels"] == ["!takedown", "spam"]
    assert (mark.state, mark.external_id, mark.reason) == ("hidden", uri, "moderation")


async def test_a_notification_that_cannot_be_read_holds_up_no_other(
    network: Network, connects: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The threads are looked at in its place; the log names the field, and none of the words."""
    good = await network.say("Good")
    behind = network.transport()

    async def platform(request: httpx.Request) -> httpx.Response:
        answer = await behind.handle_async_request(request)
        if "listNotifications" not in request.url.path:
            return answer
        told = json.loads(await answer.aread())
        odd = {**told["notifications"][0], "author": "secret words", "record": {"text": "secret words"}}
        return httpx.Response(200, json={**told, "notifications": [odd, None, *told["notifications"]]})

    pages = await pulled(connects(platform=platform).pull("notifications", {"floor": "2020-01-01T00:00:00Z"}, None))

    events = [event for page in pages for event in page.events]
    assert [event.external_id for event in events if isinstance(event, sdk.Message)] == [good]
    assert sdk.Ping(stream="threads") in events
    assert "author" in caplog.text
    assert "secret words" not in caplog.text
