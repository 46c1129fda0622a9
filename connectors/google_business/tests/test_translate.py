"""What becomes of a review: stars, times, authors, files, and what is not known."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from chorally_google_business.api import read
from chorally_google_business.shapes import Review
from chorally_google_business.translate import to_events
from hypothesis import given
from hypothesis import strategies as st

import chorally_sdk as sdk

NAME = "accounts/1/locations/2/reviews/r-1"


def a_review(**changes: Any) -> dict[str, Any]:
    """A review as Google shows it."""
    told = {
        "name": NAME,
        "reviewId": "r-1",
        "reviewer": {"displayName": "Ada", "profilePhotoUrl": "https://photos.example/a/ada=s120-c"},
        "starRating": "FOUR",
        "comment": "Lovely!",
        "createTime": "2026-11-20T09:00:00.123456789Z",
        "updateTime": "2026-11-20T09:00:00.123456789Z",
    }
    return {name: value for name, value in {**told, **changes}.items() if value is not None}


def said(**changes: Any) -> sdk.Message:
    """The message of a review."""
    message = to_events(Review.model_validate(a_review(**changes)))[0]
    assert isinstance(message, sdk.Message)
    return message


@pytest.mark.parametrize(
    ("word", "stars"), [("ONE", 1), ("TWO", 2), ("THREE", 3), ("FOUR", 4), ("FIVE", 5), (None, None)]
)
def test_stars_are_a_number(word: str | None, stars: int | None) -> None:
    """Google writes words."""
    assert said(starRating=word).rating == stars


@pytest.mark.parametrize("word", ["STAR_RATING_UNSPECIFIED", "SIX"])
def test_a_rating_that_is_no_number_of_stars_is_kept_as_it_is(word: str) -> None:
    """For people to see."""
    message = said(starRating=word)

    assert message.rating is None
    assert message.extra["star_rating"] == word


def test_times_are_to_the_microsecond_and_have_a_zone() -> None:
    """Google writes nanoseconds; an offset is understood too."""
    assert said().sent_at == datetime(2026, 11, 20, 9, 0, 0, 123456, tzinfo=UTC)
    assert said(createTime="2026-11-20T10:00:00+01:00").sent_at == datetime(2026, 11, 20, 9, tzinfo=UTC)


def test_an_edit_is_known_by_its_time() -> None:
    """What was never changed is no edit, also where the time of the change is left out."""
    edited = said(updateTime="2026-11-21T09:00:00Z")

    assert edited.edited_at == datetime(2026, 11, 21, 9, tzinfo=UTC)
    assert said().edited_at is None
    assert said(updateTime=None).edited_at is None


def test_stars_without_words_are_a_message() -> None:
    """Its text is empty."""
    assert (said(comment=None).body, said(comment=None).rating) == ("", 4)


@pytest.mark.parametrize("reviewer", [{"displayName": "A Google user", "isAnonymous": True}, {}, {"displayName": ""}])
def test_who_is_anonymous_is_nobody(reviewer: dict[str, Any]) -> None:
    """All of them share one name, and are not one person."""
    assert said(reviewer=reviewer).author is None


def test_people_are_told_apart_by_name_and_photo() -> None:
    """The size and the badge in a photo's address are not the person's."""

    def who(name: str = "Ada", photo: str = "https://photos.example/a/ada=s120-c", review: str = "r-1") -> str:
        shown = {"displayName": name, "profilePhotoUrl": photo}
        author = said(reviewer=shown, name=f"accounts/1/locations/2/reviews/{review}").author
        assert author is not None
        return author.external_id

    assert who() == who(photo="https://photos.example/a/ada=s64-c-mo-br100") == who(review="r-2")
    assert len({who(), who(name="Bob"), who(photo="https://photos.example/a/ada2=s120-c")}) == 3
    assert who(photo="") == who(photo="")
    assert who(photo="") != who(photo="", review="r-2"), "a name alone is one person within one review only"


def test_files_of_a_review_come_with_it() -> None:
    """By whichever address they have; what has none is kept for people to see."""
    items = [{"thumbnailUrl": "https://p.example/1"}, {"videoUrl": "https://p.example/2"}, {"item": 3}]
    message = said(reviewMediaItems=items, reviewReplyUrl="https://reply.example")

    assert [(file.kind, file.url) for file in message.attachments] == [
        ("image", "https://p.example/1"),
        ("video", "https://p.example/2"),
    ]
    assert message.extra == {"media": [{"item": 3}], "reply_url": "https://reply.example"}


@pytest.mark.parametrize(
    "field", ["comment", "starRating", "reviewer", "reviewReply", "reviewMediaItems", "updateTime", "reviewReplyUrl"]
)
def test_a_field_that_is_null_is_one_that_is_left_out(field: str) -> None:
    """One odd review must not keep all others of its page from being read."""
    events = to_events(Review.model_validate({**a_review(), field: None}))

    assert events == to_events(Review.model_validate(a_review(**{field: None})))
    assert len(events) == 1


def test_a_reply_without_words_is_none() -> None:
    """An empty object in its place says nothing."""
    assert len(to_events(Review.model_validate(a_review(reviewReply={})))) == 1
    assert len(to_events(Review.model_validate(a_review(reviewReply={"comment": "Thanks"})))) == 2


def test_a_name_that_is_no_reviews_is_malformed() -> None:
    """Nothing could be answered by it."""
    with pytest.raises(sdk.Malformed):
        said(name="accounts/1/locations/2")


def test_what_cannot_be_read_is_said_without_quoting_it() -> None:
    """A person's words are not for error messages."""
    raw = json.dumps(a_review(createTime="secret words")).encode()
    with pytest.raises(sdk.Malformed, match="createTime") as caught:
        read(Review, raw, "the listing")

    assert "secret words" not in str(caught.value)
    assert caught.value.payload == raw


VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.integers(), max_size=2)
FIELDS = st.sampled_from(["comment", "starRating", "reviewer", "reviewReply", "reviewMediaItems", "updateTime", "new"])


@given(st.dictionaries(FIELDS, VALUES | st.dictionaries(st.text(max_size=5), VALUES, max_size=2), max_size=4))
def test_any_review_is_read_or_malformed(changes: dict[str, Any]) -> None:
    """Its id and conversation are its own, whatever else is in it."""
    raw = json.dumps({**a_review(), **changes}).encode()
    events: tuple[sdk.Event, ...] = ()
    why = ""
    try:
        events = to_events(read(Review, raw, "the review"), raw)
    except sdk.Malformed as error:
        why = str(error)

    assert bool(events) != bool(why)
    assert events or set(changes) - {"new"}, f"a new field is no reason: {why}"
    assert {getattr(event, "conversation_id", "") for event in events} <= {"r-1"}


@given(st.text(max_size=60), st.text(max_size=60))
def test_words_are_as_they_were_written(comment: str, reply: str) -> None:
    """Of both sides, and under ids of their own."""
    shown = a_review(comment=comment, reviewReply={"comment": reply, "updateTime": "2026-11-21T09:00:00Z"})
    events = to_events(Review.model_validate(shown))

    assert [event.body for event in events if isinstance(event, sdk.Message)] == [comment, *([reply] if reply else [])]
