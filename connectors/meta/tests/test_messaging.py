"""What conversations tell, and what is sent into them."""

import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from chorally_meta import hooks
from chorally_meta.messaging import Messaging
from chorally_meta.sending import outgoing, sent
from chorally_meta.uploading import form
from hypothesis import given
from hypothesis import strategies as st

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook

PAGE, ADA, REF = "1", "77", "0123456789abcdef0123456789abcdef"
CHAT = Messaging(channel="chat", stream="messages", names_authors=False)


def told(*events: Any, chat: Messaging = CHAT, part: str = "messaging") -> Sequence[sdk.Event]:
    """What events of a conversation mean."""
    entry = {"id": PAGE, "time": 1795424400000, part: list(events)}
    hook = a_hook(json.dumps({"object": "page", "entry": [entry]}))
    return [event for entry in hooks.entries(hook) for event in chat.events(entry, hook.body)]


def an_event(sender: str = ADA, recipient: str = PAGE, **parts: Any) -> dict[str, Any]:
    """An event of a conversation."""
    return {"sender": {"id": sender}, "recipient": {"id": recipient}, "timestamp": 1795424400123, **parts}


def only(events: Sequence[sdk.Event]) -> Any:
    """The one event."""
    [event] = events
    return event


def test_a_text_is_a_message_of_the_person() -> None:
    """The conversation is the person; the time has its milliseconds."""
    said = {"mid": "m_1", "text": "Open?", "reply_to": {"mid": "m_0"}, "quick_reply": {"payload": "HOURS"}}
    message = only(told(an_event(message=said)))
    assert (message.external_id, message.conversation_id, message.parent_id) == ("m_1", ADA, "m_0")
    assert (message.body, message.extra, message.ours) == ("Open?", {"quick_reply": "HOURS"}, False)
    assert message.sent_at.isoformat() == "2026-11-23T09:00:00.123000+00:00"


def test_the_name_of_an_author_is_asked_for() -> None:
    """By a ping of the message, as no webhook tells it; not for what the page itself says."""
    chat = Messaging(channel="chat", stream="messages")
    said = told(an_event(message={"mid": "m_1", "text": "x"}), chat=chat)
    assert said[1] == sdk.Ping(stream="messages", account=PAGE, external_id="m_1")
    assert len(told(an_event(PAGE, ADA, message={"mid": "m_2", "is_echo": True}), chat=chat)) == 1


@pytest.mark.parametrize(("metadata", "ref"), [(REF, REF), ("someone else's", None), (None, None)])
def test_an_echo_is_ours_and_may_carry_our_reference(metadata: str | None, ref: str | None) -> None:
    """What other programs write into the metadata is theirs."""
    said = {"mid": "m_1", "text": "Yes", "is_echo": True, "app_id": 17, "metadata": metadata}
    message = only(told(an_event(PAGE, ADA, message=said)))
    assert (message.ours, message.conversation_id, message.client_ref) == (True, ADA, ref)
    assert message.extra == {"app_id": "17"}


def test_files_keep_their_place_and_the_rest_is_kept_beside() -> None:
    """Links expire; the place in its message does not."""
    attachments = [
        {"type": "image", "payload": {"url": "https://cdn.example/1"}},
        {"type": "location", "payload": {"coordinates": {"lat": 1.5, "long": 2}}},
        {"type": "fallback", "title": "A page", "payload": {"url": "https://example.org"}},
        {"type": "ig_reel", "payload": {"url": "https://cdn.example/2"}},
        {"type": "hologram", "payload": {"depth": 3}},
    ]
    message = only(told(an_event(message={"mid": "m_1", "attachments": attachments})))
    assert [(each.kind, each.external_id) for each in message.attachments] == [("image", "m_1/0"), ("video", "m_1/3")]
    assert message.extra["location"] == {"lat": 1.5, "long": 2}
    assert [each["type"] for each in message.extra["attachments"]] == ["fallback", "hologram"]
    assert message.kind == "location"


