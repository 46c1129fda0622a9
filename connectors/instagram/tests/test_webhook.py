"""What webhooks tell, beyond what the kit asks: both wrappers, both names of ids, mentions, and what is not known."""

import json
from typing import Any

import pytest
from chorally_instagram import Instagram

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect

OURS = "17841400000000009"


def parsed(*entries: dict[str, Any], about: str = "instagram") -> list[sdk.Event]:
    """The events of a body."""
    told = [{"id": OURS, "time": 1700000000, **entry} for entry in entries]
    return list(connect(Instagram, for_app=True).parse(a_hook(json.dumps({"object": about, "entry": told}))))


def a_comment(**others: Any) -> dict[str, Any]:
    """A change of the field comments."""
    return {"id": "1", "from": {"id": "7", "username": "ada"}, "text": "Hi", "media": {"id": "5"}, **others}


def test_both_wrappers_and_both_names_of_the_id_say_the_same() -> None:
    """As Instagram Login documents it, as it is observed, and as Facebook Login names it."""
    value = a_comment()
    older = {**{name: value[name] for name in value if name != "id"}, "comment_id": "1"}
    bare = parsed({"field": "comments", "value": value})
    wrapped = parsed({"changes": [{"field": "comments", "value": value}]})
    by_facebook = parsed({"changes": [{"field": "comments", "value": older}]})

    assert bare == wrapped == by_facebook
    (message,) = bare
    assert isinstance(message, sdk.Message)
    assert (message.external_id, message.conversation_id, message.parent_id) == ("1", "5", "5")
    assert message.author == sdk.Author(external_id="7", name="ada", handle="ada", url="https://www.instagram.com/ada/")


@pytest.mark.parametrize(
    ("author", "ours"),
    [
        ({"id": OURS, "username": "lamps"}, True),
        ({"id": "7", "self_ig_scoped_id": "7"}, True),
        ({"id": "7", "self_ig_scoped_id": "8"}, False),
        ({"id": "7", "username": OURS}, False),
    ],
)
def test_our_own_comment_is_known_by_either_id(author: dict[str, str], ours: bool) -> None:
    """That of webhooks, or the one that the person who connected has for the app."""
    (message,) = parsed({"changes": [{"field": "comments", "value": a_comment(**{"from": author})}]})
    assert isinstance(message, sdk.Message)
    assert message.ours is ours


def test_a_comment_without_its_media_is_read() -> None:
    """On albums the media is not told."""
    value = a_comment()
    del value["media"]
    assert parsed({"changes": [{"field": "comments", "value": value}]}) == [
        sdk.Ping(stream="comments", account=OURS, external_id="1")
    ]


def test_a_comment_on_a_broadcast_says_so() -> None:
    """It is a comment like any other, as long as the broadcast is on."""
    (message,) = parsed({"changes": [{"field": "live_comments", "value": a_comment()}]})
    assert isinstance(message, sdk.Message)
    assert message.extra == {"live": True}


def test_mentions_are_named_by_media_and_comment() -> None:
    """They are read then."""
    changes = [{"field": "mentions", "value": value} for value in ({"media_id": "5"}, {"media_id": 5, "comment_id": 6})]
    assert parsed({"changes": changes}) == [
        sdk.Ping(stream="mentions", account=OURS, external_id="5"),
        sdk.Ping(stream="mentions", account=OURS, external_id="5/6"),
    ]


def test_what_is_not_known_makes_us_look_and_statistics_do_not() -> None:
    """A field that is documented one day is not dropped; numbers of a story are no news."""
    changes = [{"field": "dances", "value": {}}, {"field": "story_insights", "value": {"reach": 3}}]
    assert parsed({"changes": changes}) == [sdk.Ping(stream="comments", account=OURS)]


def test_other_objects_are_not_ours() -> None:
    """A page's webhook at the same URL is the page's."""
    assert parsed({"changes": [{"field": "comments", "value": a_comment()}]}, about="page") == []


@pytest.mark.parametrize(
    "entry",
    [
        {"changes": [{"field": "comments", "value": {"text": "no id"}}]},
        {"changes": [{"field": "comments", "value": "text"}]},
        {"changes": [{"field": "mentions", "value": {}}]},
        {"messaging": ["text"]},
        {"messaging": [{"message": {"mid": "m"}}]},
    ],
)
def test_what_the_documentation_forbids_is_kept_aside(entry: dict[str, Any]) -> None:
    """With its payload, and without a person's words in the error."""
    with pytest.raises(sdk.Malformed) as caught:
        parsed(entry)
    assert caught.value.payload


