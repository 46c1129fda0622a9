"""What changes without renewing a review is noticed: replies made elsewhere, and reviews that are taken down."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from chorally_google_business import GoogleBusiness
from chorally_google_business.sandbox import Sandbox

import chorally_sdk as sdk
from chorally_sdk.testing import pulled

Connected = Callable[..., GoogleBusiness]


class Looks:
    """Looks again and again, from where the last look ended."""

    def __init__(self, connector: GoogleBusiness) -> None:
        self.connector = connector
        self.cursor: Any = None

    async def again(self, **how: Any) -> list[sdk.Event]:
        """What the next look finds."""
        pages = await pulled(self.connector.pull("replies", self.cursor, how.get("since")))
        self.cursor = dict(pages[-1].cursor)
        return [event for page in pages for event in page.events]


async def test_a_reply_written_elsewhere_comes_once(google: Sandbox, connector: GoogleBusiness) -> None:
    """Its review is not renewed, so that the listing by change never shows it again."""
    looks, said = Looks(connector), await google.say("Open?")
    assert await looks.again() == []
    await google.say_elsewhere("Until six", target=said)
    (reply,) = await looks.again()

    assert isinstance(reply, sdk.Message)
    assert (reply.body, reply.ours, reply.external_id) == ("Until six", True, f"{said}/reply")
    assert await looks.again() == []


async def test_a_reply_that_is_changed_or_deleted_elsewhere_is_told(google: Sandbox, connector: GoogleBusiness) -> None:
    """The new text as an edit, its end as a mark."""
    looks, said = Looks(connector), await google.say("Open?")
    await google.say_elsewhere("Until six", target=said)
    await looks.again()
    google.clock.pass_(hours=1)
    await google.say_elsewhere("Until seven", target=said)
    (changed,) = await looks.again()
    del google.world.replies[said]
    (deleted,) = await looks.again()

    assert isinstance(changed, sdk.Message)
    assert (changed.body, changed.edited_at) == ("Until seven", google.clock())
    assert isinstance(deleted, sdk.Mark)
    assert (deleted.state, deleted.external_id, deleted.at) == ("deleted", f"{said}/reply", google.clock())


async def test_a_review_that_was_taken_down_is_asked_for(google: Sandbox, connector: GoogleBusiness) -> None:
    """A ping has it fetched, which says that it is gone; the others are left alone."""
    looks = Looks(connector)
    said = [await google.say(f"Review {number}") for number in range(3)]
    await looks.again()
    await google.remove(said[1])

    assert await looks.again() == [sdk.Ping(stream="reviews", external_id=said[1])]
    assert await looks.again() == []


async def test_what_newer_reviews_push_out_of_sight_is_not_missing(google: Sandbox, connected: Connected) -> None:
    """Only what must have been met is asked for: the rest is further down, and still there."""
    looks = Looks(connected(looked_at_again=4))
    said = []
    for number in range(4):
        google.clock.pass_(minutes=1)
        said.append(await google.say(f"Review {number}"))
    await looks.again()
    for number in range(3):
        google.clock.pass_(minutes=1)
        await google.say(f"New {number}")
    await google.remove(said[3])

    assert await looks.again() == [sdk.Ping(stream="reviews", external_id=said[3])]


async def test_it_resumes_at_any_page(google: Sandbox, connector: GoogleBusiness) -> None:
    """Killed after each page in turn, it finds the same, and forgets nothing of the look before."""
    google.page_size(2)
    looks = Looks(connector)
    said = [await google.say(f"Review {number}") for number in range(7)]
    await looks.again()
    for number, review in enumerate(said[1:]):
        await google.say_elsewhere(f"Thanks {number}", target=review)
    await google.remove(said[0])
    cursor = looks.cursor
    found: list[sdk.Event] = []
    for _ in range(10):
        page = await anext(connector.pull("replies", cursor, None))
        cursor = dict(page.cursor)
        found += page.events
        if page.done:
            break

    replies = {event.external_id for event in found if isinstance(event, sdk.Message)}
    assert replies == {f"{review}/reply" for review in said[1:]}
    assert [event.external_id for event in found if isinstance(event, sdk.Ping)] == [said[0]]
    assert set(cursor["before"]) == set(said[1:])


async def test_a_page_token_that_google_forgot_starts_the_look_over(google: Sandbox, connector: GoogleBusiness) -> None:
    """Within the same call, and without taking what was not met again for missing."""
    google.page_size(2)
    said = [await google.say(f"Review {number}") for number in range(5)]
    first = await anext(connector.pull("replies", None, None))
    google.forget_cursors()
    pages = await pulled(connector.pull("replies", dict(first.cursor), None))

    assert set(pages[-1].cursor["before"]) == set(said)
    assert [event for page in pages for event in page.events] == []


async def test_nothing_is_looked_at_where_nothing_shall_be(google: Sandbox, connected: Connected) -> None:
    """Zero switches it off, without a call."""
    await google.say_elsewhere("Thanks", target=await google.say("Lovely!"))
    before = google.calls

    assert await Looks(connected(looked_at_again=0)).again() == []
    assert google.calls == before


async def test_replies_to_what_is_older_than_wanted_do_not_come(google: Sandbox, connector: GoogleBusiness) -> None:
    """Their reviews do not come either."""
    await google.say_elsewhere("Thanks", target=await google.say("Old"))
    google.clock.pass_(days=2)
    await google.say_elsewhere("Thanks!", target=await google.say("New"))
    found = await Looks(connector).again(since=google.clock() - timedelta(days=1))

    assert [event.body for event in found if isinstance(event, sdk.Message)] == ["Thanks!"]


async def test_ratings_without_text_may_be_left_out(google: Sandbox, connected: Connected) -> None:
    """Of both streams: a reply to what is not known would be nobody's."""
    await google.say_elsewhere("Thanks for the stars", target=await google.say(""))
    await google.say("With words")
    connector = connected(without_text=False)
    for stream, bodies in (("reviews", ["With words"]), ("replies", [])):
        pages = await pulled(connector.pull(stream, None, None))
        events = [event for page in pages for event in page.events]

        assert [event.body for event in events if isinstance(event, sdk.Message)] == bodies
