"""What a member holds between the log and the work."""

from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition
from chorally_core.adapters.kafka.share import Share
from hypothesis import given
from hypothesis import strategies as st

A, B = TopicPartition("t", 0), TopicPartition("t", 1)


def records(first: int, count: int) -> list[Any]:
    """Return records with offsets that follow each other."""
    return [SimpleNamespace(offset=offset) for offset in range(first, first + count)]


def offsets(parts: Any) -> dict[TopicPartition, list[int]]:
    """Return the offsets handed out, by partition."""
    return {partition: [record.offset for record in part] for partition, part in parts}


def test_partitions_take_turns() -> None:
    """A full partition does not starve the others."""
    share = Share()
    share.keep(A, records(0, 10))
    share.keep(B, records(0, 10))
    assert offsets(share.take(4)[0]) == {A: [0, 1, 2, 3]}
    assert offsets(share.take(4)[0]) == {B: [0, 1, 2, 3]}
    assert offsets(share.take(8)[0]) == {A: [4, 5, 6, 7, 8, 9], B: [4, 5]}


def test_a_gap_in_the_log_is_told() -> None:
    """Events that were removed before they were read do not vanish in silence."""
    share = Share()
    assert share.keep(A, records(5, 2)) is None
    assert share.keep(A, records(7, 1)) is None
    assert share.keep(A, records(11, 1)) == 3


def test_what_was_read_of_an_earlier_share_changes_nothing() -> None:
    """The same partition may come back and be at another place."""
    share = Share()
    share.keep(A, records(0, 5))
    _, reach = share.take(5)
    share.renew()
    share.keep(A, records(0, 5))
    share.take(5)
    share.done(reach)
    assert share.in_flight


@given(st.lists(st.tuples(st.sampled_from(["keep", "take", "done", "rewind"]), st.integers(1, 5)), max_size=60))
def test_any_steps_hand_out_everything_in_order(steps: list[tuple[str, int]]) -> None:
    """What is done is everything up to a place; what is counted as ahead is what may still be taken."""
    share = Share()
    kept, done, pending = 0, 0, list[Any]()
    for step, count in steps:
        if step == "keep":
            share.keep(A, records(kept, count))
            kept += count
        elif step == "take":
            parts, reach = share.take(count)
            found = offsets(parts).get(A, [])
            begin = pending[-1].offsets[A] if pending else done
            assert found == list(range(begin, min(begin + count, kept)))
            pending += [reach] if found else []
        elif step == "done" and pending:
            reach = pending.pop(0)
            share.done(reach)
            done = reach.offsets[A]
        elif step == "rewind":
            share.rewind()
            pending = []
        reached = pending[-1].offsets[A] if pending else done
        assert share.ahead == kept - reached
        assert share.in_flight == bool(pending)
        assert share.undone(A) == (done if kept else None)
