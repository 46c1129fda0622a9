"""What is decided about posts, without a store."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chorally_core.ports.handlers import NOTHING, Change
from chorally_core.services.publishing import commands
from chorally_core.services.publishing.model import Fate, Publication, Target

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LATER = AT + timedelta(hours=1)


def a_change(**more: Any) -> Change:
    """Write a post and hand it in, where nobody is asked."""
    known = more.pop("known", None)
    target = Target(id="", account_id="a", platform="plaza", channel="plaza_post")
    draft = commands.drafted(
        publication_id="p", tenant="acme", content={"body": "hi", **more}, targets=[target], actor=("agent", "ada"),
        at=AT, known=known,
    )  # fmt: skip
    return NOTHING if draft is None else commands.add(draft, steps=(), actor=("agent", "ada"), at=AT)


def a_post(**more: Any) -> Publication:
    """Return the post that is published."""
    (post,) = a_change(**more).writes
    assert isinstance(post, Publication)
    return post


def test_a_request_that_comes_again_changes_nothing() -> None:
    """Nor is its command given again."""
    assert a_change(known=a_post()) == NOTHING


def test_a_time_that_is_past_is_now() -> None:
    """The command goes with the post; of one that waits it does not."""
    now = a_change(publish_at=AT - timedelta(days=1))
    assert [event.name for event in now.events] == ["publish", "add", "add"]
    assert [event.name for event in a_change(publish_at=LATER).events] == ["add", "add"]


def test_a_post_is_handed_over_at_its_time_and_not_before() -> None:
    """Once: what is on its way is not due any more."""
    post = a_post(publish_at=LATER)
    assert commands.hand_over(post, at=AT) == NOTHING
    change = commands.hand_over(post, at=LATER)
    assert [event.name for event in change.events] == ["publish", "add"]
    (queued,) = change.writes
    assert isinstance(queued, Publication)
    assert commands.hand_over(queued, at=LATER) == NOTHING


@pytest.mark.parametrize(
    ("before", "after", "may"),
    [
        ("queued", "sending", True), ("sending", "queued", False), ("unconfirmed", "queued", True),
        ("unconfirmed", "sending", False), ("failed", "queued", True), ("failed", "sending", False),
        ("sent", "failed", False), ("sent", "deleted", True), ("deleted", "sent", False),
        ("", "sent", False), ("", "queued", False), ("sent", "sent", False),
    ],
)  # fmt: skip
def test_states_only_go_forward(before: Fate, after: str, may: bool) -> None:
    """As a message's do; what is not handed over hears of no delivery."""
    target = Target(id="p", account_id="a", platform="plaza", channel="plaza_post", fate=before)
    assert target.may_become(after) is may
