"""Whatever a webhook holds, it is read or it is malformed; and new fields change nothing."""

import contextlib
import json
from typing import Any

from chorally_whatsapp import WhatsApp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect

from .building import ADA, REF, a_message, a_value

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
STATUS = {
    "id": "wamid.C1", "status": "failed", "timestamp": "1795424400", "recipient_id": ADA,
    "biz_opaque_callback_data": REF, "errors": [{"code": 131047, "title": "Late", "error_data": {"details": "Late"}}],
}  # fmt: skip
CONTACT = {"profile": {"name": "Ada", "username": "ada"}, "wa_id": ADA, "user_id": "IT.42"}
SAID = [
    a_message(context={"id": "wamid.B1", "from": "1", "forwarded": True}, referral={"source_id": "1"}),
    a_message("image", {"id": "7", "mime_type": "image/png", "caption": "Look"}),
    a_message("interactive", {"type": "list_reply", "list_reply": {"id": "1", "title": "One"}}),
    a_message("reaction", {"message_id": "wamid.B1", "emoji": "+"}),
    a_message("edit", {"original_message_id": "wamid.A0", "message": {"type": "text", "text": {"body": "b"}}}),
    a_message("revoke", {"original_message_id": "wamid.A0"}),
    a_message("system", {"type": "user_changed_number", "wa_id": "1555"}),
    a_message("contacts", [{"name": {"formatted_name": "Bob"}}]),
]
HISTORY = [{"metadata": {"phase": 0}, "threads": [{"id": ADA, "messages": SAID[:1]}]}]
BODY = {
    "object": "whatsapp_business_account",
    "entry": [
        {"id": "1", "changes": [{"field": "messages", "value": a_value(contacts=[CONTACT], messages=SAID)}]},
        {
            "id": "1",
            "changes": [{"field": "messages", "value": a_value(statuses=[STATUS], groups=[{}])}],
        },
        {"id": "2", "changes": [{"field": "history", "value": a_value(history=HISTORY)}]},
        {"id": "2", "changes": [{"field": "account_update", "value": {"event": "DISABLED_UPDATE"}}]},
    ],
}
WHATSAPP = connect(WhatsApp)


@st.composite
def nearly_right(draw: st.DrawFn, value: Any = BODY) -> Any:
    """A right body in which any part may be replaced by anything, or be left out."""
    if draw(st.integers(0, 9)) == 0:
        return draw(JSON)
    if isinstance(value, dict):
        kept = [name for name in value if draw(st.integers(0, 11))]
        return {name: draw(nearly_right(value[name])) for name in kept}
    return [draw(nearly_right(part)) for part in value] if isinstance(value, list) else value


@st.composite
def enlarged(draw: st.DrawFn, value: Any = BODY) -> Any:
    """A right body with fields that nobody knows, at any depth."""
    if isinstance(value, dict):
        more = {"x_new": draw(st.none() | st.integers() | st.just({"a": [1]}))} if draw(st.booleans()) else {}
        return {**{name: draw(enlarged(part)) for name, part in value.items()}, **more}
    return [draw(enlarged(part)) for part in value] if isinstance(value, list) else value


@given(nearly_right() | JSON)
def test_any_json_is_read_or_is_malformed(body: Any) -> None:
    """No body makes ``parse`` raise anything but ``Malformed``; what is read survives the store."""
    with contextlib.suppress(sdk.Malformed):
        for event in WHATSAPP.parse(a_hook(json.dumps(body))):
            event.model_dump_json()


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
@given(enlarged())
def test_new_fields_change_nothing(body: Any) -> None:
    """The same events come, but for what is kept of them."""
    known = WHATSAPP.parse(a_hook(json.dumps(BODY)))
    found = WHATSAPP.parse(a_hook(json.dumps(body)))

    assert [plain(event) for event in found] == [plain(event) for event in known]


def plain(event: sdk.Event) -> dict[str, Any]:
    """An event without what is kept whole."""
    return event.model_dump(exclude={"extra"})


@given(st.lists(st.sampled_from(SAID), min_size=1, max_size=20))
def test_every_message_of_a_batch_gives_one_event(messages: list[dict[str, Any]]) -> None:
    """In their order."""
    body = {"object": "whatsapp_business_account"}
    changes = [{"field": "messages", "value": a_value(messages=messages)}]
    events = WHATSAPP.parse(a_hook(json.dumps({**body, "entry": [{"id": "1", "changes": changes}]})))
    alone = [
        WHATSAPP.parse(a_hook(json.dumps({**body, "entry": [{"id": "1", "changes": [_change(each)]}]})))[0]
        for each in messages
    ]

    assert list(events) == alone


def _change(message: dict[str, Any]) -> dict[str, Any]:
    return {"field": "messages", "value": a_value(messages=[message])}
