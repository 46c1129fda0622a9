"""Posts as the release before stored them go on as they were."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from chorally_core.services.publishing import commands
from chorally_core.services.publishing.model import Publication, settled
from chorally_core.services.publishing.upgrading import with_targets

OLD: dict[str, Any] = {
    "id": "p", "tenant": "acme", "version": 3, "account_id": "a", "platform": "plaza", "channel": "plaza_post",
    "body": "hi", "attachments": [{"kind": "image", "external_id": "files/1", "media_type": "image/png"}],
    "options": {"pinned": True}, "created_by": "ada", "created_at": "2026-11-01T08:00:00Z",
}  # fmt: skip


def upgraded(**more: Any) -> Publication:
    """Return an old post as it is read now."""
    return msgspec.convert(with_targets({**OLD, **more}), Publication)


def test_one_that_waits_for_its_time_goes_out_at_it() -> None:
    """Nobody had to approve it, and nobody has to now."""
    due = datetime(2026, 12, 1, 9, tzinfo=UTC)
    post = upgraded(state="scheduled", publish_at="2026-12-01T09:00:00Z", due_at="2026-12-01T09:00:00Z")
    assert (post.stage, post.state, post.at, post.authors) == ("scheduled", "scheduled", due, ("ada",))
    change = commands.hand_over(post, at=due)
    assert [event.name for event in change.events] == ["publish", "add"]
    assert change.events[0].data.publication_id == "p"


@pytest.mark.parametrize(
    ("before", "stage", "state"),
    [
        ("queued", "out", "publishing"), ("sent", "out", "published"), ("read", "out", "published"),
        ("failed", "out", "failed"), ("unconfirmed", "out", "unconfirmed"), ("deleted", "out", "deleted"),
        ("cancelled", "cancelled", "cancelled"),
    ],
)  # fmt: skip
def test_what_became_of_it_is_what_became_of_its_target(before: str, stage: str, state: str) -> None:
    """Under the words that are used now, which are those that are reckoned anew."""
    post = upgraded(state=before, external_id="1", sent_at="2026-11-01T08:00:01Z")
    (target,) = post.targets
    assert (post.stage, post.state, target.id, target.external_id) == (stage, state, "p", "1")
    assert settled(post) == post
    assert post.approval.holds(post.content_hash())
