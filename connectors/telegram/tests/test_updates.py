"""Every kind of update becomes an event."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from chorally_telegram import Telegram

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect

ADA = {
    "id": 11,
    "is_bot": False,
    "first_name": "Ada",
    "last_name": "Lovelace",
    "username": "ada",
    "language_code": "it",
}
BOT = {"id": 7, "is_bot": True, "first_name": "Us"}
PRIVATE = {"id": 11, "type": "private", "first_name": "Ada"}
GROUP = {"id": -100123, "type": "supergroup", "title": "Fans"}
CHANNEL = {"id": -100555, "type": "channel", "title": "News", "username": "ournews"}
DATE = 1795424400
AT = datetime.fromtimestamp(DATE, UTC)


def said(**changes: Any) -> dict[str, Any]:
    """A text of Ada's in private."""
    return {"message_id": 5, "from": ADA, "chat": PRIVATE, "date": DATE, "text": "Open?", **changes}


def parsed(kind: str, value: Any, **update: Any) -> list[sdk.Event]:
    """What an update means to the bot with the number 7."""
    hook = a_hook(json.dumps({"update_id": 900, kind: value, **update}), account="7")
    return list(connect(Telegram).parse(hook))


def message(kind: str, value: Any) -> sdk.Message:
    """The one message that an update is."""
    (event,) = parsed(kind, value)
    assert isinstance(event, sdk.Message)
    return event


def test_a_private_message_has_its_author_and_its_place() -> None:
    """Telegram numbers messages within a chat, so the id names both."""
    told = message("message", said())

    assert told.external_id == "11/5"
    assert (told.conversation_id, told.body, told.kind, told.sent_at) == ("11", "Open?", "text", AT)
    assert told.author == sdk.Author(
        external_id="11", name="Ada Lovelace", handle="ada", url="https://t.me/ada", language="it"
    )
    assert (told.ours, told.automatic, told.route) == (False, False, {"chat": 11, "message": 5})


def test_an_edit_is_the_same_message_again() -> None:
    """It has the id of the first, and says when it was edited."""
    told = message("edited_message", said(text="Open now?", edit_date=DATE + 60))

    assert (told.external_id, told.body) == ("11/5", "Open now?")
    assert told.edited_at == datetime.fromtimestamp(DATE + 60, UTC)


def test_an_answer_names_what_it_answers_in_its_chat_only() -> None:
    """What is quoted from another chat has a number of there."""
    here = message("message", said(reply_to_message={"message_id": 4, "chat": PRIVATE, "date": 1}))
    elsewhere = message("message", said(reply_to_message={"message_id": 4, "chat": CHANNEL, "date": 1}))

    assert (here.parent_id, elsewhere.parent_id) == ("11/4", None)


def test_a_topic_is_a_conversation_and_a_thread_is_none() -> None:
    """Replies in a supergroup have a thread too, which is no topic of a forum."""
    topic = message("message", said(chat=GROUP, message_thread_id=3, is_topic_message=True))
    thread = message("message", said(chat=GROUP, message_thread_id=3))
    direct = message("message", said(chat=GROUP, direct_messages_topic={"topic_id": 9}))

    found = [told.conversation_id for told in (topic, thread, direct)]
    assert found == ["-100123:3", "-100123", "-100123:d9"]
    assert topic.extra["chat_title"] == "Fans"
    assert (topic.url, message("message", said()).url) == ("https://t.me/c/123/5", None)


def test_a_channel_speaks_for_the_account() -> None:
    """Only its administrators read a channel by the API; the posts are no customer's words."""
    post = {"message_id": 2, "chat": CHANNEL, "sender_chat": CHANNEL, "date": DATE, "text": "News"}
    told = message("channel_post", post)

    assert (told.ours, told.url) == (True, "https://t.me/ournews/2")
    assert told.author is not None
    assert told.author.external_id == "-100555"
    assert message("edited_channel_post", {**post, "edit_date": DATE + 1}).edited_at is not None


def test_who_writes_in_the_name_of_a_group_is_the_group() -> None:
    """The person is a stand-in there, the same for all groups."""
    anonymous = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
    told = message("message", said(chat=GROUP, **{"from": anonymous, "sender_chat": GROUP}))

    assert told.author is not None
    assert (told.author.external_id, told.automatic) == ("-100123", False)


def test_what_the_bot_and_other_machines_say_is_known() -> None:
    """The own words are ours; another bot's, a forwarded post and an away message are no person's."""
    ours = message("message", said(**{"from": BOT}))
    other = message("message", said(**{"from": {**BOT, "id": 8}}))
    forwarded = message("message", said(is_automatic_forward=True))
    away = message("business_message", said(business_connection_id="b1", is_from_offline=True))

    assert [(each.ours, each.automatic) for each in (ours, other, forwarded, away)] == [
        (True, True), (False, True), (False, True), (False, True),
    ]  # fmt: skip


def test_a_business_account_has_ids_of_its_own() -> None:
    """Its chats bear the numbers of the bot's own private chats."""
    asked = message("business_message", said(business_connection_id="b1"))
    answered = message("business_message", said(business_connection_id="b1", **{"from": {**ADA, "id": 12}}))
    by_bot = message("business_message", said(business_connection_id="b1", sender_business_bot=BOT))

    assert (asked.external_id, asked.conversation_id, asked.route["connection"]) == ("b1/11/5", "b1/11", "b1")
    assert (asked.ours, answered.ours, by_bot.ours) == (False, True, True)
    assert message("edited_business_message", said(business_connection_id="b1", edit_date=DATE)).edited_at == AT


