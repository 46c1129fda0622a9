"""Reviews as they are read: page by page, at any border, and again where they were changed."""

from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from chorally_trustpilot import Trustpilot
from chorally_trustpilot.sandbox import Sandbox

import chorally_sdk as sdk
from chorally_sdk.testing import connect, pulled
from chorally_sdk.testing.recording import Exchange

Connected = Callable[..., Trustpilot]


def _ids(pages: list[sdk.Page]) -> list[str]:
    return [event.external_id for page in pages for event in page.events if isinstance(event, sdk.Message)]


async def test_a_review_comes_with_its_stars_its_order_and_what_else_is_told(
    unit: Sandbox, trustpilot: Trustpilot
) -> None:
    """The title is beside the text; counters that change by themselves are left out."""
    unit.write("Cold soup", stars=2, referenceId="order-7", language="da", location={"name": "Aarhus"}, brandNew=[1])
    (message,) = (await pulled(trustpilot.pull("reviews", None, None)))[0].events

    assert isinstance(message, sdk.Message)
    assert (message.body, message.rating, message.kind) == ("Cold soup", 2, "review")
    assert message.author is not None
    assert message.author.name == "ada"
    about = {name: message.extra[name] for name in ("title", "language", "referenceId", "location", "brandNew")}
    assert about == {
        "title": "Cold soup", "language": "da", "referenceId": "order-7", "location": {"name": "Aarhus"},
        "brandNew": [1],
    }  # fmt: skip
    assert message.extra["consumer"] == {"displayLocation": "Aarhus, DK"}
    assert "numberOfLikes" not in message.extra


async def test_a_review_without_words_shows_its_title(unit: Sandbox, trustpilot: Trustpilot) -> None:
    """What there is to read is in the body."""
    unit.write("", title="Just fine")
    (message,) = (await pulled(trustpilot.pull("reviews", None, None)))[0].events

    assert isinstance(message, sdk.Message)
    assert message.body == "Just fine"


async def test_a_reply_is_our_own_message_under_the_review(unit: Sandbox, trustpilot: Trustpilot) -> None:
    """It has no id but the review's."""
    review = unit.write("Cold soup")
    unit.clock.pass_(hours=1)
    await unit.say_elsewhere("Sorry!", target=review)
    _, reply = (await pulled(trustpilot.pull("reviews", None, None)))[0].events

    assert isinstance(reply, sdk.Message)
    assert (reply.external_id, reply.parent_id, reply.body, reply.ours) == (f"{review}/reply", review, "Sorry!", True)
    assert reply.sent_at == unit.clock()


async def test_a_poll_where_nothing_is_new_asks_three_times(
    unit: Sandbox, trustpilot: Trustpilot, asked: list[Exchange]
) -> None:
    """From an hour before the last review, from that review, and for the page that is empty."""
    unit.write("Cold soup")
    unit.clock.pass_(hours=5)
    unit.write("Hot soup")
    (*_, last) = await pulled(trustpilot.pull("reviews", None, None))
    asked.clear()
    await pulled(trustpilot.pull("reviews", last.cursor, None))

    assert len(asked) == 3
    assert "startDateTime=2026-11-23T13%3A00%3A00" in asked[0].url


async def test_many_reviews_of_one_second_all_come_once(unit: Sandbox, trustpilot: Trustpilot) -> None:
    """Over pages of two, between others of their own seconds."""
    unit.page_size(2)
    said = []
    for number in range(15):
        said.append(unit.write(f"soup {number}"))
        if number in (2, 3, 11):
            unit.clock.pass_(seconds=1)

    assert _ids(await pulled(trustpilot.pull("reviews", None, None))) == said


async def test_a_review_that_is_listed_late_comes_all_the_same(unit: Sandbox, trustpilot: Trustpilot) -> None:
    """An hour below the newest is looked at again."""
    unit.write("Cold soup")
    (*_, last) = await pulled(trustpilot.pull("reviews", None, None))
    late = unit.write("Held back", at=unit.clock() - timedelta(minutes=50))

    assert late in _ids(await pulled(trustpilot.pull("reviews", last.cursor, None)))


async def test_a_review_that_cannot_be_read_holds_up_no_other(unit: Sandbox, trustpilot: Trustpilot) -> None:
    """It is asked for by itself, where it is kept aside if it stays so."""
    bad = unit.write("Cold soup")
    unit.world.reviews[bad]["stars"] = {"five": 5}
    good = unit.write("Hot soup")
    pages = await pulled(trustpilot.pull("reviews", None, None))

    assert [event for page in pages for event in page.events if isinstance(event, sdk.Ping)] == [
        sdk.Ping(stream="reviews", external_id=bad)
    ]
    assert _ids(pages) == [good]
    with pytest.raises(sdk.Malformed, match="stars"):
        await trustpilot.fetch(sdk.Ping(stream="reviews", external_id=bad))


async def test_a_listing_that_leads_back_is_an_error() -> None:
    """Endless otherwise: the page number is passed by."""
    review = {"id": "1a", "createdAt": "2026-11-23T08:00:00Z", "stars": 1, "text": "x"}
    connector = connect(Trustpilot, lambda _: httpx.Response(200, json={"reviews": [review]}))
    with pytest.raises(sdk.Malformed, match="page before"):
        await pulled(connector.pull("reviews", None, None))


async def test_stars_beyond_five_are_no_rating(unit: Sandbox, trustpilot: Trustpilot) -> None:
    """A scale that is not documented is not made to fit."""
    unit.write("Odd", stars=9)
    (message,) = (await pulled(trustpilot.pull("reviews", None, None)))[0].events

    assert isinstance(message, sdk.Message)
    assert message.rating is None