def test_a_button_is_a_message_with_its_title() -> None:
    """Also an older one without an id, which gets one that is the same for ever."""
    pressed = {"mid": "m_9", "title": "Opening hours", "payload": "HOURS", "referral": {"ref": "leaflet"}}
    message = only(told(an_event(postback=pressed)))
    assert (message.external_id, message.kind, message.body) == ("m_9", "postback", "Opening hours")
    assert message.extra == {"payload": "HOURS", "referral": {"ref": "leaflet"}}
    old = only(told(an_event(postback={"title": "Start", "payload": "GO"})))
    assert old.external_id == "77/postback/1795424400123"


def test_a_reaction_comes_is_replaced_and_goes() -> None:
    """It has an id of its own, made of the message and the person."""
    reaction = {"reaction": "love", "emoji": "❤", "action": "react", "mid": "m_1"}
    message = only(told(an_event(reaction=reaction)))
    assert (message.kind, message.body, message.parent_id) == ("reaction", "❤", "m_1")
    mark = only(told(an_event(reaction={**reaction, "action": "unreact"})))
    assert (mark.state, mark.external_id) == ("deleted", message.external_id)


def test_marks_are_of_all_up_to_a_time_or_of_one_message() -> None:
    """Messenger gives a watermark, Instagram a message."""
    delivered = only(told(an_event(delivery={"mids": ["m_1"], "watermark": 1795424400000})))
    assert (delivered.state, delivered.external_id, delivered.conversation_id) == ("delivered", None, ADA)
    assert delivered.at.isoformat() == "2026-11-23T09:00:00+00:00"
    assert only(told(an_event(read={"mid": "m_1"}))).external_id == "m_1"
    assert [mark.external_id for mark in told(an_event(delivery={"mids": ["a", "b"]}))] == ["a", "b"]


def test_what_is_taken_back_or_edited_is_told() -> None:
    """A deletion is a mark, an edit the message in full."""
    deleted = only(told(an_event(message={"mid": "m_1", "is_deleted": True})))
    assert (deleted.state, deleted.external_id) == ("deleted", "m_1")
    edited = only(told(an_event(message_edit={"mid": "m_1", "text": "Opn?", "num_edit": 1})))
    assert (edited.body, edited.edited_at) == ("Opn?", edited.sent_at)


def test_what_is_said_to_another_app_is_kept_and_marked() -> None:
    """Whoever holds the conversation answers it."""
    message = only(told(an_event(message={"mid": "m_1", "text": "Open?"}), part="standby"))
    assert message.extra == {"standby": True}


@pytest.mark.parametrize(
    "part", ["referral", "optin", "pass_thread_control", "take_thread_control", "app_roles", "dances"]
)
def test_what_has_no_words_makes_us_look(part: str) -> None:
    """Handovers, opt-ins and what is to come are pings."""
    parts: dict[str, Any] = {part: {"any": 1}}
    assert only(told(an_event(**parts))) == sdk.Ping(stream="messages", account=PAGE)


@pytest.mark.parametrize("event", [3, {"message": {"mid": "m"}}, an_event(message={"text": "no id"})])
def test_a_broken_event_is_malformed(event: Any) -> None:
    """And kept aside with its body."""
    with pytest.raises(sdk.Malformed, match="webhook, messaging"):
        told(event)


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=9), lambda inner: (
    st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["mid", "text", "attachments", "type", "payload", "url", "watermark", "mids", "is_echo", "action", "title"]
    ), inner, max_size=4)), max_leaves=9)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["message", "postback", "reaction", "read", "delivery", "optin"]), JSON))
def test_whatever_comes_is_read_or_malformed(parts: dict[str, Any]) -> None:
    """No other exception, and nothing that ends without an event."""
    try:
        found = told(an_event(**parts))
    except sdk.Malformed:
        return
    assert found


