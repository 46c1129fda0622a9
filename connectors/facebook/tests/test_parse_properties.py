import contextlib
import json
from typing import Any

import pytest
from chorally_facebook import Facebook
from hypothesis import given
from hypothesis import strategies as st

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
COMMENT = {
    "item": "comment",
    "verb": "add",
    "post_id": "1_2",
    "comment_id": "2_3",
    "parent_id": "1_2",
    "created_time": 1795424400,
    "from": {"id": "9", "name": "Ada"},
    "message": "hi",
}
BODY = {
    "object": "page",
    "entry": [
        {"id": "1", "time": 1795424400, "changes": [{"field": "feed", "value": COMMENT}]},
        {"id": "2", "time": 1795424400, "changes": [{"field": "feed", "value": {**COMMENT, "verb": "remove"}}]},
    ],
}
FACEBOOK = connect(Facebook)


@st.composite
def nearly_right(draw: st.DrawFn, value: Any = BODY) -> Any:
    """A right body in which any part may be replaced by anything, or be left out."""
    if draw(st.integers(0, 7)) == 0:
        return draw(JSON)
    if isinstance(value, dict):
        kept = [name for name in value if draw(st.integers(0, 11))]
        return {name: draw(nearly_right(value[name])) for name in kept}
    return [draw(nearly_right(part)) for part in value] if isinstance(value, list) else value


@st.composite
def enlarged(draw: st.DrawFn, value: Any = BODY) -> Any:
    """A right body with fields that nobody knows, at any depth."""
    if isinstance(value, dict):
        more = draw(st.dictionaries(st.text(min_size=1).map(lambda name: f"x_{name}"), JSON, max_size=2))
        return {**{name: draw(enlarged(part)) for name, part in value.items()}, **more}
    return [draw(enlarged(part)) for part in value] if isinstance(value, list) else value


@given(nearly_right() | JSON)
def test_any_json_is_read_or_is_malformed(body: Any) -> None:
    """No body makes ``parse`` raise anything but ``Malformed``."""
    try:
        events = FACEBOOK.parse(a_hook(json.dumps(body)))
    except sdk.Malformed:
        return
    assert all(isinstance(event, sdk.Message | sdk.Mark | sdk.Ping) for event in events)


@given(st.binary())
def test_any_bytes_are_read_or_are_malformed(raw: bytes) -> None:
    """Nor do bytes that are no JSON at all."""
    with contextlib.suppress(sdk.Malformed):
        FACEBOOK.parse(a_hook(raw))


@given(enlarged())
def test_unknown_fields_change_nothing(body: Any) -> None:
    """What Meta adds tomorrow is let through."""
    assert FACEBOOK.parse(a_hook(json.dumps(body))) == FACEBOOK.parse(a_hook(json.dumps(BODY)))


def test_deep_nesting_is_malformed() -> None:
    """A body made to exhaust the stack is refused like any other."""
    with pytest.raises(sdk.Malformed):
        FACEBOOK.parse(a_hook('{"object": "page", "entry": ' + "[" * 100_000))