def test_what_a_business_deletes_is_marked() -> None:
    """One mark for each message."""
    marks = parsed(
        "deleted_business_messages", {"business_connection_id": "b1", "chat": PRIVATE, "message_ids": [5, 6]}
    )

    assert [(mark.state, mark.external_id) for mark in marks if isinstance(mark, sdk.Mark)] == [
        ("deleted", "b1/11/5"), ("deleted", "b1/11/6"),
    ]  # fmt: skip


def test_a_guest_message_cannot_be_answered_as_others() -> None:
    """The route says so to the push."""
    assert message("guest_message", said(guest_query_id="g1")).route["guest"] == "g1"


def test_a_pressed_button_is_a_message_under_ours() -> None:
    """It says what was chosen, at the time at which it came."""
    press = {
        "id": "99",
        "from": ADA,
        "chat_instance": "x",
        "data": "yes",
        "message": {"message_id": 4, "chat": PRIVATE},
    }
    told = message("callback_query", press)
    alone = message("callback_query", {"id": "98", "from": ADA, "chat_instance": "x", "inline_message_id": "q"})

    assert (told.external_id, told.kind, told.body, told.parent_id) == ("callback/99", "button", "yes", "11/4")
    assert (alone.conversation_id, alone.parent_id) == ("11", None)


def test_a_reaction_is_made_changed_and_taken_back() -> None:
    """There is one for each person and message."""
    base = {"chat": GROUP, "message_id": 4, "user": ADA, "date": DATE}
    heart, fire = {"type": "emoji", "emoji": "❤"}, {"type": "emoji", "emoji": "🔥"}
    made = message("message_reaction", {**base, "old_reaction": [], "new_reaction": [heart]})
    changed = message("message_reaction", {**base, "old_reaction": [heart], "new_reaction": [fire, {"type": "paid"}]})
    (gone,) = parsed("message_reaction", {**base, "old_reaction": [fire], "new_reaction": []})

    assert (made.external_id, made.body, made.parent_id, made.edited_at) == (
        "-100123/4/reaction/11", "❤", "-100123/4", None,
    )  # fmt: skip
    assert (changed.external_id, changed.body, changed.edited_at) == (made.external_id, "🔥 paid", AT)
    assert isinstance(gone, sdk.Mark)
    assert (gone.state, gone.external_id) == ("deleted", made.external_id)


@pytest.mark.parametrize(("status", "kind"), [("kicked", "blocked"), ("member", "unblocked")])
def test_who_blocks_the_bot_says_so_without_words(status: str, kind: str) -> None:
    """An automatic message in the person's chat, which no rule answers."""
    change = {"old_chat_member": {"status": "member"}, "new_chat_member": {"status": status, "user": BOT}}
    told = message("my_chat_member", {"chat": PRIVATE, "from": ADA, "date": DATE, **change})

    assert (told.external_id, told.kind, told.automatic, told.body) == ("11/update/900", kind, True, "")
    assert told.extra == {"was": "member", "is": status}


@pytest.mark.parametrize("kind", ["my_chat_member", "chat_member", "chat_join_request"])
def test_what_happens_about_members_of_a_group_is_kept(kind: str) -> None:
    """Under the kind's own name."""
    told = message(kind, {"chat": GROUP, "from": ADA, "date": DATE, "user_chat_id": 11})

    assert (told.kind, told.automatic, told.conversation_id) == (kind, True, "-100123")


@pytest.mark.parametrize("field", ["migrate_to_chat_id", "migrate_from_chat_id"])
def test_a_group_that_becomes_a_supergroup_is_a_notice(field: str) -> None:
    """Told twice, in the old chat and in the new one, and the same both times."""
    old, new = -42, -100999
    here, there = (old, new) if field == "migrate_to_chat_id" else (new, old)
    (notice,) = parsed("message", {**said(chat={"id": here, "type": "group"}), field: there})

    assert notice == sdk.Notice(kind="moved", external_id="-42", new_id="-100999")


@pytest.mark.parametrize(
    "kind",
    ["poll", "poll_answer", "inline_query", "business_connection", "message_reaction_count", "chat_boost", "dance"],
)
def test_what_has_no_words_and_what_is_not_known_is_a_ping(kind: str) -> None:
    """It names its kind, and is no error."""
    assert parsed(kind, {"anything": 1}) == [sdk.Ping(stream="updates", external_id=f"{kind}/900")]


def test_an_empty_update_is_a_ping_too() -> None:
    """Telegram may tell of something that it shows to newer bots only."""
    hook = a_hook(b'{"update_id": 900}')

    assert connect(Telegram).parse(hook) == [sdk.Ping(stream="updates", external_id="empty/900")]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"update_id": "x"}, "update_id"),
        ([], "update_id"),
        ({"update_id": 1, "message": {"chat": PRIVATE, "date": 1}}, "message_id"),
        ({"update_id": 1, "message": {"message_id": 1, "chat": PRIVATE, "date": -1}}, "date"),
        ({"update_id": 1, "message": "hello"}, "the whole"),
        ({"update_id": 1, "callback_query": {"id": ""}}, "id"),
    ],
)
def test_a_broken_update_is_malformed_and_named(body: Any, named: str) -> None:
    """The error keeps the payload and quotes none of it."""
    raw = json.dumps(body).encode()
    with pytest.raises(sdk.Malformed, match=named) as caught:
        connect(Telegram).parse(a_hook(raw))

    assert caught.value.payload == raw
    assert "hello" not in str(caught.value)
