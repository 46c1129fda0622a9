"""Everything that is asked and answered, judged by Google's discovery documents."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chorally_google_business import GoogleBusiness
from chorally_google_business.sandbox import Sandbox
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import pulled
from chorally_sdk.testing.recording import Exchange
from chorally_sdk.testing.specification import Described, Several, read

Answer = Callable[..., sdk.OutboundMessage]
SECRET = SecretStr("s")
POST = {
    "language": "it",
    "topic": "OFFER",
    "button": {"action": "SHOP", "url": "https://shop.example"},
    "photos": ["https://photos.example/1.jpg"],
    "event": {
        "title": "Sale", "start_date": "2026-12-01", "start_time": "09:00", "end_date": "2026-12-02",
        "end_time": "18:00",
    },
    "offer": {"coupon": "C", "url": "https://shop.example/offer", "terms": "None"},
}  # fmt: skip
"""Everything that a post may have."""


@pytest.fixture(scope="session")
def described(specs: Path) -> Described:
    """The descriptions."""
    return Several([read(specs / name) for name in Sandbox.description])


async def everything(google: Sandbox, connected: Callable[..., GoogleBusiness], an_answer: Answer) -> None:
    """Do all that the connector can do, once in each form."""
    connector = connected()
    await connector.check()
    await connected(for_app=True).accounts()
    google.page_size(2)
    said = [await google.say(f"Review {number}") for number in range(5)]
    await google.say("", author=None)
    for stream in ("reviews", "replies"):
        for each in (connector, connected(without_text=False)):
            await pulled(each.pull(stream, None, None))
    for state in ("", "PENDING"):
        google.reply_state = state
        await connector.push(an_answer(said[0], f"Thank you {state}"))
        await connector.find(an_answer(said[0], f"Thank you {state}"))
    await connector.fetch(sdk.Ping(stream="reviews", external_id=said[0]))
    for verb in ("edit", "delete"):
        given = {"verb": verb, "external_id": f"{said[0]}/reply", "channel": "google_review", "body": "New"}
        await connector.moderate(sdk.Action.model_validate(given))
    post_of = {"id": "1", "client_ref": "0" * 32, "channel": "google_post", "body": "News", "options": POST}
    post = sdk.Publication.model_validate({**post_of, "tried_at": google.clock()})
    made = await connector.publish(post)
    await connector.find(post)
    await connector.find(post.model_copy(update={"receipt": made}))
    for verb in ("edit", "delete"):
        given = {"verb": verb, "external_id": made.external_id or "", "channel": "google_post", "body": "New"}
        await connector.moderate(sdk.Action.model_validate(given))
    await connector.unsubscribe(await connector.subscribe("https://chorally.example/h", SECRET, None))
    with pytest.raises(sdk.Rejected):
        await connector.fetch(sdk.Ping(stream="reviews", external_id="nobody"))


async def test_all_that_is_said_is_as_google_describes_it(
    described: Described,
    google: Sandbox,
    connected: Callable[..., GoogleBusiness],
    an_answer: Answer,
    asked: list[Exchange],
) -> None:
    """Every call, parameter, body and answer; and there are as many kinds of calls as the connector makes."""
    await everything(google, connected, an_answer)
    # newer than the copy of the description: of the reference, "accounts.locations.reviews" (read 2026-11-23)
    mistakes = [
        mistake
        for each in asked
        for judge in (described.parameters, described.request, described.answer)
        for mistake in judge(each)
    ]
    found: list[Any] = [described.operation(each) for each in asked]

    assert mistakes == []
    assert None not in found
    assert {each.name.partition(".")[2] for each in found} == {
        *("accounts.list", "accounts.locations.list", "locations.get"),
        *("accounts.getNotificationSetting", "accounts.updateNotificationSetting"),
        *("accounts.locations.reviews.list", "accounts.locations.reviews.get", "accounts.locations.batchGetReviews"),
        *("accounts.locations.reviews.updateReply", "accounts.locations.reviews.deleteReply"),
        *(f"accounts.locations.localPosts.{what}" for what in ("create", "list", "get", "patch", "delete")),
    }
    assert len({(each.method, each.url, each.body) for each in asked}) == 26


async def test_a_push_is_as_pub_sub_describes_its_message(specs: Path, google: Sandbox) -> None:
    """The members of the envelope that its discovery document names are there."""
    import json

    told = json.loads((specs / "google-business" / "pubsub.v1.trimmed.json").read_text("utf-8"))
    await google.say("Lovely!")
    (hook,) = google.hooks()
    body = json.loads(hook.body)

    assert {"data", "messageId", "publishTime"} <= set(told["schemas"]["PubsubMessage"]["properties"])
    assert {"data", "messageId", "publishTime"} <= set(body["message"])
    assert set(body) == {"message", "subscription"}
