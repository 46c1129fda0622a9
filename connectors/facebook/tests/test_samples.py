"""The samples of real payloads, which are not part of this repository."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_facebook import Facebook, faults
from chorally_facebook.shapes import Comment
from chorally_facebook.translate import to_message
from chorally_meta.shapes import Created, Listing, Person

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


def test_every_webhook_is_read_and_none_is_about_comments(samples: dict[str, Any]) -> None:
    """Messages, reactions and another object's changes are let pass."""
    hooks = {name: as_hook(name, sample) for name, sample in samples.items() if name.startswith("webhook")}

    assert len(hooks) >= 7
    assert {name: connect(Facebook).parse(a_hook(json.dumps(hook))) for name, hook in hooks.items()} == {
        name: [] for name in hooks
    }


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
