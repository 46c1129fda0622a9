"""Whatever Trustpilot sends, what comes of it is events, or an error that keeps it."""

import json
from typing import Any

from chorally_trustpilot import Trustpilot
from chorally_trustpilot.shapes import Review, understood
from chorally_trustpilot.translate import events_of
from hypothesis import given
from hypothesis import strategies as some

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect

CONNECTOR = connect(Trustpilot, for_app=True)
ANY = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=5),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
TIMES = some.sampled_from(["2026-11-23T09:00:00", "2026-11-23T09:00:00Z", "2026-11-23T09:00:00.123+02:00"])
EVENTS = some.fixed_dictionaries(
    {},
    optional={
        "eventName": some.sampled_from(["service-review-created", "service-review-deleted", "new"]) | ANY,
        "eventData": some.fixed_dictionaries({}, optional={"id": some.text(max_size=6) | ANY}) | ANY,
    },
)
REVIEWS = some.fixed_dictionaries(
    {"id": some.text(min_size=1, max_size=5), "createdAt": TIMES},
    optional={
        "stars": some.integers() | some.none(),
        "text": some.text(max_size=9) | some.none(),
        "title": some.text(max_size=9) | some.none(),
        "updatedAt": TIMES | some.none(),
        "consumer": some.fixed_dictionaries({}, optional={"id": some.text(max_size=3), "displayName": ANY}) | ANY,
        "companyReply": some.fixed_dictionaries({"createdAt": TIMES}, optional={"text": some.text()}) | some.none(),
        "reportData": some.fixed_dictionaries({}, optional={"reviewVisibility": some.text(max_size=6)}) | some.none(),
        "somethingNew": ANY,
    },
)


@given(some.lists(EVENTS | ANY, max_size=5))
def test_each_event_gives_one_ping(events: list[Any]) -> None:
    """Of whatever form; none names what could not be a review's id."""
    pings = CONNECTOR.parse(a_hook(json.dumps({"events": events})))

    assert len(pings) == len(events)
    assert all(isinstance(ping, sdk.Ping) for ping in pings)
    assert all("/" not in (getattr(ping, "external_id", None) or "") for ping in pings)


@given(some.binary(max_size=40))
def test_any_body_is_read_or_kept(body: bytes) -> None:
    """The error carries the bytes along."""
    kept = body
    try:
        CONNECTOR.parse(a_hook(body))
    except sdk.Malformed as error:
        kept = error.payload
    assert kept == body


@given(REVIEWS)
def test_a_review_gives_one_message_and_one_for_its_reply(value: dict[str, Any]) -> None:
    """Times are aware, stars are 1 to 5 or none, and what is new is kept; or it is malformed."""
    try:
        review = understood(Review, value, "a review", b"raw")
    except sdk.Malformed:
        return
    messages = [event for event in events_of(review) if isinstance(event, sdk.Message)]

    assert len(messages) == 1 + (value.get("companyReply") is not None)
    assert messages[0].rating in {None, 1, 2, 3, 4, 5}
    assert messages[0].sent_at.tzinfo is not None
    if value.get("somethingNew") not in (None, ""):
        assert messages[0].extra["somethingNew"] == value["somethingNew"]
    assert sdk.Message.model_validate_json(messages[0].model_dump_json()) == messages[0]
