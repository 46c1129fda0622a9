"""What webhooks tell: messages of all kinds, batches, echoes, history, states, and what is not known."""

import json
from typing import Any

import pytest
from chorally_whatsapp import WhatsApp

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect

from .building import ADA, NUMBER, REF, a_message, a_value, said, told


def test_a_text_is_a_message_of_its_author() -> None:
    """With the name of the contact, the number as conversation, and the time in UTC."""
    message = said(a_message())

    assert (message.body, message.kind, message.conversation_id, message.account) == (
        "Are you open?",
        "text",
        ADA,
        NUMBER,
    )
    assert message.author == sdk.Author(external_id=ADA, name="Ada", phone=f"+{ADA}")
    assert message.sent_at.isoformat() == "2026-11-23T09:00:00+00:00"
    assert message.route == {"to": ADA}
    assert not message.ours


def test_an_answer_names_what_it_answers() -> None:
    """By the context; that it was forwarded is shown."""
    message = said(a_message(context={"from": "1555", "id": "wamid.B1", "forwarded": True}))

    assert (message.parent_id, message.extra) == ("wamid.B1", {"forwarded": True})


def test_an_advertisement_and_a_product_are_kept() -> None:
    """Where a person comes from is shown to who answers."""
    referral = {"source_url": "https://example.org/ad", "source_type": "ad", "headline": "Chat with us"}
    product = {"catalog_id": "1", "product_retailer_id": "2"}
    message = said(a_message(referral=referral, context={"id": "wamid.B1", "referred_product": product}))

    assert message.extra == {"referral": referral, "referred_product": product}


FILES: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("image", {"id": "7", "mime_type": "image/jpeg", "caption": "Look"}, "image", "image", "Look"),
    ("video", {"id": "7", "mime_type": "video/mp4"}, "video", "video", ""),
    ("audio", {"id": "7", "mime_type": "audio/ogg; codecs=opus", "voice": True}, "voice", "audio", ""),
    ("audio", {"id": "7", "mime_type": "audio/mpeg", "voice": False}, "audio", "audio", ""),
    ("document", {"id": "7", "mime_type": "text/plain", "filename": "a", "caption": "Bill"}, "file", "file", "Bill"),
    ("sticker", {"id": "7", "mime_type": "image/webp", "animated": True}, "sticker", "image", ""),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "content", "shown", "file", "body"), FILES)
def test_a_file_is_an_attachment(kind: str, content: dict[str, Any], shown: str, file: str, body: str) -> None:
    """Known by its id, since links expire; its caption is the text."""
    message = said(a_message(kind, content))
    (attachment,) = message.attachments

    assert (message.kind, message.body) == (shown, body)
    assert (attachment.kind, attachment.external_id, attachment.url) == (file, "7", None)
    assert (attachment.media_type, attachment.name) == (content["mime_type"], content.get("filename"))


CHOSEN: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    ("button", {"payload": "yes", "text": "Yes, please"}, "Yes, please", {"id": "yes", "title": "Yes, please"}),
    (
        "interactive",
        {"type": "button_reply", "button_reply": {"id": "no", "title": "No"}},
        "No",
        {"type": "button_reply", "id": "no", "title": "No"},
    ),
    (
        "interactive",
        {"type": "list_reply", "list_reply": {"id": "r1", "title": "Express", "description": "Two days"}},
        "Express",
        {"type": "list_reply", "id": "r1", "title": "Express", "description": "Two days"},
    ),
    (
        "interactive",
        {"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "Sent", "response_json": "{}"}},
        "Sent",
        {"type": "nfm_reply", "name": "flow", "body": "Sent", "response_json": "{}"},
    ),
]


@pytest.mark.parametrize(("kind", "content", "body", "chosen"), CHOSEN)
def test_what_was_chosen_is_a_message(kind: str, content: dict[str, Any], body: str, chosen: dict[str, Any]) -> None:
    """Its title is the text, and its id is kept."""
    message = said(a_message(kind, content))

    assert (message.body, message.extra["chosen"]) == (body, chosen)


