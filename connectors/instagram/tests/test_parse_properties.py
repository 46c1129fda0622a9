"""Parsers take whatever comes: all of it is heard, or it is malformed, and nothing else."""

import json
from typing import Any

from chorally_instagram import Instagram
from hypothesis import given, settings
from hypothesis import strategies as st

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect

IDS = st.text("0123456789abc_", min_size=1, max_size=12)
AUTHORS = st.fixed_dictionaries({"id": IDS}, optional={"username": st.text(max_size=9), "self_ig_scoped_id": IDS})
COMMENTS = st.fixed_dictionaries(
    {}, optional={"id": IDS, "comment_id": IDS, "from": AUTHORS, "text": st.text(), "parent_id": IDS, "media":
    st.fixed_dictionaries({}, optional={"id": IDS, "media_product_type": st.text(max_size=5)})},
)  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=9,
)
CHANGES = st.builds(
    lambda field, value: {"field": field, "value": value},
    st.sampled_from(["comments", "live_comments", "mentions", "messages", "story_insights", "dances"]),
    COMMENTS | ANYTHING,
)
EVENTS = st.fixed_dictionaries(
    {"sender": st.fixed_dictionaries({"id": IDS}), "timestamp": st.integers(0, 2_000_000_000_000)},
    optional={
        "recipient": st.fixed_dictionaries({"id": IDS}),
        "message": st.fixed_dictionaries({"mid": IDS}, optional={"text": st.text(), "attachments": ANYTHING,
                                                                 "reply_to": ANYTHING, "is_echo": st.booleans()}),
        "reaction": ANYTHING, "postback": ANYTHING, "read": ANYTHING, "message_edit": ANYTHING, "referral": ANYTHING,
    },
)  # fmt: skip
ENTRIES = st.fixed_dictionaries(
    {"id": IDS}, optional={"time": st.integers(0, 2_000_000_000), "changes": st.lists(CHANGES, max_size=3),
                           "messaging": st.lists(EVENTS | ANYTHING, max_size=3),
                           "standby": st.lists(EVENTS, max_size=2), "field": st.just("comments"), "value": COMMENTS},
)  # fmt: skip


def _items(body: Any) -> int:
    """What a body tells, but for statistics, which say nothing."""
    told = [change for entry in body["entry"] for change in entry.get("changes", ())]
    said = sum(len(entry.get("messaging", ())) + len(entry.get("standby", ())) for entry in body["entry"])
    bare = sum("field" in entry for entry in body["entry"])
    return int(said + bare + sum(change["field"] != "story_insights" for change in told))


@given(st.lists(ENTRIES, max_size=3))
@settings(max_examples=150, deadline=None)
def test_all_items_of_a_hook_are_heard_or_it_is_malformed(entries: list[Any]) -> None:
    """As many events as items at least, each of the account of its entry, and twice the same."""
    body = {"object": "instagram", "entry": entries}
    instagram = connect(Instagram, for_app=True)
    try:
        events = instagram.parse(a_hook(json.dumps(body)))
    except sdk.Malformed:
        return
    assert len(events) >= _items(body)
    assert all(event.account for event in events)
    assert list(events) == list(instagram.parse(a_hook(json.dumps(body))))


@given(st.binary(max_size=60) | ANYTHING.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_read_or_malformed(body: bytes) -> None:
    """A bug's exception would lose the payload from sight."""
    try:
        connect(Instagram, for_app=True).parse(a_hook(body.decode("latin-1")))
    except sdk.Malformed:
        return
