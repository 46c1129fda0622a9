"""Webhooks that nobody signs: who may call, and that nothing of them is believed."""

import base64
import json
from typing import Any

import httpx
import pytest
from chorally_trustpilot import Trustpilot
from chorally_trustpilot.sandbox import Sandbox
from chorally_trustpilot.sandbox.world import UNIT
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import a_hook, connect

KEYS = sdk.Keys(secrets={"webhook_word": (SecretStr("a-long-word-0123456789"),)})


def _basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"query": {"word": "a-long-word-0123456789"}}, "accept"),
        ({"headers": _basic("anybody", "a-long-word-0123456789")}, "accept"),
        ({"query": {"word": "another"}}, "reject"),
        ({"headers": _basic("a-long-word-0123456789", "")}, "reject"),
        ({"headers": {"Authorization": "Basic caf\u00e9"}}, "reject"),
        ({"headers": {"Authorization": "Basic /w=="}}, "reject"),
        ({"method": "GET", "query": {"word": "a-long-word-0123456789"}}, "reject"),
    ],
)
def test_the_word_is_in_the_query_or_is_the_password(changes: dict[str, Any], kind: str) -> None:
    """Whatever stands in the URL that was entered, as HTTP clients send it."""
    assert connect(Trustpilot, for_app=True).verify(a_hook("{}", **changes), KEYS).kind == kind


def _parsed(said: object) -> list[sdk.Event]:
    return list(connect(Trustpilot, for_app=True).parse(a_hook(json.dumps(said), account=UNIT)))


def test_what_a_hook_says_of_a_review_is_not_believed() -> None:
    """Only its id is taken; words and stars are Trustpilot's to tell."""
    about = {"id": "62aa", "stars": 1, "text": "Forged"}
    assert _parsed({"events": [{"eventName": "service-review-created", "eventData": about}]}) == [
        sdk.Ping(stream="reviews", external_id="62aa")
    ]


@pytest.mark.parametrize(
    "event",
    [
        {"eventName": "service-review-created", "eventData": {"id": "../../me"}},
        {"eventName": "service-review-created", "eventData": {"id": 7}},
        {"eventName": "service-review-updated"},
        {"eventName": "product-review-created", "eventData": {"id": "62aa"}},
        {"eventName": None},
        "text",
        None,
    ],
)
def test_an_event_that_names_no_review_has_the_listing_read(event: object) -> None:
    """It is not dropped, and leads to no place that it chooses."""
    assert _parsed({"events": [event]}) == [sdk.Ping(stream="reviews")]


def test_the_test_of_the_portal_is_no_error() -> None:
    """Its form is not documented; an object without events has the listing read."""
    assert _parsed({"test": True}) == [sdk.Ping(stream="reviews")]


def test_what_is_no_object_is_kept_aside() -> None:
    """With its bytes."""
    with pytest.raises(sdk.Malformed) as caught:
        _parsed([1])
    assert caught.value.payload == b"[1]"


async def test_a_deleted_review_is_found_to_be_gone(unit: Sandbox, trustpilot: Trustpilot) -> None:
    """The hook says so, and the API proves it."""
    review = unit.write("Cold soup")
    await unit.remove(review)
    created, deleted = (trustpilot.parse(hook) for hook in unit.hooks())

    assert list(created) == list(deleted) == [sdk.Ping(stream="reviews", external_id=review)]
    with pytest.raises(sdk.Rejected) as caught:
        await trustpilot.fetch(sdk.Ping(stream="reviews", external_id=review))
    assert caught.value.reason is sdk.Reason.GONE


async def test_a_ping_of_a_reply_reads_its_review(unit: Sandbox, trustpilot: Trustpilot) -> None:
    """A host may ask for anything that it knows."""
    review = unit.write("Cold soup")
    await unit.say_elsewhere("Sorry", target=review)
    events = await trustpilot.fetch(sdk.Ping(stream="reviews", external_id=f"{review}/reply"))

    assert [getattr(event, "external_id", "") for event in events] == [review, f"{review}/reply"]


async def test_webhooks_of_the_sandbox_arrive_at_the_url_that_was_set(unit: Sandbox) -> None:
    """With its query, unsigned, several events in one."""
    came: list[httpx.Request] = []

    def host(request: httpx.Request) -> httpx.Response:
        came.append(request)
        return httpx.Response(200)

    unit.post.transport = httpx.MockTransport(host)
    async with httpx.AsyncClient(transport=unit.transport(), base_url="https://twin.example") as person:
        told = {"callback_url": "https://chorally.example/hook?word=long"}
        assert (await person.post("/_sandbox/configure", json=told)).status_code == 200
        await person.post("/_sandbox/say", json={"body": "Cold soup"})
        await person.post("/_sandbox/say", json={"body": "Hot soup"})
        assert (await person.post("/_sandbox/deliver")).json() == {"accepted": 1, "waiting": 0}
        assert (await person.post("/_sandbox/configure", json={"deliver": "later"})).status_code == 400
    await unit.post.aclose()

    (request,) = came
    assert str(request.url) == "https://chorally.example/hook?word=long"
    assert [event["eventData"]["text"] for event in json.loads(request.content)["events"]] == ["Cold soup", "Hot soup"]
