"""Cursors and pages."""

import contextlib
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from chorally_core.api.paging import decode_cursor, encode_cursor, paged
from chorally_core.api.problem import Problem
from hypothesis import given
from hypothesis import strategies as st

VALUES = st.lists(
    st.one_of(
        st.none(),
        st.booleans(),
        st.text(),
        st.integers(-(2**63) + 1, 2**63 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1)),  # noqa: DTZ001
    ),
    max_size=4,
)


@given(VALUES)
def test_a_cursor_gives_back_what_was_put_in(values: list[Any]) -> None:
    """Texts, numbers, instants and nothing, in order; its own text is safe in a URL."""
    text = encode_cursor(values)
    if len(text) <= 2048:
        assert list(decode_cursor(text)) == values
    assert not set(text) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def _cursor(value: Any) -> str:
    return urlsafe_b64encode(msgspec.msgpack.encode(value)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "text",
    [
        *("", "!", "é", "A", "kg", "x" * 3000),
        *map(_cursor, ({"a": 1}, [[1]], [{"a": 1}], 7, [b"x"])),
        *map(_cursor, ([float("nan")], [float("inf")], [2**64 - 1], [-(2**63)])),
        _cursor(["a", 1]) + "AAAA",
    ],
)
def test_what_is_no_cursor_is_a_bad_request(text: str) -> None:
    """Nothing else reaches a query, above all no number that the store could not take."""
    with pytest.raises(Problem) as problem:
        decode_cursor(text)
    assert (problem.value.status, problem.value.code) == (400, "invalid-cursor")


@given(st.one_of(st.text(), st.binary().map(lambda packed: urlsafe_b64encode(packed).decode())))
def test_any_text_is_a_cursor_or_a_bad_request(text: str) -> None:
    """Never anything else."""
    with contextlib.suppress(Problem):
        assert isinstance(decode_cursor(text), tuple)


@pytest.mark.parametrize(
    ("values", "types"),
    [
        (["a"], (str, str)),
        (["a", 1], (str, str)),
        ([True, "a"], (int, str)),
        ([1, "a"], (datetime, str)),
        ([0], (None,)),
    ],
)
def test_a_cursor_of_another_listing_is_a_bad_request(values: list[Any], types: tuple[Any, ...]) -> None:
    """A listing says what its cursors hold."""
    with pytest.raises(Problem):
        decode_cursor(encode_cursor(values), *types)


def test_a_cursor_of_this_listing_is_taken() -> None:
    """Types are those of the values that the listing is ordered by."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert decode_cursor(encode_cursor([now, "a", 1, None]), datetime, str, int, None) == (now, "a", 1, None)


def test_a_page_has_a_cursor_only_if_more_follows() -> None:
    """One more than the limit was asked for; it is not shown."""
    assert paged([1, 2], 2, lambda item: (item,)) == ([1, 2], None)
    items, following = paged([1, 2, 3], 2, lambda item: (item,))
    assert items == [1, 2]
    assert following is not None
    assert decode_cursor(following, int) == (2,)
    assert paged([], 2, lambda item: (item,)) == ([], None)
