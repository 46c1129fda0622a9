"""Whatever a homeserver or somebody's client writes, it is read or kept aside."""

import json
from typing import Any

from chorally_matrix import Matrix
from chorally_matrix.shapes import Event
from chorally_matrix.translate import Scene, is_edit, read_up_to, to_events
from hypothesis import given
from hypothesis import strategies as st

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
anything = st.recursive(
    leaves | st.sampled_from(["m.replace", "m.thread", "$1", "mxc://x/1", "m.image", "> x\n\ny"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
names = st.sampled_from(
    [
        *("msgtype", "body", "format", "formatted_body", "url", "info", "file", "filename", "m.relates_to"),
        *("m.new_content", "m.mentions", "m.text", "redacts", "membership", "replacement_room", "geo_uri"),
    ]
)
contents = st.dictionaries(names, anything, max_size=6)
kinds = st.sampled_from(
    ["m.room.message", "m.reaction", "m.room.redaction", "m.room.member", "m.room.encrypted", "m.sticker", "x.y"]
)
HERE = Scene("!r:x", "@us:x")


@given(kinds, contents, st.integers(), contents)
def test_no_content_raises(kind: str, content: dict[str, Any], at: int, unsigned: dict[str, Any]) -> None:
    """People's clients write what they like."""
    envelope = {"event_id": "$1", "type": kind, "sender": "@a:x", "origin_server_ts": at}
    event = Event.model_validate({**envelope, "content": content, "unsigned": unsigned})
    for told in to_events(event, HERE):
        assert isinstance(told, sdk.Message | sdk.Mark | sdk.Ping | sdk.Notice)
    assert is_edit(event) in (True, False)


@given(anything)
def test_no_receipt_raises(content: Any) -> None:
    """Nor what is told of reading."""
    for told in read_up_to([{"type": "m.receipt", "content": content}], HERE):
        assert isinstance(told, sdk.Mark)


@given(st.binary(max_size=40) | anything.map(lambda value: json.dumps(value).encode()))
def test_a_transaction_is_read_or_kept_aside(body: bytes) -> None:
    """With the payload, byte for byte."""
    kept = body
    try:
        connect(Matrix).parse(a_hook(body, account="@us:x"))
    except sdk.Malformed as error:
        kept = error.payload
    assert kept == body