def an_event(**parts: Any) -> dict[str, Any]:
    """An event of a conversation."""
    return {"sender": {"id": "7"}, "recipient": {"id": OURS}, "timestamp": 1700000000123, **parts}


def test_conversations_stand_in_messaging_standby_or_changes() -> None:
    """What another app holds is marked so; all that is told comes."""
    said = an_event(message={"mid": "m1", "text": "Hi"})
    first = parsed({"messaging": [said]})
    assert [type(event).__name__ for event in first] == ["Message", "Ping"]
    assert parsed({"changes": [{"field": "messages", "value": said}]}) == first
    standing = parsed({"standby": [said]})[0]
    assert isinstance(standing, sdk.Message)
    assert standing.extra == {"standby": True}


def test_stories_say_that_they_mention_us_or_are_replied_to() -> None:
    """The file is the story; a reply keeps which it is of."""
    url = {"url": "https://lookaside.fbsbx.com/story"}
    (mention, *_) = parsed({"messaging": [an_event(message={"mid": "m1", "attachments": [
        {"type": "story_mention", "payload": url}]})]})  # fmt: skip
    (reply,) = parsed({"messaging": [an_event(message={"mid": "m2", "text": "Lovely", "reply_to": {
        "story": {"id": "s1", **url}}})]})  # fmt: skip
    assert isinstance(mention, sdk.Message)
    assert (mention.kind, mention.attachments[0].url) == ("story_mention", url["url"])
    assert isinstance(reply, sdk.Message)
    assert (reply.kind, reply.extra) == ("text", {"story": {"id": "s1", **url}})


def test_echoes_reactions_deletions_and_reads_are_told() -> None:
    """Each as what it is to us."""
    ref = "0" * 32
    ours = {"sender": {"id": OURS}, "recipient": {"id": "7"}}
    events = parsed(
        {"messaging": [
            {**an_event(message={"mid": "m1", "text": "Yes", "is_echo": True, "metadata": ref}), **ours},
            an_event(reaction={"mid": "m1", "action": "react", "reaction": "love", "emoji": "\N{HEAVY BLACK HEART}"}),
            an_event(reaction={"mid": "m1", "action": "unreact"}),
            an_event(message={"mid": "m2", "is_deleted": True}),
            an_event(read={"mid": "m1"}),
            an_event(message_edit={"mid": "m3", "text": "No. 18", "num_edit": 1}),
            an_event(referral={"source": "SHORTLINK"}),
        ]}
    )  # fmt: skip
    echo, reaction, taken_back, deleted, seen, edited, referral = events
    assert isinstance(echo, sdk.Message)
    assert (echo.ours, echo.client_ref, echo.conversation_id) == (True, ref, "7")
    assert isinstance(reaction, sdk.Message)
    assert (reaction.kind, reaction.parent_id) == ("reaction", "m1")
    assert isinstance(taken_back, sdk.Mark)
    assert (taken_back.state, taken_back.external_id) == ("deleted", reaction.external_id)
    assert isinstance(deleted, sdk.Mark)
    assert (deleted.state, deleted.external_id) == ("deleted", "m2")
    assert isinstance(seen, sdk.Mark)
    assert (seen.state, seen.external_id) == ("read", "m1")
    assert isinstance(edited, sdk.Message)
    assert (edited.body, edited.edited_at is not None) == ("No. 18", True)
    assert referral == sdk.Ping(stream="messages", account=OURS)


@pytest.mark.parametrize("odd", [["image"], {"image": 1}, 5, None])
def test_an_attachment_of_an_odd_type_is_kept(odd: Any) -> None:
    """What nobody documents hides neither the message nor the rest of the batch."""
    message = {"mid": "m1", "text": "Look", "attachments": [{"type": odd, "payload": {"url": "https://x.example"}}]}
    event = {"sender": {"id": "7"}, "recipient": {"id": "1"}, "timestamp": 1795424400000, "message": message}
    body = {"object": "instagram", "entry": [{"id": "1", "time": 1795424400, "messaging": [event]}]}
    [said] = connect(Instagram).parse(a_hook(json.dumps(body)))
    assert isinstance(said, sdk.Message)
    assert said.extra["attachments"] == message["attachments"]