def an_answer(**changes: Any) -> sdk.OutboundMessage:
    """An answer in a conversation."""
    given = {"id": "1", "client_ref": REF, "channel": "chat", "body": "Yes", "conversation_id": ADA, **changes}
    return sdk.OutboundMessage.model_validate(given)


def test_an_answer_within_the_window_bears_no_tag() -> None:
    """And our reference, which comes back in the echo."""
    assert outgoing(an_answer(in_reply_to="m_1"), {"text": "Yes"}) == {
        "recipient": {"id": ADA},
        "messaging_type": "RESPONSE",
        "message": {"text": "Yes", "metadata": REF},
        "reply_to": {"mid": "m_1"},
    }


def test_only_what_a_person_wrote_late_bears_the_tag() -> None:
    """Nothing else in a message can bring it about."""
    late = outgoing(an_answer(late=True), {"text": "Yes"})
    assert (late["messaging_type"], late["tag"]) == ("MESSAGE_TAG", "HUMAN_AGENT")
    wishes = {"tag": "HUMAN_AGENT", "messaging_type": "MESSAGE_TAG", "late": True}
    assert "tag" not in outgoing(an_answer(options=wishes, route=wishes), {"text": "Yes"})


def test_a_private_answer_goes_to_whoever_commented() -> None:
    """Named by the comment, not by the person."""
    body = outgoing(an_answer(conversation_id=None, in_reply_to="1_2"), {"text": "Yes"}, comment="1_2")
    assert (body["recipient"], "reply_to" in body) == ({"comment_id": "1_2"}, False)
    with pytest.raises(sdk.Rejected):
        outgoing(an_answer(conversation_id=None), {"text": "Yes"})


def test_an_answer_to_what_we_named_ourselves_quotes_nothing() -> None:
    """Meta knows no id of a reaction."""
    assert "reply_to" not in outgoing(an_answer(in_reply_to="m_1/reaction/77"), {"text": "Yes"})


def test_an_answer_that_says_nothing_leaves_the_outcome_unknown() -> None:
    """It may have been sent."""
    receipt = sent(httpx.Response(200, json={"recipient_id": ADA, "message_id": "m_2"}))
    assert (receipt.external_id, receipt.conversation_id) == ("m_2", ADA)
    with pytest.raises(sdk.OutcomeUnknown):
        sent(httpx.Response(200, json={"recipient_id": ADA}))


async def test_a_file_is_streamed_as_a_form() -> None:
    """With its length where that is known, and a name that cannot leave its header."""

    async def content() -> Any:
        yield b"abc"
        yield b"def"

    file = sdk.Attachment(kind="image", name='a"b\r\n.png', media_type="image/png", size_bytes=6)
    asked = form({"published": "false"}, "source", file, content(), REF)
    body = b"".join([piece async for piece in asked["content"]])
    assert asked["headers"]["Content-Length"] == str(len(body))
    assert b'filename="a%22b%0D%0A.png"\r\nContent-Type: image/png\r\n\r\nabcdef\r\n--' in body
    assert body.startswith(f'--{REF}\r\nContent-Disposition: form-data; name="published"\r\n\r\nfalse\r\n'.encode())
    unknown = form({}, "source", sdk.Attachment(kind="file"), content(), REF)
    assert "Content-Length" not in unknown["headers"]


def test_an_echo_under_another_id_of_ours_stays_with_its_person() -> None:
    """Instagram knows an account by several ids; what it said belongs to the conversation with whom it was said to."""
    event = {"sender": {"id": "ours-elsewhere"}, "recipient": {"id": "7"}, "timestamp": 1795424400000}
    told = {**event, "message": {"mid": "m1", "text": "Hello", "is_echo": True}}
    entry = hooks.Entry.model_validate({"id": "1", "messaging": [told]})
    [said] = Messaging(channel="probe", stream="messages").events(entry, b"")
    assert isinstance(said, sdk.Message)
    assert (said.conversation_id, said.ours) == ("7", True)
