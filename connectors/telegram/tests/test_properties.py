"""Whatever an update holds, it is read, or is malformed."""

import contextlib
import json
from typing import Any

import pytest
from chorally_telegram import Telegram
from chorally_telegram.ids import Place
from chorally_telegram.multipart import Upload, body, content_type
from chorally_telegram.sandbox.forms import fields_of
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

import chorally_sdk as sdk
from chorally_sdk.sandbox import Call
from chorally_sdk.testing import a_hook, connect

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
USER = {"id": 11, "is_bot": False, "first_name": "Ada"}
CHAT = {"id": -1001, "type": "supergroup", "title": "Fans"}
FILE = {"file_id": "F", "file_unique_id": "u", "width": 1, "height": 1, "file_size": 3}
BASE = {"message_id": 5, "from": USER, "chat": CHAT, "date": 1795424400}
UPDATES: list[dict[str, Any]] = [
    {"update_id": 1, "message": {**BASE, "text": "hi", "reply_to_message": {**BASE, "message_id": 4}}},
    {"update_id": 2, "edited_message": {**BASE, "caption": "hi", "photo": [FILE], "edit_date": 1795424401}},
    {"update_id": 3, "message": {**BASE, "poll": {"question": "?", "options": [{"text": "a"}]}}},
    {"update_id": 4, "message": {**BASE, "paid_media": {"paid_media": [{"type": "photo", "photo": [FILE]}]}}},
    {"update_id": 5, "callback_query": {"id": "9", "from": USER, "message": BASE, "data": "x"}},
    {"update_id": 6, "message_reaction": {
        "chat": CHAT, "message_id": 5, "user": USER, "date": 1795424400, "old_reaction": [],
        "new_reaction": [{"type": "emoji", "emoji": "x"}]}},
    {"update_id": 7, "my_chat_member": {
        "chat": CHAT, "from": USER, "date": 1795424400, "old_chat_member": {"status": "member"},
        "new_chat_member": {"status": "kicked"}}},
    {"update_id": 8, "deleted_business_messages": {"business_connection_id": "b", "chat": CHAT, "message_ids": [1]}},
]  # fmt: skip
TELEGRAM = connect(Telegram)


@st.composite
def nearly_right(draw: st.DrawFn, value: Any) -> Any:
    """A right update in which any part may be replaced by anything, or be left out."""
    if draw(st.integers(0, 9)) == 0:
        return draw(JSON)
    if isinstance(value, dict):
        kept = [name for name in value if draw(st.integers(0, 11))]
        return {name: draw(nearly_right(value[name])) for name in kept}
    return [draw(nearly_right(part)) for part in value] if isinstance(value, list) else value


@given(st.sampled_from(UPDATES).flatmap(nearly_right) | JSON)
def test_any_json_is_read_or_is_malformed(update: Any) -> None:
    """No body makes ``parse`` raise anything but ``Malformed``, and none that is read gives nothing."""
    try:
        events = TELEGRAM.parse(a_hook(json.dumps(update), account="7"))
    except sdk.Malformed:
        return
    is_empty_list = isinstance(update, dict) and "deleted_business_messages" in update
    assert events or is_empty_list


@given(st.binary())
def test_any_bytes_are_read_or_are_malformed(raw: bytes) -> None:
    """Nor do bytes that are no JSON at all."""
    with contextlib.suppress(sdk.Malformed):
        TELEGRAM.parse(a_hook(raw))


@given(st.sampled_from(UPDATES[:3]), JSON)
def test_an_unknown_field_changes_nothing_that_is_known(update: dict[str, Any], more: Any) -> None:
    """What Telegram adds tomorrow to an update and to a message is kept beside the rest."""
    kind = next(name for name in update if name != "update_id")
    enlarged = {**update, kind: {**update[kind], "x_new": more}, "x_new": more}
    (known,), (found,) = TELEGRAM.parse(a_hook(json.dumps(update))), TELEGRAM.parse(a_hook(json.dumps(enlarged)))

    assert isinstance(known, sdk.Message)
    assert isinstance(found, sdk.Message)
    assert found.model_copy(update={"extra": known.extra}) == known
    assert "x_new" in found.extra


CHATS = st.integers(-(10**13), 10**13)
NUMBERS = st.none() | st.integers(1, 10**9)


@given(CHATS, st.integers(1, 10**9), st.sampled_from(["", "b1", "a/b", "a:b"]))
def test_an_id_leads_back_to_its_message(chat: int, message: int, connection: str) -> None:
    """Whatever the connection's id looks like."""
    place = Place(chat, message, connection)

    assert Place.of_message(place.external_id) == place


@given(CHATS, st.sampled_from(["", "b1", "a/b", "a:b"]), NUMBERS, st.booleans())
def test_a_conversation_leads_back_to_its_chat(chat: int, connection: str, number: int | None, is_direct: bool) -> None:
    """With its topic, of either kind."""
    topic = {"topic": number} if is_direct else {"thread": number}
    place = Place(chat, connection=connection, **topic)

    assert Place.of_conversation(place.conversation_id) == place


FIELDS = st.dictionaries(st.sampled_from(["text", "caption"]), st.text(st.characters(exclude_categories=["Cs"])))


@pytest.mark.parametrize("boundary", ["0" * 32])
@given(FIELDS, st.lists(st.binary(max_size=40), min_size=1, max_size=5), st.text('ab"\r\n é;', min_size=1))
async def test_a_form_is_read_as_it_was_written(
    boundary: str, fields: dict[str, str], pieces: list[bytes], name: str
) -> None:
    """Texts, bytes and odd names come out of the body as they went in."""

    async def read() -> Any:
        for piece in pieces:
            yield piece

    upload = Upload("document", name, "application/pdf", read, 1000)
    raw = b"".join([piece async for piece in body(fields, [upload], boundary)])

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": raw, "more_body": False}

    headers = [(b"content-type", content_type(boundary).encode())]
    call = await Call.of(Request({"type": "http", "method": "POST", "query_string": b"", "headers": headers}, receive))
    told, files = await fields_of(call)

    assert {name: value.replace("\r\n", "\n") for name, value in told.items()} == {
        name: value.replace("\r\n", "\n") for name, value in fields.items()
    }
    assert files["document"][2] == b"".join(pieces)
