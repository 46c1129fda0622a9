"""What followers of the history have at hand in memory."""

from datetime import UTC, datetime

from chorally_core.services.log.feed import _Tail
from chorally_core.services.log.model import LogEntry


def _entry(number: int) -> LogEntry:
    at = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    return LogEntry(id=f"e{number}", tenant="acme", what="x", issuer="x", at=at, subject_type="x", subject_id="x")


def test_an_entry_that_arrives_anew_is_at_hand_once() -> None:
    """It became visible late, as its writer stood still; the tail goes on all the same."""
    tail = _Tail(3)
    for number in (1, 2, 1, 3, 4, 5):
        tail.put(_entry(number))

    behind = tail.behind("e3")
    assert behind is not None
    assert [entry.id for entry in behind] == ["e4", "e5"]