async def test_changes_bring_edits_replies_and_reports_and_nothing_that_stayed(
    unit: Sandbox, trustpilot: Trustpilot
) -> None:
    """The first look tells from when on; the second finds what was changed since, wherever it is listed."""
    unit.page_size(2)
    edited, replied, reported, _ = (unit.write(f"soup {number}") for number in range(4))
    unit.clock.pass_(days=2)
    (*_, last) = await pulled(trustpilot.pull("changes", None, None))
    unit.clock.pass_(minutes=10)
    await unit.edit(edited, "Better soup")
    await unit.say_elsewhere("Sorry!", target=replied)
    unit.world.reviews[reported]["reportData"] = {"createdAt": "2026-11-25T09:05:00", "reviewVisibility": "hidden"}
    pages = await pulled(trustpilot.pull("changes", last.cursor, None))

    assert _ids(pages) == [edited, replied, f"{replied}/reply", reported]
    assert [event.state for page in pages for event in page.events if isinstance(event, sdk.Mark)] == ["hidden"]
    unit.clock.pass_(hours=3)
    (*_, last) = await pulled(trustpilot.pull("changes", pages[-1].cursor, None))
    assert _ids(await pulled(trustpilot.pull("changes", last.cursor, None))) == []


async def test_a_reply_that_is_deleted_elsewhere_is_told_once(unit: Sandbox, trustpilot: Trustpilot) -> None:
    """The listing only stops to show it, so what was there is remembered; also over a kill."""
    unit.page_size(2)
    replied, *_ = (unit.write(f"soup {number}") for number in range(5))
    await unit.say_elsewhere("Sorry!", target=replied)
    unit.clock.pass_(days=2)
    first = await pulled(trustpilot.pull("changes", None, None))
    unit.world.reviews[replied]["companyReply"] = None
    unit.clock.pass_(hours=3)
    second = await pulled(trustpilot.pull("changes", first[-1].cursor, None))
    resumed = await pulled(trustpilot.pull("changes", first[0].cursor, None))
    told = [event for page in second for event in page.events]

    assert [(mark.state, mark.external_id) for mark in told if isinstance(mark, sdk.Mark)] == [
        ("deleted", f"{replied}/reply")
    ]
    assert resumed[-1].cursor["known"] == first[-1].cursor["known"] != {}
    assert [
        page.events for page in await pulled(trustpilot.pull("changes", second[-1].cursor, None)) if page.events
    ] == []


@pytest.mark.parametrize("report", [None, {"createdAt": "2026-11-23T09:05:00", "reviewVisibility": "visible"}])
async def test_a_hidden_review_that_is_shown_again_is_told(
    unit: Sandbox, trustpilot: Trustpilot, report: dict[str, str] | None
) -> None:
    """The report keeps its time, or goes: the mark has that of the look, later than that of hiding."""
    review = unit.world.reviews[unit.write("soup")]
    review["reportData"] = {"createdAt": "2026-11-23T09:05:00", "reviewVisibility": "hidden"}
    unit.clock.pass_(days=2)
    (*_, last) = await pulled(trustpilot.pull("changes", None, None))
    review["reportData"] = report
    pages = await pulled(trustpilot.pull("changes", last.cursor, None))

    [mark] = [event for page in pages for event in page.events]
    assert isinstance(mark, sdk.Mark)
    assert (mark.state, mark.external_id, mark.at) == ("visible", review["id"], unit.clock())


async def test_a_fetched_report_has_the_time_of_the_look(unit: Sandbox, trustpilot: Trustpilot) -> None:
    """Hidden and shown again, it would have one time, and the host takes the first of two."""
    review = unit.write("soup")
    unit.world.reviews[review]["reportData"] = {"createdAt": "2026-11-23T09:05:00", "reviewVisibility": "visible"}
    unit.clock.pass_(days=2)
    _, mark = await trustpilot.fetch(sdk.Ping(stream="reviews", external_id=review))

    assert isinstance(mark, sdk.Mark)
    assert mark.at == unit.clock()


@pytest.mark.parametrize("name", ["createdAt", "updatedAt"])
async def test_a_time_at_the_edge_of_all_times_is_no_bug(unit: Sandbox, trustpilot: Trustpilot, name: str) -> None:
    """Which some programs write in place of none."""
    odd = unit.write("soup")
    unit.world.reviews[odd][name] = "0001-01-01T00:00:00+02:00"
    for _ in range(2):
        pages = await pulled(trustpilot.pull("reviews", None, None))
        assert _ids(pages) == [odd]
        await pulled(trustpilot.pull("reviews", pages[-1].cursor, None))


async def test_changes_killed_at_any_page_lose_nothing(unit: Sandbox, trustpilot: Trustpilot) -> None:
    """The walk's own time is in its cursor: what changes while it is interrupted belongs to the next one."""
    unit.page_size(2)
    said = [unit.write(f"soup {number}") for number in range(5)]
    unit.clock.pass_(hours=3)
    (*_, last) = await pulled(trustpilot.pull("changes", None, None))
    unit.clock.pass_(hours=3)
    for each in said:
        await unit.edit(each, "better")
    whole = await pulled(trustpilot.pull("changes", last.cursor, None))
    for count in range(1, len(whole)):
        rest = await pulled(trustpilot.pull("changes", whole[count - 1].cursor, None))
        assert _ids(whole[:count]) + _ids(rest) == said


async def test_reviews_are_not_looked_at_again_where_that_is_switched_off(connected: Connected) -> None:
    """Webhooks tell of edits."""
    assert [stream.name for stream in connected(recheck_days=0).streams()] == ["reviews"]
