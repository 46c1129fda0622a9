"""The sandbox as a person with curl meets it."""

from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from chorally_google_business import GoogleBusiness
from chorally_google_business.sandbox import Sandbox
from chorally_google_business.sandbox.levers import TOPIC

import chorally_sdk as sdk
from chorally_sdk.sandbox import Twin
from chorally_sdk.testing import a_hook

HEAD = {"Authorization": "Bearer sandbox-token"}
PLACE = "/v4/accounts/102/locations/2001"


@pytest.fixture
async def http(google: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    """A person's client."""
    async with httpx.AsyncClient(transport=google.transport(), base_url="http://sandbox", headers=HEAD) as client:
        yield client


def test_it_is_the_connectors_own() -> None:
    """The command serves it, and the kit pulls its levers."""
    assert isinstance(GoogleBusiness.sandbox(), Twin)


async def test_what_is_written_is_listed_answered_and_taken_down(google: Sandbox, http: httpx.AsyncClient) -> None:
    """The lines of the README, without curl."""
    made = (await http.post("/_sandbox/reviews", json={"author": "ada", "text": "Lovely!", "stars": 5})).json()["id"]
    reply = f"{PLACE}/reviews/{made}/reply"
    assert (await http.put(reply, json={"comment": "Thank you"})).json()["comment"] == "Thank you"
    (listed,) = (await http.get(f"{PLACE}/reviews")).json()["reviews"]
    assert (listed["starRating"], listed["reviewReply"]["comment"]) == ("FIVE", "Thank you")
    await http.post("/_sandbox/replies", json={"review": made, "text": "Written on Google itself"})
    assert (await http.get("/_sandbox/state")).json()["reviews"][0]["reviewReply"]["comment"].endswith("itself")
    assert (await http.delete(f"/_sandbox/reviews/{made}")).json() == {"success": True}
    assert (await http.get(f"{PLACE}/reviews/{made}")).status_code == 404
    assert (await http.delete(f"/_sandbox/reviews/{made}")).status_code == 404


async def test_pushes_come_until_they_are_taken(connected: Callable[..., GoogleBusiness]) -> None:
    """Each with a token, to where they are wanted, and only after the account's setting says so."""
    got: list[httpx.Request] = []

    def take(request: httpx.Request) -> httpx.Response:
        got.append(request)
        return httpx.Response(503 if len(got) == 1 else 200)

    google = Sandbox(callback=httpx.MockTransport(take))
    async with google, httpx.AsyncClient(transport=google.transport(), base_url="http://sandbox") as http:
        http.headers.update(HEAD)
        await http.post("/_sandbox/configure", json={"callback_url": "http://127.0.0.1:1/h", "deliver": "manual"})
        await google.say("Nobody is told")
        setting = {"notificationTypes": ["NEW_REVIEW"], "pubsubTopic": TOPIC}
        mask = {"updateMask": "notificationTypes,pubsubTopic"}
        told = await http.patch("/v1/accounts/102/notificationSetting", params=mask, json=setting)
        assert told.json()["pubsubTopic"] == TOPIC
        said = await google.say("Lovely!")
        accepted = [await google.pubsub.deliver_all() for _ in range(2)]
        connector = connected(for_app=True)
        pushes = [a_hook(each.content, headers=dict(each.headers), received_at=google.clock()) for each in got]

        assert accepted == [0, 1]
        assert [list(connector.parse(each)) for each in pushes] == [
            [sdk.Ping(stream="reviews", account="locations/2001", external_id=said)]
        ] * 2
        assert {connector.verify(each, google.keys()).kind for each in pushes} == {"accept"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/locations/2001", None),
        ("PATCH", "/v1/accounts/102/notificationSetting?updateMask=notificationTypes", {"notificationTypes": ["X"]}),
        ("PATCH", "/v1/accounts/102/notificationSetting?updateMask=name", {}),
        ("POST", "/v4/accounts/102/locations:batchGetReviews", {"locationNames": []}),
        ("GET", f"{PLACE}/reviews?pageToken=9:x", None),
    ],
)
async def test_what_google_refuses_is_refused(http: httpx.AsyncClient, method: str, path: str, body: object) -> None:
    """A location without a mask, kinds and masks that do not exist, a batch of nothing, a token of another time."""
    answer = await http.request(method, path, json=body)

    assert answer.status_code == 400
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"


async def test_tokens_and_scopes_are_asked_for(google: Sandbox, http: httpx.AsyncClient) -> None:
    """Without a token nothing, without the scope another error."""
    assert (await http.get("/v1/accounts", headers={"Authorization": ""})).status_code == 401
    assert (await http.get("/oauth2/v3/certs", headers={"Authorization": ""})).json()["keys"]
    bare = google.withhold("https://www.googleapis.com/auth/business.manage").access.get_secret_value()
    answer = await http.get("/v1/accounts", headers={"Authorization": f"Bearer {bare}"})

    assert answer.json()["error"]["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