def test_a_place_contacts_and_an_order_are_kept_whole() -> None:
    """What has no text of its own is in ``extra``."""
    place = {"latitude": 45.1, "longitude": 9.2, "name": "Shop", "address": "Via Uno 1"}
    people = [{"name": {"formatted_name": "Bob"}, "phones": [{"phone": "+1 555"}]}]
    order = {"catalog_id": "1", "text": "", "product_items": [{"product_retailer_id": "2", "quantity": 1}]}
    given = [
        said(a_message(kind, each)) for kind, each in (("location", place), ("contacts", people), ("order", order))
    ]

    assert [message.body for message in given] == ["Shop\nVia Uno 1", "Bob", ""]
    assert [message.extra for message in given] == [{"location": place}, {"contacts": people}, {"order": order}]


def test_kinds_that_are_not_known_are_messages() -> None:
    """With all that they hold."""
    unsupported = said(a_message("unsupported", errors=[{"code": 131051, "title": "Message type unknown"}]))
    dance = said(a_message("dance", {"steps": 3}))

    assert (unsupported.kind, unsupported.extra["errors"][0]["code"]) == ("unsupported", 131051)
    assert (dance.kind, dance.body, dance.extra) == ("dance", "", {"dance": {"steps": 3}})


def test_a_reaction_is_replaced_and_taken_back() -> None:
    """One message for each person and target."""
    first = said(a_message("reaction", {"message_id": "wamid.B1", "emoji": "\N{THUMBS UP SIGN}"}))
    second = said(a_message("reaction", {"message_id": "wamid.B1", "emoji": "\N{PARTY POPPER}"}, id="wamid.A2"))
    (gone,) = told(a_value(messages=[a_message("reaction", {"message_id": "wamid.B1"}, id="wamid.A3")]))

    assert (first.kind, first.body, first.parent_id) == ("reaction", "\N{THUMBS UP SIGN}", "wamid.B1")
    assert first.external_id == second.external_id == f"wamid.B1/reaction/{ADA}"
    assert isinstance(gone, sdk.Mark)
    assert (gone.state, gone.external_id) == ("deleted", first.external_id)


def test_an_edit_is_the_message_as_it_is_now() -> None:
    """Under its first id, with the time of the edit; of a file its new caption."""
    text = {"original_message_id": "wamid.A0", "message": {"type": "text", "text": {"body": "Order 8"}}}
    photo = {"type": "image", "image": {"id": "7", "mime_type": "image/png", "caption": "New"}}
    edited = said(a_message("edit", text))
    captioned = said(a_message("edit", {"original_message_id": "wamid.A0", "message": photo}))

    assert (edited.external_id, edited.body, edited.kind) == ("wamid.A0", "Order 8", "text")
    assert edited.edited_at is not None
    assert (captioned.body, captioned.attachments[0].external_id) == ("New", "7")


def test_what_is_taken_back_is_marked() -> None:
    """By the id of the message, not of the revocation."""
    (mark,) = told(a_value(messages=[a_message("revoke", {"original_message_id": "wamid.A0"})]))

    assert isinstance(mark, sdk.Mark)
    assert (mark.state, mark.external_id, mark.conversation_id) == ("deleted", "wamid.A0", ADA)


def test_a_person_who_moves_is_told_of() -> None:
    """By the old number and the new one, in the words of both times."""
    now = {"type": "user_changed_number", "wa_id": "15550008888", "body": "Ada changed"}
    before = {"type": "customer_changed_number", "new_wa_id": "15550008888", "body": "Ada changed"}
    other = {"type": "user_changed_user_id", "previous_user_id": "IT.1", "user_id": "IT.2"}
    given = [told(a_value(messages=[a_message("system", each)]))[0] for each in (now, before)]
    (by_id,) = told(a_value(messages=[a_message("system", other, **{"from": ""})]))

    assert given == [sdk.Notice(kind="moved", account=NUMBER, external_id=ADA, new_id="15550008888")] * 2
    assert by_id == sdk.Notice(kind="moved", account=NUMBER, external_id="IT.1", new_id="IT.2")


def test_other_system_messages_are_shown_and_never_answered_by_a_rule() -> None:
    """They are of a machine."""
    message = said(a_message("system", {"type": "user_identity_changed", "body": "Ada has another phone"}))

    assert (message.kind, message.body, message.automatic) == ("system", "Ada has another phone", True)


