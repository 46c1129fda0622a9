"""The samples of real payloads, which are not part of this repository."""

import json
from typing import Any

import httpx
import pytest
from chorally_instagram import Instagram, faults
from chorally_instagram.shapes import Comment, Container, Mentioned
from chorally_instagram.translate import mentioned_in, to_message
from chorally_meta.shapes import Created, Done
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk import oauth
from chorally_sdk.testing import a_hook, connect


@pytest.fixture
def samples(specs: Any) -> dict[str, Any]:
    """The samples by name."""
    folder = specs / "payloads" / "instagram"
    return {path.stem: json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")}


GIVEN = {
    "webhook_comment_facebook_login": ["Message"],
    "webhook_comment_instagram_login": ["Message"],
    "webhook_message": ["Message", "Ping"],
    "webhook_message_edit": ["Message"],
    "webhook_postback": ["Message"],
    "webhook_seen": ["Mark"],
}
"""Events of each sample that is a webhook; the ping asks for the name of who wrote."""
LISTED = {
    "instagram_apidata_comments_comment_fields": 1,
    "instagram_apidata_comments_comments_fields": 2,
    "instagram_apidata_medias_comments_p1": 2,
    "instagram_apidata_medias_comments_p2": 2,
    "response_comments_list": 2,
}
"""Samples of comments, and how many there are."""
OTHERS = {
    "error_code_exchange", "instagram_apidata_publish_container_info", "instagram_apidata_publish_containers_info",
    "instagram_apidata_publish_create_video", "instagram_apidata_publish_publish_container",
    "instagram_apidata_users_content_publish_limit", "instagram_apidata_users_mentioned_comment",
    "response_comment_reply", "rupload_success", "token_long_lived_or_refreshed",
}  # fmt: skip
"""Answers to single questions, each in a test below."""


def test_every_sample_is_looked_at(samples: dict[str, Any]) -> None:
    """A new one must be given its place here."""
    assert set(samples) == {*GIVEN, *LISTED, *OTHERS}


def items_of(hook: Any) -> int:
    """How many things a body tells: changes, events of conversations, and changes that stand in an entry."""
    entries = hook["entry"]
    return sum(len(each.get("changes", ())) + len(each.get("messaging", ())) + ("field" in each) for each in entries)


def test_no_item_of_a_webhook_is_dropped(samples: dict[str, Any]) -> None:
    """Each item gives a message or a mark; nothing is malformed, and none is silent."""
    events = {name: connect(Instagram).parse(a_hook(json.dumps(samples[name]))) for name in GIVEN}

    assert {name: [type(event).__name__ for event in given] for name, given in events.items()} == GIVEN
    said = sum(items_of(samples[name]) for name in GIVEN)
    heard = sum(not isinstance(event, sdk.Ping) for given in events.values() for event in given)
    assert (said, heard) == (6, 6)
    assert not any(isinstance(event, sdk.Message) and event.ours for given in events.values() for event in given)


def test_a_pressed_button_is_the_accounts_whatever_id_the_entry_bears(samples: dict[str, Any]) -> None:
    """The documented sample bears the person's id there."""
    (message,) = connect(Instagram).parse(a_hook(json.dumps(samples["webhook_postback"])))

    assert isinstance(message, sdk.Message)
    assert message.account == "<YOUR_APP_USERS_INSTAGRAM_USER_ID>"
    assert message.conversation_id == "<INSTAGRAM_SCOPED_ID>"


def test_no_comment_of_an_answer_is_dropped(samples: dict[str, Any]) -> None:
    """Every comment of the samples becomes a message of ours, with its author where there is one."""
    total = 0
    for name, count in LISTED.items():
        sample = samples[name]
        listed = sample["data"] if "data" in sample else [sample] if "id" in sample else list(sample.values())
        found = [to_message(Comment.model_validate(each), "1", lambda _, name: name == "ikroskun") for each in listed]
        assert len(found) == count
        assert [message.external_id for message in found] == [each["id"] for each in listed]
        assert [message.ours for message in found] == [each.get("username") == "ikroskun" for each in listed]
        total += len(found)
    assert total == 9


def test_a_mentioned_comment_is_a_message(samples: dict[str, Any]) -> None:
    """With what an answer to it needs."""
    comment = Mentioned.model_validate(samples["instagram_apidata_users_mentioned_comment"]).mentioned_comment
    assert comment is not None
    message = mentioned_in(comment, "7", lambda *_: False)
    assert (message.kind, message.body) == ("mention", "@ikroskun good")
    assert message.route == {"mention": {"media_id": "7", "comment_id": "17967008497439572"}}


def test_what_publishing_answers_is_read(samples: dict[str, Any]) -> None:
    """Ids, states, and how much of the limit is used."""
    assert Created.model_validate(samples["instagram_apidata_publish_create_video"]).id == "17889455560051447"
    assert Created.model_validate(samples["instagram_apidata_publish_publish_container"]).id == "17920238422030506"
    assert Created.model_validate(samples["response_comment_reply"]).id == "17873440459141029"
    several = list(samples["instagram_apidata_publish_containers_info"].values())
    for each in (samples["instagram_apidata_publish_container_info"], *several):
        assert Container.model_validate(each).status_code == "FINISHED"
    assert Done.model_validate(samples["rupload_success"]).success
    limit = samples["instagram_apidata_users_content_publish_limit"]
    asked = httpx.Request("GET", "https://graph.instagram.com/v25.0/1/content_publishing_limit")
    (usage,) = faults.usage(httpx.Response(200, json=limit, request=asked))
    assert (usage.used, usage.scope, usage.match) == (0.0, "endpoint", "POST /*/media_publish")


async def test_tokens_and_their_refusal_are_read(samples: dict[str, Any]) -> None:
    """Sixty days; and a code that was used."""
    found = faults.fault(httpx.Response(400, json=samples["error_code_exchange"]))
    assert isinstance(found, sdk.Rejected)
    assert "already used" in str(found)
    connector = connect(Instagram, lambda _: httpx.Response(200, json=samples["token_long_lived_or_refreshed"]))
    client = oauth.Client(connector, "id", SecretStr("secret"), token_url="https://api.instagram.com/x", pkce=False)
    grant = await client.step("ig_refresh_token", {})
    assert grant.expires_at is not None
    assert (grant.expires_at - connector.now()).days == 59
