"""Reading by sync: gaps, invitations, rooms that were left, and news while it waits."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import httpx
import pytest
from chorally_matrix import Matrix
from chorally_matrix.sandbox import Homeserver
from chorally_matrix.sandbox.world import LOBBY, US, user

import chorally_sdk as sdk
from chorally_sdk.testing import connect, pulled
from chorally_sdk.testing.recording import Exchange

ELSEWHERE = "!elsewhere:matrix.example"
UserOf = Callable[..., Matrix]


def bodies(pages: list[sdk.Page]) -> list[str]:
    """Return what was said, in the order in which it came."""
    return [event.body for page in pages for event in page.events if isinstance(event, sdk.Message)]


async def caught_up(us: Matrix, cursor: sdk.Cursor | None = None) -> list[sdk.Page]:
    """Return the pages until everything came."""
    return await pulled(us.pull("sync", cursor, None))


def paths(asked: list[Exchange]) -> list[str]:
    """Return what was called, by its last word."""
    return [httpx.URL(each.url).path.rpartition("/")[2] for each in asked]


async def test_the_gap_of_each_room_is_read_once(server: Homeserver, us: Matrix, asked: list[Exchange]) -> None:
    """Rooms of which everything is shown are left alone."""
    server.world.create(ELSEWHERE, US)
    cursor = (await caught_up(us))[-1].cursor
    for number in range(120):
        await server.say(f"note {number}")
    await server.say("alone", room=ELSEWHERE)
    asked.clear()

    pages = await caught_up(us, cursor)

    assert sorted(bodies(pages)) == sorted(["alone", *(f"note {number}" for number in range(120))])
    assert len(pages[0].cursor["rooms"]) == 1
    assert pages[-1].cursor == {"since": pages[-1].cursor["since"]}
    gaps = [httpx.URL(each.url).params for each in asked if each.url.split("?")[0].endswith("messages")]
    assert {gap["to"] for gap in gaps} == {cursor["since"]}


async def test_a_room_that_may_no_longer_be_read_holds_up_nothing(server: Homeserver, us: Matrix) -> None:
    """Its gap is given up; others are read."""
    cursor = {"since": "s1_1", "rooms": {ELSEWHERE: {"from": "t1_1"}}}
    await server.say("Hello")

    assert bodies(await caught_up(us, cursor)) == ["Hello"]


async def test_an_invitation_is_accepted_after_it_is_stored(server: Homeserver, us: Matrix) -> None:
    """A kill before loses none; what is said there afterwards comes."""
    cursor = (await caught_up(us))[-1].cursor
    server.world.create(ELSEWHERE, user("ada"))
    server.world.member(ELSEWHERE, US, "invite", by=user("ada"))

    async with aclosing(us.pull("sync", cursor, None)) as pages:  # type: ignore[type-var]
        first = await anext(pages)
    assert first.cursor["join"] == [ELSEWHERE]
    assert server.world.rooms[ELSEWHERE].members[US] == "invite"
    await server.say("Hi", room=ELSEWHERE)

    assert bodies(await caught_up(us, first.cursor)) == ["Hi"]
    assert server.world.rooms[ELSEWHERE].members[US] == "join"


async def test_an_outage_does_not_lose_an_invitation(server: Homeserver, us: Matrix) -> None:
    """It is accepted by whoever goes on from the cursor; one that was taken back is let pass."""
    cursor = (await caught_up(us))[-1].cursor
    server.world.create(ELSEWHERE, user("ada"))
    server.world.member(ELSEWHERE, US, "invite", by=user("ada"))
    server.inject("error_500_before", "write")
    kept: list[sdk.Cursor] = []

    async def stored(page: sdk.Page) -> None:
        kept.append(page.cursor)

    with pytest.raises(sdk.RetryLater):
        await pulled(us.pull("sync", cursor, None), stored=stored)
    server.clear()

    assert kept[-1]["join"] == [ELSEWHERE]
    server.world.rooms[ELSEWHERE].members[US] = "leave"
    assert "join" not in (await caught_up(us, kept[-1]))[-1].cursor


async def test_an_invitation_waits_where_the_settings_say_so(server: Homeserver, user: UserOf) -> None:
    """Nothing is joined."""
    server.world.create(ELSEWHERE)
    server.world.member(ELSEWHERE, US, "invite", by="@ada:matrix.example")
    await caught_up(user(accept_invites=False))

    assert server.world.rooms[ELSEWHERE].members[US] == "invite"


async def test_a_room_that_put_us_out_says_what_was_said_before(server: Homeserver, us: Matrix) -> None:
    """And that nothing is heard of it any more."""
    cursor = (await caught_up(us))[-1].cursor
    await server.say("Goodbye")
    server.world.member(LOBBY, US, "ban", by="@ada:matrix.example")
    await server.say("He is gone")

    pages = await caught_up(us, cursor)

    assert bodies(pages) == ["Goodbye"]
    notices = [event for page in pages for event in page.events if isinstance(event, sdk.Notice)]
    assert notices == [sdk.Notice(kind="subscription_lost", external_id=LOBBY)]


async def test_news_come_while_the_sync_waits(server: Homeserver, us: Matrix) -> None:
    """Nothing is yielded as long as nothing happens."""
    pages = us.pull("sync", None, None)
    async with aclosing(pages), asyncio.timeout(10):  # type: ignore[type-var]
        await _done(pages)
        waiting = asyncio.ensure_future(anext(pages))
        await asyncio.sleep(0)
        await server.say("Now")
        assert bodies([await waiting]) == ["Now"]


async def _done(pages: AsyncIterator[sdk.Page]) -> None:
    async for page in pages:
        if page.done:
            return


async def test_an_edit_of_long_ago_keeps_its_time_and_one_by_another_counts_for_nothing(
    server: Homeserver, us: Matrix
) -> None:
    """What it is about is looked up; the name of who said it with it."""
    first = await server.say("No. 17")
    cursor = (await caught_up(us))[-1].cursor
    server.clock.pass_(days=3)
    await server.edit(first, "No. 18")
    relation = {"rel_type": "m.replace", "event_id": first.rpartition("/")[2]}
    forged = {"msgtype": "m.text", "body": "* No. 0", "m.new_content": {"msgtype": "m.text", "body": "No. 0"}}
    server.happen("eve", {**forged, "m.relates_to": relation})

    (message,) = [e for page in await caught_up(us, cursor) for e in page.events if isinstance(e, sdk.Message)]

    assert (message.external_id, message.body) == (first, "No. 18")
    assert message.edited_at is not None
    assert message.edited_at - message.sent_at == timedelta(days=3)
    assert message.author is not None
    assert message.author.name == "Ada"


async def test_an_edit_of_what_may_not_be_seen_is_told_all_the_same(server: Homeserver, us: Matrix) -> None:
    """Its own time stands for the time that is not known."""
    cursor = (await caught_up(us))[-1].cursor
    relation = {"rel_type": "m.replace", "event_id": "$nobody-shows-it"}
    content = {"msgtype": "m.text", "body": "* New", "m.new_content": {"msgtype": "m.text", "body": "New"}}
    server.happen("ada", {**content, "m.relates_to": relation})

    (message,) = [e for page in await caught_up(us, cursor) for e in page.events if isinstance(e, sdk.Message)]

    assert (message.external_id, message.body) == (f"{LOBBY}/$nobody-shows-it", "New")


async def test_receipts_are_marks_of_all_that_we_said_until_then(server: Homeserver, us: Matrix) -> None:
    """Our own are none."""
    event = (await server.say("Hello")).rpartition("/")[2]
    cursor = (await caught_up(us))[-1].cursor
    for who in (US, "@ada:matrix.example"):
        server.world.receipt(LOBBY, who, event)

    (page, *_) = await caught_up(us, cursor)
    assert page.events == (sdk.Mark(state="read", at=server.clock(), conversation_id=LOBBY),)


async def test_a_sync_from_memory_is_not_taken_for_the_end() -> None:
    """A homeserver that answers the same sync from memory is asked once more, from where that answer leads."""
    event = {"event_id": "$1", "type": "m.room.message", "sender": "@a:x", "origin_server_ts": 1}
    said = {"!r:x": {"timeline": {"events": [{**event, "content": {"msgtype": "m.text", "body": "Hi"}}]}}}
    answers = {"": {}, "old": said, "new": {}}
    following = {"": "old", "old": "new", "new": "new"}

    def answer(request: httpx.Request) -> httpx.Response:
        since = request.url.params.get("since", "")
        return httpx.Response(200, json={"next_batch": following[since], "rooms": {"join": answers[since]}})

    us = connect(Matrix, answer, external_id="@us:x", base_url="https://x.example")
    assert bodies(await pulled(us.pull("sync", None, None))) == ["Hi"]


async def test_a_sync_that_leads_back_is_an_error() -> None:
    """Else the same would be read for ever."""
    rooms: dict[str, Any] = {"join": {"!r:x": {"timeline": {"events": [], "limited": True, "prev_batch": "t"}}}}
    us = connect(
        Matrix,
        lambda _: httpx.Response(200, content=json.dumps({"next_batch": "s1", "rooms": rooms})),
        external_id="@us:x",
        base_url="https://x.example",
    )
    with pytest.raises(sdk.Malformed, match="where it began"):
        await pulled(us.pull("sync", {"since": "s1"}, None))


async def told(server: Homeserver, *events: dict[str, Any]) -> list[sdk.Page]:
    """Return the pages that a sync becomes in which events are told; whatever else is asked for is refused."""
    envelope = {"event_id": "$1", "type": "m.room.message", "sender": user("ada"), "origin_server_ts": 1}

    def platform(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/sync"):
            return httpx.Response(400, json={"errcode": "M_INVALID_PARAM", "error": "no event id"})
        timeline = {"events": [{**envelope, **event} for event in events]}
        rooms = {} if "since" in request.url.params else {"join": {LOBBY: {"timeline": timeline}}}
        return httpx.Response(200, json={"next_batch": "s2", "rooms": rooms})

    known = server.connection()
    return await caught_up(
        connect(Matrix, platform, external_id=US, grant=known.grant, app_settings=known.app_settings)
    )


async def test_an_event_that_cannot_be_read_holds_up_no_other(
    server: Homeserver, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told by a ping; the log names the field, and none of the words."""
    odd = {"sender": ["secret words"], "content": {"msgtype": "m.text", "body": "secret words"}}
    pages = await told(server, odd, {"content": {"msgtype": "m.text", "body": "After"}})

    assert bodies(pages) == ["After"]
    assert sdk.Ping(stream="unreadable") in [event for page in pages for event in page.events]
    assert "sender" in caplog.text
    assert "secret words" not in caplog.text


async def test_an_edit_of_what_the_homeserver_does_not_name_holds_up_nothing(server: Homeserver) -> None:
    """Whatever it answers: whoever edits can name anything."""
    edit = {"rel_type": "m.replace", "event_id": "$no"}
    new = {"m.new_content": {"msgtype": "m.text", "body": "New"}, "m.relates_to": edit}
    pages = await told(server, {"content": {"msgtype": "m.text", "body": "* New", **new}})

    assert bodies(pages) == ["New"]


async def test_an_edit_of_what_is_no_message_counts_for_nothing(server: Homeserver) -> None:
    """Both are to be of the same kind, and neither a part of the room's state."""
    edit = {"rel_type": "m.replace", "event_id": "$1"}
    new = {"m.new_content": {"msgtype": "m.text", "body": "New"}, "m.relates_to": edit}
    member = {"type": "m.room.member", "state_key": user("ada"), "content": {"membership": "join"}}
    pages = await told(server, member, {"event_id": "$2", "content": {"msgtype": "m.text", "body": "* New", **new}})

    assert bodies(pages) == []
