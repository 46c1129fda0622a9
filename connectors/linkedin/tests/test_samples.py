"""The samples of real payloads, which are not part of this repository: every one is read, and nothing is dropped."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from chorally_linkedin import LinkedIn
from chorally_linkedin.faults import fault
from chorally_linkedin.media import Started
from chorally_linkedin.names import number_of
from chorally_linkedin.posts import body_of
from chorally_linkedin.shapes import MadeComment
from chorally_linkedin.webhook import TOLD
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect

NO_EVENTS = {
    "comment_created": "the answer to a new comment",
    "error_401_empty_token": "an error",
    "error_access_denied": "an error",
    "error_version_missing": "an error",
    "request_post_org_text": "a request of ours",
    "response_initialize_image_upload": "the begin of an upload",
    "webhook_challenge_response": "our answer to the test of a URL",
}
"""Why a sample gives no event."""
PAGE = "urn:li:organization:5515715"


@pytest.fixture(scope="module")
def samples(specs: Path) -> dict[str, Any]:
    """The samples by name."""
    return {path.stem: json.loads(path.read_text("utf-8")) for path in (specs / "payloads" / "linkedin").glob("*.json")}


def heard(envelope: Any) -> list[sdk.Event]:
    """What a webhook's body gives."""
    return list(connect(LinkedIn, for_app=True).parse(a_hook(json.dumps(envelope))))


def test_every_notification_gives_one_event(samples: dict[str, Any]) -> None:
    """Two in, two out: one names its post and is fetched, the other makes us look; reasons for the rest."""
    envelope, element = samples["webhook_comment_envelope"], samples["notification_comment_element"]

    assert samples.keys() - NO_EVENTS.keys() == {"webhook_comment_envelope", "notification_comment_element"}
    assert len(envelope["notifications"]) == 1
    assert heard(envelope) == [sdk.Ping(stream="comments", account="urn:li:organization:12345")]
    assert heard({"type": TOLD, "notifications": [element]}) == [
        sdk.Ping(
            stream="comments",
            account="urn:li:organization:96072893",
            external_id="urn:li:share:7094637247487995904 "
            "urn:li:comment:(urn:li:activity:7094637247890620418,7094977717598625792)",
        )
    ]


def test_a_new_comment_is_known_by_its_number(samples: dict[str, Any]) -> None:
    """Whatever its URN is written under."""
    made = MadeComment.model_validate(samples["comment_created"])

    assert number_of(made.urn) == made.id == samples["comment_created"]["id"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("error_401_empty_token", sdk.Reauthorize),
        ("error_access_denied", sdk.Rejected),
        ("error_version_missing", sdk.Rejected),
    ],
)
def test_the_errors_are_what_they_say(samples: dict[str, Any], name: str, kind: type[Exception]) -> None:
    """Each in its class."""
    answer = httpx.Response(samples[name]["status"], json=samples[name])

    assert type(fault(answer, datetime(2026, 11, 23, tzinfo=UTC))) is kind


def test_a_post_is_written_as_the_sample_is(samples: dict[str, Any], a_post: Callable[..., sdk.Publication]) -> None:
    """The same fields with the same values."""
    sample = samples["request_post_org_text"]

    assert body_of(PAGE, a_post(sample["commentary"])) == sample


def test_an_upload_is_begun(samples: dict[str, Any]) -> None:
    """Its address, and its image."""
    sample = samples["response_initialize_image_upload"]
    started = Started.of(json.dumps(sample).encode())

    assert (started.url, started.image) == (sample["value"]["uploadUrl"], sample["value"]["image"])


def test_the_vectors_of_signatures_hold(specs: Path, samples: dict[str, Any]) -> None:
    """The test of the URL, and both constructions of the signature."""
    vectors = json.loads((specs / "payloads" / "signatures.json").read_text("utf-8"))["vectors"]
    ours = {vector["case"]: vector for vector in vectors if vector["platform"] == "linkedin"}
    linkedin = connect(LinkedIn, for_app=True)

    assert ours.keys() == {"challenge", "event-doc", "event-alt"}
    for vector in ours.values():
        keys = sdk.Keys(secrets={"client_secret": (SecretStr(vector["secret"]),)})
        if vector["case"] == "challenge":
            asked = a_hook(method="GET", query={"challengeCode": vector["challengeCode"], "applicationId": "1"})
            verdict = linkedin.verify(asked, keys)
            assert json.loads(verdict.body) == vector["expected_json"]
            assert json.loads(verdict.body).keys() == samples["webhook_challenge_response"].keys()
            assert verdict.media_type == "application/json"
        else:
            hook = a_hook(vector["body"], headers={vector["header"]: vector["expected"]})
            assert linkedin.verify(hook, keys).kind == "accept"
