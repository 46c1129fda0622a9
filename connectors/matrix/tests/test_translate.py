"""What events of rooms become."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from chorally_matrix.ids import path
from chorally_matrix.shapes import Event
from chorally_matrix.translate import Scene, instant, to_events, to_message

import chorally_sdk as sdk

HERE = Scene("!lobby:matrix.example", "@support:matrix.example", {"@ada:matrix.example": "Ada"})


def an_event(kind: str = "m.room.message", content: Any = None, **more: Any) -> Event:
    """Return an event of Ada's."""
    given = {"event_id": "$1", "type": kind, "sender": "@ada:matrix.example", "origin_server_ts": 1_700_000_000_000}
    return Event.model_validate({**given, "content": content or {"msgtype": "m.text", "body": "Hello"}, **more})


def said(content: dict[str, Any], **more: Any) -> sdk.Message:
    """Return the message that a content becomes."""
    (message,) = to_events(an_event(content=content, **more), HERE)
    assert isinstance(message, sdk.Message)
    return message


def test_a_text_is_a_message_of_a_person_in_a_room() -> None:
    """With a link that leads people to it."""
    message = said({"msgtype": "m.text", "body": "Hello"})

    assert message.external_id == "!lobby:matrix.example/$1"
    assert message.conversation_id == HERE.room
    assert message.sent_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert message.url == "https://matrix.to/#/!lobby:matrix.example/$1"
    assert message.author == sdk.Author(
        external_id="@ada:matrix.example",
        name="Ada",
        handle="@ada:matrix.example",
        url="https://matrix.to/#/@ada:matrix.example",
    )


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("> <@bob:x> one\n> two\n\nYes", "Yes"),
        ("> * <@bob:x> waves\n\nYes", "Yes"),
        ("> a quote of my own\n\nYes", "> a quote of my own\n\nYes"),
        ("> <@bob:x> one\nYes\n> two\n\nNo", "> <@bob:x> one\nYes\n> two\n\nNo"),
        ("> no empty line after it", "> no empty line after it"),
        ("Yes\n\n> later", "Yes\n\n> later"),
    ],
)
def test_the_quote_before_an_answer_is_left_out(body: str, told: str) -> None:
    """Only at the beginning, where an event is answered, and where a client put it: it says who is quoted."""
    relation = {"m.in_reply_to": {"event_id": "$0"}}
    html = "<mx-reply><blockquote>one</blockquote></mx-reply><p>Yes</p>"
    rich = {"format": "org.matrix.custom.html", "formatted_body": html}
    message = said({"msgtype": "m.text", "body": body, "m.relates_to": relation, **rich})

    assert (message.body, message.parent_id) == (told, "!lobby:matrix.example/$0")
    assert message.extra["html"] == "<p>Yes</p>"
    assert said({"msgtype": "m.text", "body": body}).body == body


def test_a_thread_is_named_and_its_makeshift_answer_is_none() -> None:
    """What clients that know no threads show as an answer hangs from the thread's first message."""
    thread = {"rel_type": "m.thread", "event_id": "$root", "m.in_reply_to": {"event_id": "$last"}}
    makeshift = said({"body": "x", "msgtype": "m.text", "m.relates_to": {**thread, "is_falling_back": True}})
    meant = said({"body": "x", "msgtype": "m.text", "m.relates_to": thread})

    assert (makeshift.parent_id, meant.parent_id) == ("!lobby:matrix.example/$root", "!lobby:matrix.example/$last")
    assert makeshift.route == meant.route == {"thread": "$root"}


def test_an_edit_keeps_what_it_is_about_and_when_it_was_said() -> None:
    """The latest edit that the server tells with the event counts; one by somebody else never does."""
    new = {"m.new_content": {"msgtype": "m.text", "body": "No. 18"}, "body": "* No. 18", "msgtype": "m.text"}
    edit = {
        "event_id": "$2", "type": "m.room.message", "sender": "@ada:matrix.example",
        "origin_server_ts": 1_700_000_009_000,
        "content": {**new, "m.relates_to": {"rel_type": "m.replace", "event_id": "$1"}},
    }  # fmt: skip
    first = {"msgtype": "m.text", "body": "No. 17"}
    edited = to_message(an_event(content=first, unsigned={"m.relations": {"m.replace": edit}}), HERE)
    forged = {**edit, "sender": "@eve:matrix.example"}
    untouched = to_message(an_event(content=first, unsigned={"m.relations": {"m.replace": forged}}), HERE)

    assert (edited.body, edited.edited_at) == ("No. 18", instant(1_700_000_009_000))
    assert edited.sent_at == instant(1_700_000_000_000)
    assert (untouched.body, untouched.edited_at) == ("No. 17", None)


def test_a_transactions_edit_asks_for_a_look() -> None:
    """It does not say when the message was said that it is about."""
    relation = {"rel_type": "m.replace", "event_id": "$0"}
    assert to_events(an_event(content={"m.relates_to": relation}), HERE) == [
        sdk.Ping(stream="rooms", external_id="!lobby:matrix.example/$0")
    ]


@pytest.mark.parametrize("place", ["content", "top"])
def test_a_redaction_is_a_mark(place: str) -> None:
    """Rooms before version 11 say elsewhere what is redacted."""
    content = {"reason": "Oops", **({"redacts": "$0"} if place == "content" else {})}
    event = an_event("m.room.redaction", content, **({"redacts": "$0"} if place == "top" else {}))

    (mark,) = to_events(event, HERE)
    assert isinstance(mark, sdk.Mark)
    assert (mark.state, mark.external_id, mark.reason) == ("deleted", "!lobby:matrix.example/$0", "Oops")


