"""The samples of real payloads, which are not part of this repository."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_google_business import GoogleBusiness
from chorally_google_business.shapes import NotificationSetting, Reply, Review
from chorally_google_business.translate import to_events

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect

PUSHED = {"pubsub_new_review_push": 1, "pubsub_new_review_alt_spelling": 1}
ILLUSTRATIVE = "pubsub_push_envelope"
"""Its data is the words "base64 of the notification JSON" in brackets: nothing in it could be read."""
REVIEWS = {"review_with_reply": 2}
OTHERS = {"error_unauthenticated", "notification_setting_patch", "review_reply_request"}
"""An error, a setting and a request: nothing that anybody said."""


@pytest.fixture
def samples(specs: Path) -> dict[str, Any]:
    """The samples by name."""
    folder = specs / "payloads" / "google-business"
    return {path.stem: json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")}


def test_every_sample_has_its_place(samples: dict[str, Any]) -> None:
    """A new one must be given its place here."""
    assert set(samples) == {*PUSHED, ILLUSTRATIVE, *REVIEWS, *OTHERS}


def test_as_many_items_come_out_as_go_in(samples: dict[str, Any]) -> None:
    """Three pushes and a review with its reply: four events, and one that is kept aside for what it lacks."""
    parse = connect(GoogleBusiness).parse
    heard = {name: len(parse(a_hook(json.dumps(samples[name])))) for name in PUSHED}
    read = {name: len(to_events(Review.model_validate(samples[name]))) for name in REVIEWS}

    assert (heard, read) == (PUSHED, REVIEWS)
    with pytest.raises(sdk.Malformed, match=r"message\.data"):
        parse(a_hook(json.dumps(samples[ILLUSTRATIVE])))


def test_both_spellings_name_the_review(samples: dict[str, Any]) -> None:
    """The members of a notification are not documented, and differ."""
    for name in PUSHED:
        (ping,) = connect(GoogleBusiness).parse(a_hook(json.dumps(samples[name])))

        assert ping == sdk.Ping(stream="reviews", account="locations/222", external_id="rev-1")


def test_a_review_is_read_with_its_reply(samples: dict[str, Any]) -> None:
    """Stars, author and times; the reply is ours."""
    review, reply = to_events(Review.model_validate(samples["review_with_reply"]))

    assert isinstance(review, sdk.Message)
    assert isinstance(reply, sdk.Message)
    assert (review.external_id, review.rating, review.body, review.edited_at) == ("abc123", 5, "Great service!", None)
    assert (review.account, review.author and review.author.name) == ("locations/456", "John Doe")
    assert (reply.external_id, reply.parent_id, reply.ours) == ("abc123/reply", "abc123", True)


def test_what_is_sent_is_as_in_the_samples(samples: dict[str, Any]) -> None:
    """The request of a reply, and a setting, are in our shapes; the error asks for another token."""
    setting = NotificationSetting.model_validate(samples["notification_setting_patch"])
    error = connect(GoogleBusiness).fault(httpx.Response(401, json=samples["error_unauthenticated"]))

    assert Reply.model_validate(samples["review_reply_request"]).comment
    assert setting.notificationTypes == ["NEW_REVIEW", "UPDATED_REVIEW"]
    assert isinstance(error, sdk.Reauthorize)
