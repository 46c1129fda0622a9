"""Reading reviews: edits, page tokens that were forgotten, and batches."""

import json
from collections.abc import Callable

import httpx
import pytest
from chorally_google_business import GoogleBusiness
from chorally_google_business.config import AccountSettings
from chorally_google_business.sandbox import Sandbox

import chorally_sdk as sdk
from chorally_sdk.testing import connect, pulled
from chorally_sdk.testing.recording import Exchange

Connected = Callable[..., GoogleBusiness]


def bodies(pages: list[sdk.Page]) -> list[str]:
    """The texts of all messages."""
    return [event.body for page in pages for event in page.events if isinstance(event, sdk.Message)]


async def test_no_order_is_asked_for(google: Sandbox, connector: GoogleBusiness, asked: list[Exchange]) -> None:
    """By change, newest first, is the documented order; its name is spelt in two ways."""
    await google.say("Lovely!")
    await pulled(connector.pull("reviews", None, None))

    assert [each.url.partition("?")[2] for each in asked] == ["pageSize=50"]


async def test_a_walk_that_starts_over_reads_all_again(google: Sandbox, connector: GoogleBusiness) -> None:
    """Down to where it would have gone, and no further."""
    google.page_size(2)
    for number in range(3):
        await google.say(f"old {number}")
        google.clock.pass_(minutes=1)
    floor = dict((await pulled(connector.pull("reviews", None, None)))[-1].cursor)
    google.clock.pass_(minutes=1)
    for number in range(4):
        await google.say(f"new {number}")
    first = await anext(connector.pull("reviews", floor, None))
    assert not first.done
    google.forget_cursors()
    rest = await pulled(connector.pull("reviews", dict(first.cursor), None))

    assert {f"new {number}" for number in range(4)} <= set(bodies(rest))
    assert "old 0" not in bodies(rest)


async def test_an_invalid_request_without_a_token_is_told(google: Sandbox, connector: GoogleBusiness) -> None:
    """Only a token may be what is wrong with it; started over it would be wrong again."""
    google.inject("invalid", "read")
    with pytest.raises(sdk.Rejected):
        await pulled(connector.pull("reviews", {"floor": "2026-11-20T09:00:00+00:00"}, None))


async def test_stars_alone_are_left_out_by_google(google: Sandbox, connected: Connected, asked: list[Exchange]) -> None:
    """The batch of one location does that, page by page."""
    google.page_size(2)
    for number in range(3):
        await google.say("")
        await google.say(f"Review {number}")
    pages = await pulled(connected(without_text=False).pull("reviews", None, None))

    assert sorted(bodies(pages)) == ["Review 0", "Review 1", "Review 2"]
    assert len(pages) == 2
    sent = json.loads(asked[0].body)
    assert sent["locationNames"] == ["accounts/102/locations/2001"]
    assert sent["ignoreRatingOnlyReviews"] is True


async def test_other_locations_are_not_read(google: Sandbox, connector: GoogleBusiness) -> None:
    """Each account is one location."""
    google.world.review("Elsewhere", "ada", location="locations/2002")
    await google.say("Here")

    assert bodies(await pulled(connector.pull("reviews", None, None))) == ["Here"]


async def test_a_reply_is_fetched_with_its_review(google: Sandbox, connector: GoogleBusiness) -> None:
    """By the id of either."""
    said = await google.say("Lovely!")
    await google.say_elsewhere("Thanks", target=said)
    for external_id in (said, f"{said}/reply"):
        events = await connector.fetch(sdk.Ping(stream="reviews", external_id=external_id))

        assert [getattr(event, "external_id", "") for event in events] == [said, f"{said}/reply"]


@pytest.mark.parametrize("stream", ["reviews", "replies"])
async def test_a_listing_that_leads_back_to_itself_is_noticed(
    google: Sandbox, connector: GoogleBusiness, stream: str
) -> None:
    """Taken for the end, it would lose reviews; followed, it would never end."""
    google.page_size(2)
    for number in range(5):
        await google.say(f"Review {number}")
    google.inject("repeated_cursor", "read", times=9)
    with pytest.raises(sdk.Malformed, match="leads back"):
        await pulled(connector.pull(stream, None, None))


@pytest.mark.parametrize("odd", [{"comment": 5}, {"createTime": None}, {"reviewMediaItems": [None]}])
@pytest.mark.parametrize("is_last", [False, True])
async def test_one_odd_review_holds_up_no_other(odd: dict[str, object], is_last: bool) -> None:
    """It is asked for by itself, and kept aside if it stays so."""
    place = "accounts/1/locations/2"
    good = {"name": f"{place}/reviews/good", "createTime": "2026-11-20T10:00:00Z", "comment": "Lovely!"}
    listed = [{**good, "name": f"{place}/reviews/odd", **odd}, good]

    def google(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"reviews": listed[::-1] if is_last else listed})

    told = AccountSettings(location=place)
    connector = connect(GoogleBusiness, httpx.MockTransport(google), external_id="locations/2", settings=told)
    [page] = await pulled(connector.pull("reviews", {"floor": "2026-11-20T09:00:00+00:00"}, None))

    assert sdk.Ping(stream="reviews", external_id="odd") in page.events
    assert bodies([page]) == ["Lovely!"]
    assert page.cursor == {"floor": "2026-11-20T10:00:00+00:00"}
    assert (await pulled(connector.pull("replies", None, None)))[-1].done


@pytest.mark.parametrize("name", [".", ".."])
async def test_no_id_leads_out_of_the_reviews(connector: GoogleBusiness, asked: list[Exchange], name: str) -> None:
    """One that is a path to somewhere else names no review."""
    with pytest.raises(sdk.Rejected):
        await connector.fetch(sdk.Ping(stream="reviews", external_id=name))

    assert asked == []
