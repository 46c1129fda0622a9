"""Notifications: who may tell us something, and what they name."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from chorally_google_business import GoogleBusiness
from chorally_google_business.sandbox import Sandbox
from hypothesis import given
from hypothesis import strategies as st

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect

Connected = Callable[..., GoogleBusiness]
PLACE = "accounts/1/locations/2"


def pushed(note: Any, **message: Any) -> sdk.RawHook:
    """A push of a note."""
    data = base64.b64encode(json.dumps(note).encode()).decode()
    return a_hook(json.dumps({"message": {"data": data, "messageId": "7", **message}, "subscription": "s"}))


def parsed(note: Any, **message: Any) -> list[sdk.Event]:
    """What a push of a note means."""
    return list(connect(GoogleBusiness).parse(pushed(note, **message)))


@pytest.mark.parametrize(
    "claims",
    [
        {"email": "another@sandbox-project.iam.example"},
        {"email": None},
        {"email_verified": False},
        {"email_verified": "true"},
        {"aud": "https://chorally.example/hooks/other"},
        {"iss": "https://accounts.example"},
    ],
)
def test_a_token_of_anybody_else_is_refused(google: Sandbox, connected: Connected, claims: dict[str, Any]) -> None:
    """Google makes tokens for everybody; the audience and the service account are ours."""
    verdict = connected(for_app=True).verify(google.by_token(claims), google.keys())

    assert verdict.kind == "reject"


@pytest.mark.parametrize("missing", ["push_audience", "push_account"])
def test_without_its_settings_nothing_is_let_in(google: Sandbox, connected: Connected, missing: str) -> None:
    """An audience or an account that is not set is nobody's."""
    for claims in ({}, {"aud": "", "email": ""}):
        verdict = connected(app={missing: ""}, for_app=True).verify(google.by_token(claims), google.keys())

        assert verdict.kind == "reject"


async def test_what_is_delivered_again_is_known_by_its_id(google: Sandbox, connected: Connected) -> None:
    """Pub/Sub keeps the id of a message when it delivers it again, under another token."""
    await google.say("Lovely!")
    (hook,) = google.hooks()
    google.clock.pass_(minutes=1)
    again = google.signed(hook.body)
    verdicts = [connected(for_app=True).verify(each, google.keys()) for each in (hook, again)]

    assert hook.headers["authorization"] != again.headers["authorization"]
    assert verdicts[0] == verdicts[1]
    assert verdicts[0].delivery_id


@pytest.mark.parametrize(
    "note",
    [
        {"type": "NEW_REVIEW", "location": PLACE, "review": f"{PLACE}/reviews/r"},
        {"notificationType": "UPDATED_REVIEW", "location_name": PLACE, "review_name": f"{PLACE}/reviews/r"},
        {"notification_type": "NEW_REVIEW", "reviewName": f"{PLACE}/reviews/r"},
        {"type": "REVIEW_OF_TOMORROW", "review": f"{PLACE}/reviews/r"},
    ],
)
def test_a_review_is_named_in_all_spellings(note: dict[str, str]) -> None:
    """None is documented; the location is a part of the review's name, too."""
    assert parsed(note) == [sdk.Ping(stream="reviews", account="locations/2", external_id="r")]


def test_a_kind_of_tomorrow_has_the_location_looked_at() -> None:
    """What it is about is not known, and may be reviews."""
    assert parsed({"type": "REVIEWS_MERGED", "location": PLACE}) == [sdk.Ping(stream="reviews", account="locations/2")]


@pytest.mark.parametrize("kind", ["GOOGLE_UPDATE", "NEW_CUSTOMER_MEDIA", "NEW_QUESTION", "VOICE_OF_MERCHANT_UPDATED"])
def test_what_is_not_about_reviews_says_nothing(kind: str) -> None:
    """Another program may have had the account's one setting tell of it."""
    assert parsed({"type": kind, "location": PLACE}) == []


def test_names_may_be_attributes() -> None:
    """Data goes before them where both are there."""
    attributes = {"type": "NEW_REVIEW", "review": f"{PLACE}/reviews/a"}

    assert parsed({}, attributes=attributes)[0].external_id == "a"
    assert parsed({"review": f"{PLACE}/reviews/b"}, attributes=attributes)[0].external_id == "b"
    assert connect(GoogleBusiness).parse(a_hook(json.dumps({"message": {"attributes": attributes}})))


@pytest.mark.parametrize("data", ["%%%", "bm8=", "WzFd", 5, "Iis="])
def test_data_that_cannot_be_read_is_kept_aside(data: Any) -> None:
    """It was taken, as Pub/Sub would send it for days; the payload stays with the error."""
    hook = pushed({}, data=data)
    with pytest.raises(sdk.Malformed) as caught:
        connect(GoogleBusiness).parse(hook)

    assert caught.value.payload == hook.body


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just(PLACE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["type", "notificationType", "location", "locationName", "review", "review_name", "other"])


@given(st.dictionaries(NAMES, JSON | st.just(f"{PLACE}/reviews/r"), max_size=5), JSON)
def test_whatever_is_told_is_read_or_kept_aside(note: dict[str, Any], attributes: Any) -> None:
    """Pings alone, each with a place to look; no other error than that it cannot be read."""
    for event in parsed(note, attributes=attributes):
        assert isinstance(event, sdk.Ping)
        assert event.account is not None or event.external_id is not None


@given(st.binary(max_size=40) | JSON.map(lambda told: json.dumps(told).encode()))
def test_whatever_is_sent_is_read_or_kept_aside(body: bytes) -> None:
    """Also where it is no push at all."""
    hook, kept = a_hook(body), None
    try:
        events = connect(GoogleBusiness).parse(hook)
    except sdk.Malformed as error:
        events, kept = (), error.payload

    assert not events, "only a message names a place"
    assert kept in (None, body)