def test_what_was_redacted_before_it_was_seen_is_a_mark_too() -> None:
    """An empty message is no message."""
    because = {"redacted_because": {"origin_server_ts": 1_700_000_005_000}}
    (mark,) = to_events(an_event(content={}, unsigned=because).model_copy(update={"content": {}}), HERE)

    assert isinstance(mark, sdk.Mark)
    assert (mark.state, mark.at) == ("deleted", instant(1_700_000_005_000))


def test_a_reaction_shows_that_it_was_read_and_ours_shows_nothing() -> None:
    """Its key is told to people."""
    content = {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$0", "key": "\N{THUMBS UP SIGN}"}}
    (mark,) = to_events(an_event("m.reaction", content), HERE)

    assert isinstance(mark, sdk.Mark)
    assert (mark.state, mark.external_id) == ("read", "!lobby:matrix.example/$0")
    assert mark.reason == "Ada reacted with \N{THUMBS UP SIGN}"
    assert to_events(an_event("m.reaction", content, sender=HERE.us), HERE) == []


def test_what_cannot_be_read_is_told() -> None:
    """An encrypted message, and an encrypted file."""
    (sealed,) = to_events(an_event("m.room.encrypted", {"ciphertext": "x"}), HERE)
    assert isinstance(sealed, sdk.Message)
    assert (sealed.kind, sealed.body, sealed.route["encrypted"]) == ("unreadable", "", True)
    assert "encrypted" in sealed.extra["note"]
    file = said({"msgtype": "m.image", "body": "x.png", "file": {"url": "mxc://x/1", "key": {}}})
    assert file.attachments == ()
    assert "encrypted" in file.extra["note"]


def test_a_type_that_nobody_knows_is_read_by_its_text_or_told_by_its_name() -> None:
    """Polls and the like carry a text for clients that do not know them; state is nobody's saying."""
    poll = an_event("org.example.poll", {"m.text": [{"body": "Blue or red?"}]})
    (message,) = to_events(poll, HERE)
    assert isinstance(message, sdk.Message)
    assert (message.kind, message.body) == ("org.example.poll", "Blue or red?")
    assert to_events(an_event("org.example.dance", {"steps": 3}), HERE) == [sdk.Ping(stream="org.example.dance")]
    assert to_events(an_event("m.room.topic", {"topic": "x"}, state_key=""), HERE) == []


def test_a_room_that_moved_or_put_us_out_is_told() -> None:
    """Others may come and go."""
    moved = an_event("m.room.tombstone", {"replacement_room": "!new:x"}, state_key="")
    banned = an_event("m.room.member", {"membership": "ban"}, state_key=HERE.us)
    left = an_event("m.room.member", {"membership": "leave"}, state_key="@ada:matrix.example")

    assert to_events(moved, HERE) == [sdk.Notice(kind="moved", external_id=HERE.room, new_id="!new:x")]
    assert to_events(banned, HERE) == [sdk.Notice(kind="subscription_lost", external_id=HERE.room)]
    assert to_events(left, HERE) == []


def test_a_caption_is_the_text_of_a_file() -> None:
    """A name is not."""
    file = {"msgtype": "m.file", "url": "mxc://x/1", "filename": "a.pdf"}
    assert said({**file, "body": "The bill"}).body == "The bill"
    assert said({**file, "body": "a.pdf"}).body == ""
    assert said({**file, "body": "a.pdf", "url": "https://x/1"}).attachments == ()


def test_a_clock_that_is_no_clock_harms_nothing() -> None:
    """Times come from whichever server."""
    assert instant(2**60).year == 9999
    assert instant(-5) == datetime(1970, 1, 1, tzinfo=UTC)


def test_only_our_own_reference_is_believed() -> None:
    """Anybody can write one into a message."""
    ref = "a" * 32
    content = {"msgtype": "m.text", "body": "x", "org.chorally.client_ref": ref}
    assert said(content).client_ref is None
    assert said(content, sender=HERE.us).client_ref == ref
    by_transaction = said({"msgtype": "m.text", "body": "x"}, sender=HERE.us, unsigned={"transaction_id": ref})
    assert by_transaction.client_ref == ref


@pytest.mark.parametrize("odd", [" " * 60_000 + "x", "<mx-reply>" * 6_000])
def test_html_made_to_take_long_takes_no_longer(odd: str) -> None:
    """One message must not stop all that follow."""
    begun = time.process_time()
    message = said({"msgtype": "m.text", "body": "x", "format": "org.matrix.custom.html", "formatted_body": odd})

    assert message.extra["html"] == odd
    assert time.process_time() - begun < 1


@pytest.mark.parametrize("name", ["$" + "x" * 255, "$a\x00", "$a b", "$"])
def test_what_cannot_name_an_event_names_none(name: str) -> None:
    """No homeserver is asked for it: a URL may not be that long, nor hold such a character."""
    message = said({"msgtype": "m.text", "body": "x", "m.relates_to": {"m.in_reply_to": {"event_id": name}}})

    assert message.parent_id is None
    edit = {"msgtype": "m.text", "body": "x", "m.relates_to": {"rel_type": "m.replace", "event_id": name}}
    assert to_events(an_event(content=edit), HERE) == []


@pytest.mark.parametrize("uri", ["mxc://../config", "mxc://./config", "mxc://.../config"])
def test_a_file_of_no_server_is_none(uri: str) -> None:
    """Dots alone would lead to another path."""
    assert said({"msgtype": "m.file", "body": "x", "url": uri}).attachments == ()


def test_an_id_of_dots_leads_nowhere() -> None:
    """Whoever gave it to us."""
    with pytest.raises(sdk.Rejected, match="dots"):
        path("rooms", "..", "send")