def test_a_person_who_hides_their_number_is_known_by_their_id() -> None:
    """With their username, their country, and where an answer goes."""
    contact = {"profile": {"name": "Ada", "username": "ada", "country_code": "IT"}, "wa_id": "", "user_id": "IT.42"}
    (message,) = told(a_value(contacts=[contact], messages=[a_message(**{"from": "", "from_user_id": "IT.42"})]))

    assert isinstance(message, sdk.Message)
    assert message.author == sdk.Author(external_id="IT.42", name="Ada", handle="ada", country="IT")
    assert (message.conversation_id, message.route) == ("IT.42", {"to": "IT.42"})


def test_a_contact_is_found_by_either_id() -> None:
    """Also where the message has a number, and the contact has none."""
    contact = {"profile": {"name": "Ada"}, "wa_id": "", "user_id": "IT.42"}
    (message,) = told(a_value(contacts=[contact], messages=[a_message(from_user_id="IT.42")]))

    assert isinstance(message, sdk.Message)
    assert message.author == sdk.Author(external_id=ADA, name="Ada", phone=f"+{ADA}")


def test_a_group_is_a_conversation_of_its_own() -> None:
    """The author is the person; an answer goes to the group."""
    message = said(a_message(group_id="Y2FwaV9ncm91cA"))

    assert (message.conversation_id, message.author and message.author.external_id) == ("Y2FwaV9ncm91cA", ADA)
    assert message.route == {"to": "Y2FwaV9ncm91cA"}


def a_status(state: str, **given: Any) -> dict[str, Any]:
    """Build what became of a message of ours."""
    return {"id": "wamid.C1", "status": state, "timestamp": "1795424400", "recipient_id": ADA, **given}


def test_states_are_marks_that_bear_our_reference() -> None:
    """The reference is what an answer without a receipt is known by; a voice message that was played was read."""
    states = ["sent", "delivered", "read", "played", "failed"]
    marks = told(a_value(statuses=[a_status(state, biz_opaque_callback_data=REF) for state in states]))

    assert [mark.state for mark in marks if isinstance(mark, sdk.Mark)] == [
        "sent",
        "delivered",
        "read",
        "read",
        "failed",
    ]
    assert {(mark.external_id, mark.client_ref, mark.conversation_id) for mark in marks} == {("wamid.C1", REF, ADA)}  # type: ignore[union-attr]


def test_a_reference_that_is_not_ours_is_passed_over() -> None:
    """Another program of the same business may send its own."""
    (mark,) = told(a_value(statuses=[a_status("sent", biz_opaque_callback_data="campaign-7")]))

    assert isinstance(mark, sdk.Mark)
    assert mark.client_ref is None


def test_a_failure_says_why() -> None:
    """In WhatsApp's words, with its code."""
    error = {"code": 131047, "title": "Re-engagement message", "error_data": {"details": "More than 24 hours"}}
    (mark,) = told(a_value(statuses=[a_status("failed", errors=[error])]))

    assert isinstance(mark, sdk.Mark)
    assert mark.reason == "Re-engagement message: More than 24 hours (code 131047)"


def test_what_is_written_in_the_app_is_ours() -> None:
    """In the conversation with whom it was written to; taken back, it is marked."""
    echo = {**a_message(), "from": "15550100001", "to": ADA}
    revoked = {**echo, "type": "revoke", "revoke": {"original_message_id": "wamid.A1"}}
    message, mark = told(a_value(message_echoes=[echo, revoked]), field="smb_message_echoes")

    assert isinstance(message, sdk.Message)
    assert (message.ours, message.conversation_id, message.author) == (True, ADA, sdk.Author(external_id=NUMBER))
    assert isinstance(mark, sdk.Mark)
    assert (mark.state, mark.conversation_id) == ("deleted", ADA)


def test_history_is_told_without_being_answered() -> None:
    """Both sides of a thread, in order, and never for a rule."""
    theirs = a_message(history_context={"status": "READ"})
    ours = {**a_message(id="wamid.A2"), "from": "15550100001", "to": ADA}
    chunk = {
        "metadata": {"phase": 0, "chunk_order": 1, "progress": 100},
        "threads": [{"id": ADA, "messages": [theirs, ours]}],
    }
    first, second = told(a_value(history=[chunk]), field="history")

    assert isinstance(first, sdk.Message)
    assert isinstance(second, sdk.Message)
    assert [(each.ours, each.automatic, each.conversation_id) for each in (first, second)] == [
        (False, True, ADA),
        (True, True, ADA),
    ]
    assert first.extra == {"history_context": {"status": "READ"}, "history": True}


