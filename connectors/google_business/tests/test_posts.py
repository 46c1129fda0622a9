"""Posts on a location: made, looked for, edited, deleted."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from chorally_google_business import GoogleBusiness
from chorally_google_business.sandbox import Sandbox

import chorally_sdk as sdk
from chorally_sdk.testing.recording import Exchange

EVENT = {
    "title": "Tasting", "start_date": "2026-12-01", "start_time": "18:00", "end_date": "2026-12-01", "end_time": "21:30"
}  # fmt: skip
Post = Callable[..., sdk.Publication]


@pytest.fixture
def a_post(google: Sandbox) -> Post:
    """Builds a post that is being made now."""

    def build(body: str = "News", **others: Any) -> sdk.Publication:
        given = {"id": "1", "client_ref": "0" * 32, "channel": "google_post", "body": body, "tried_at": google.clock()}
        return sdk.Publication.model_validate({**given, **others})

    return build


def an_action(verb: str, external_id: str, body: str = "") -> sdk.Action:
    """Something to be done to a post."""
    given = {"verb": verb, "external_id": external_id, "channel": "google_post", "body": body}
    return sdk.Action.model_validate(given)


async def test_a_post_has_what_its_options_say(
    google: Sandbox, connector: GoogleBusiness, a_post: Post, asked: list[Exchange]
) -> None:
    """In Google's words; where it is seen comes back."""
    options = {
        "language": "it", "topic": "OFFER", "event": EVENT, "offer": {"coupon": "WINE"},
        "photos": ["https://photos.example/1.jpg"], "button": {"action": "BOOK", "url": "https://book.example"},
    }  # fmt: skip
    receipt = await connector.publish(a_post(options=options))
    sent = json.loads(asked[-1].body)

    assert (receipt.external_id, receipt.state) == (google.made()[0].external_id, "sent")
    assert receipt.url == f"https://search.example/{receipt.external_id}"
    assert sent == {
        "topicType": "OFFER",
        "summary": "News",
        "languageCode": "it",
        "callToAction": {"actionType": "BOOK", "url": "https://book.example"},
        "media": [{"mediaFormat": "PHOTO", "sourceUrl": "https://photos.example/1.jpg"}],
        "event": {
            "title": "Tasting",
            "schedule": {
                "startDate": {"year": 2026, "month": 12, "day": 1},
                "startTime": {"hours": 18, "minutes": 0},
                "endDate": {"year": 2026, "month": 12, "day": 1},
                "endTime": {"hours": 21, "minutes": 30},
            },
        },
        "offer": {"couponCode": "WINE"},
    }


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ({"options": {"topic": "PARTY"}}, "options.topic"),
        ({"options": {"color": "red"}}, "options.color"),
        ({"options": {"topic": "EVENT"}}, "options.event"),
        ({"attachments": [{"kind": "image", "external_id": "f"}]}, "options.photos"),
    ],
)
async def test_what_a_post_cannot_have_is_refused_before_any_call(
    connector: GoogleBusiness, a_post: Post, asked: list[Exchange], others: dict[str, Any], words: str
) -> None:
    """The refusal names the option."""
    with pytest.raises(sdk.Rejected, match=words):
        await connector.publish(a_post(**others))

    assert asked == []


async def test_a_post_is_certain_once_google_has_looked_at_it(
    google: Sandbox, connector: GoogleBusiness, a_post: Post
) -> None:
    """Until then it is accepted; refused, it fails."""
    google.post_state = "PROCESSING"
    receipt = await connector.publish(a_post())
    assert receipt.state == "accepted"
    await connector.publish(a_post())
    pending = a_post(receipt=receipt)
    google.posts.change(receipt.external_id or "", state="LIVE")
    found = await connector.find(pending)
    assert found is not None
    assert found.state == "sent"
    google.posts.change(receipt.external_id or "", state="REJECTED")
    with pytest.raises(sdk.Rejected, match="policies"):
        await connector.find(pending)


async def test_a_lost_post_is_looked_for(google: Sandbox, connector: GoogleBusiness, a_post: Post) -> None:
    """By its text since the attempt, on every page; two of one text are for a person."""
    google.page_size(2)
    await connector.publish(a_post())
    google.clock.pass_(hours=1)
    tried = a_post()
    assert await connector.find(tried) is None, "what is older was another post"
    made = await connector.publish(tried)
    for number in range(4):
        await connector.publish(a_post(f"Other {number}"))
    found = await connector.find(tried)
    assert found is not None
    assert found.external_id == made.external_id
    await connector.publish(tried)
    with pytest.raises(sdk.OutcomeUnknown, match="several"):
        await connector.find(tried)


async def test_a_listing_without_an_end_is_no_proof(google: Sandbox, connector: GoogleBusiness, a_post: Post) -> None:
    """A person looks."""
    google.page_size(1)
    for number in range(3):
        await connector.publish(a_post(f"Other {number}"))
    google.inject("repeated_cursor", "read", times=50)
    with pytest.raises(sdk.OutcomeUnknown):
        await connector.find(a_post())


async def test_a_post_is_edited_and_deleted(google: Sandbox, connector: GoogleBusiness, a_post: Post) -> None:
    """Deleted again is deleted."""
    made = (await connector.publish(a_post())).external_id or ""
    await connector.moderate(an_action("edit", made, "Better news"))
    assert [post.body for post in google.made()] == ["Better news"]
    for _ in range(2):
        await connector.moderate(an_action("delete", made))

    assert google.made() == []
