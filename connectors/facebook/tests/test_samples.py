"""The samples of real payloads, which are not part of this repository."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_facebook import Facebook, faults, feed, messages
from chorally_facebook.shapes import Comment, ThreadMessage, Visit
from chorally_facebook.translate import to_message
from chorally_meta.sending import sent
from chorally_meta.shapes import Created, Done, Listing, Person
from pydantic import ValidationError

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect


@pytest.fixture
def samples(specs: Path) -> dict[str, Any]:
    """The samples by name."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in (specs / "payloads" / "facebook").glob("*.json")}


def as_hook(name: str, sample: Any) -> Any:
    """A sample as the whole body it is a part of: some are an entry, some are one message of an entry."""
    if "entry" in sample:
        return sample
    entry = sample if name.startswith("webhook_entry") else {"id": "1", "time": 1, "messaging": [sample]}
    return {"object": "page", "entry": [entry]}


GIVEN = {
    "webhook_entry_message_attachment": ["Message", "Ping"],
    "webhook_generic_user_change": [],
    "webhook_message_echo": ["Message"],
    "webhook_message_reaction": ["Message"],
    "webhook_message_reply": ["Message", "Ping"],
    "webhook_message_text": ["Message"],
    "webhook_page_feed_like_add": [],
}
"""Events of each sample that is a webhook."""
SILENT = {
    "webhook_generic_user_change": "it is about the object user, of which a page's app is told nothing",
    "webhook_page_feed_like_add": "a reaction to a post says nothing that could be answered",
}
"""Why a sample gives no event."""


def items_of(hook: Any) -> int:
    """How many things a body tells."""
    return sum(len(entry.get(part, ())) for entry in hook["entry"] for part in ("changes", "messaging", "standby"))


def test_no_item_of_a_webhook_is_dropped(samples: dict[str, Any]) -> None:
    """Each item gives an event, or is known to say nothing; nothing is malformed."""
    hooks = {name: as_hook(name, sample) for name, sample in samples.items() if name.startswith("webhook")}
    events = {name: connect(Facebook).parse(a_hook(json.dumps(hook))) for name, hook in hooks.items()}

    assert {name: [type(event).__name__ for event in given] for name, given in events.items()} == GIVEN
    counted = {name: (items_of(hook), len(events[name])) for name, hook in hooks.items()}
    assert {name for name, (said, heard) in counted.items() if heard < said} == set(SILENT)
    assert (sum(said for said, _ in counted.values()), sum(heard for _, heard in counted.values())) == (7, 7)


LISTED = {
    "facebook_apidata_comments_comment_info": 1,
    "response_comments_list": None,
    "facebook_apidata_messages_message_info": 1,
    "facebook_apidata_messages_messages_info": None,
    "facebook_apidata_posts_feed_fields_p2": None,
    "facebook_apidata_posts_single_post_data": 1,
    "response_page_feed": None,
}
"""Samples of objects: how many there are, None for as many as are listed."""


NAMELESS = "facebook_apidata_comments_comments_p2"
"""A listing that was asked for without ids, which we never do: nothing in it could be told from anything else."""


def test_no_object_of_an_answer_is_dropped(samples: dict[str, Any]) -> None:
    """Every comment, message and post of the samples becomes a message of ours."""
    with pytest.raises(ValidationError, match="id"):
        to_ours(NAMELESS, samples[NAMELESS]["data"][0])
    total = 0
    for name, count in LISTED.items():
        sample = samples[name]
        listed = [sample] if count else sample.get("data", list(sample.values()))
        found = [to_ours(name, each) for each in listed]
        assert len(found) == len(listed) > 0
        assert all(each is not None and each.external_id for each in found)
        total += len(found)
    assert total == 12


def to_ours(name: str, sample: Any) -> sdk.Message | None:
    """An object of a sample as a message."""
    if "comment" in name:
        return to_message(Comment.model_validate(sample), "1", "1_2")
    if "message" in name:
        return messages.to_message(ThreadMessage.model_validate(sample), "2121008874780932")
    return feed.to_message(Visit.model_validate(sample), "1")


def test_every_sample_is_looked_at(samples: dict[str, Any]) -> None:
    """A new one must be given its place here."""
    answers = {
        *("facebook_apidata_comments_create_resp", "response_send_api", "response_update_or_delete"),
        *("base_user_accounts_token", "base_token_info", "header_x_app_usage", "header_x_business_use_case_usage"),
    }
    errors = {name for name, sample in samples.items() if "error" in sample}
    assert set(samples) == {*GIVEN, *LISTED, NAMELESS, *answers, *errors}
    assert sent(httpx.Response(200, json=samples["response_send_api"])).external_id == "AG5Hz2U..."
    assert Done.model_validate(samples["response_update_or_delete"]).success


def test_every_error_is_classified(samples: dict[str, Any]) -> None:
    """Each documented error leads to what the host does next."""
    kinds = {
        name: type(faults.fault(httpx.Response(400, json=sample)))
        for name, sample in samples.items()
        if "error" in sample
    }

    assert kinds == {
        "base_error_data": sdk.Rejected,
        "error": sdk.Rejected,
        "error_190_token": sdk.Reauthorize,
        "error_80001_buc": sdk.RateLimited,
    }


def test_the_usage_headers_are_read(samples: dict[str, Any]) -> None:
    """The documented values give shares."""
    headers = {
        "X-App-Usage": json.dumps(samples["header_x_app_usage"]),
        "X-Business-Use-Case-Usage": json.dumps(samples["header_x_business_use_case_usage"]),
    }

    assert [usage.used for usage in faults.usage(httpx.Response(200, headers=headers))] == [0.28, 0.97, 0.95]


def test_listed_comments_become_messages(samples: dict[str, Any]) -> None:
    """A documented listing, and a single comment whose author is not shown."""
    (comment,) = Listing[Comment].model_validate(samples["response_comments_list"]).data
    message = to_message(comment, "1", "1_2")
    lone = to_message(Comment.model_validate(samples["facebook_apidata_comments_comment_info"]), "1", "1_2")

    assert (message.author and message.author.name, message.body) == ("commentor_name", "comment_content")
    assert (lone.author, lone.body) == (None, "This is really nice")


def test_the_answer_to_a_comment_names_it(samples: dict[str, Any]) -> None:
    """The id is what reconciles."""
    made = Created.model_validate(samples["facebook_apidata_comments_create_resp"])

    assert made.id == "245778718206154_229887283291835"


def test_an_author_may_have_an_email(samples: dict[str, Any]) -> None:
    """What else is told of a person is let pass."""
    assert Person.model_validate(samples["facebook_apidata_messages_message_info"]["from"]).name