def test_history_that_is_not_shared_asks_for_a_look() -> None:
    """The business declined."""
    declined = {"errors": [{"code": 2593109, "title": "History sync is turned off"}]}

    assert told(a_value(history=[declined]), field="history") == [sdk.Ping(stream="history", account=NUMBER)]


def test_nothing_of_a_batch_is_dropped() -> None:
    """Several accounts, numbers and parts of a value: every item gives an event."""
    other = {**a_value(statuses=[a_status("sent")]), "metadata": {"phone_number_id": "2", "display_phone_number": "39"}}
    entries = [
        {
            "id": "A",
            "changes": [{"field": "messages", "value": a_value(messages=[a_message(), a_message(id="wamid.A2")])}],
        },
        {"id": "B", "changes": [{"field": "messages", "value": other}]},
        {"id": "B", "changes": [{"field": "messages", "value": a_value(errors=[{"code": 131000}], statuses=[])}]},
        {"id": "B", "changes": [{"field": "message_template_status_update", "value": {"event": "PAUSED"}}]},
        {"id": "B", "changes": [{"field": "account_update", "value": {"event": "ACCOUNT_DELETED"}}]},
        {"id": "B", "changes": [{"field": "smb_app_state_sync", "value": a_value(state_sync=[{"type": "contact"}])}]},
    ]
    body = json.dumps({"object": "whatsapp_business_account", "entry": entries})

    events = connect(WhatsApp).parse(a_hook(body))

    assert [(type(event).__name__, event.account) for event in events] == [
        ("Message", NUMBER),
        ("Message", NUMBER),
        ("Mark", "2"),
        ("Ping", NUMBER),
        ("Ping", "B"),
        ("Notice", "B"),
        ("Ping", NUMBER),
    ]


def test_a_state_that_is_not_known_asks_for_a_look() -> None:
    """It is no state of ours."""
    assert told(a_value(statuses=[a_status("warning")])) == [
        sdk.Ping(stream="statuses", account=NUMBER, external_id="wamid.C1")
    ]


def test_parts_that_are_not_known_ask_for_a_look_beside_those_that_are() -> None:
    """A list of something new is not passed over."""
    _, dance = told(a_value(messages=[a_message()], dances=[{"steps": 3}]))
    (calls,) = told(a_value(calls=[{"id": "1"}]), field="calls")
    (empty,) = told(a_value(), field="user_preferences")

    assert [dance, calls, empty] == [
        sdk.Ping(stream=name, account=NUMBER) for name in ("dances", "calls", "user_preferences")
    ]


@pytest.mark.parametrize("broken", [{"messages": "none"}, {"messages": [{"type": "text"}]}, {"statuses": [7]}])
def test_what_breaks_the_documentation_is_malformed(broken: dict[str, Any]) -> None:
    """The payload is kept, and nobody's words are quoted."""
    with pytest.raises(sdk.Malformed) as caught:
        told(a_value(**broken))

    assert b"phone_number_id" in caught.value.payload


@pytest.mark.parametrize("odd", [["ACCOUNT_DELETED"], {"x": 1}, 5, None])
def test_an_odd_kind_of_news_hides_nothing(odd: Any) -> None:
    """What nobody documents makes us look, and the rest of the batch is read."""
    system = {"id": "wamid.S", "from": "15550000001", "timestamp": "1795424400", "type": "system"}
    value = {"metadata": {"phone_number_id": "1"}, "messages": [{**system, "system": {"type": odd, "body": "Moved"}}]}
    changes = [{"field": "account_update", "value": {"event": odd}}, {"field": "messages", "value": value}]
    body = {"object": "whatsapp_business_account", "entry": [{"id": "2", "changes": changes}]}
    ping, said = connect(WhatsApp).parse(a_hook(json.dumps(body)))
    assert isinstance(ping, sdk.Ping)
    assert isinstance(said, sdk.Message)
    assert said.body == "Moved"
