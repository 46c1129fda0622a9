"""Consents that last, the locations that they open, and how they are given back."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from chorally_google_business import GoogleBusiness
from chorally_google_business.config import AccountSettings, AppSettings
from chorally_google_business.names import place_of
from chorally_google_business.sandbox import Sandbox
from pydantic import SecretStr, ValidationError

import chorally_sdk as sdk
from chorally_sdk import oauth
from chorally_sdk.testing import connect
from chorally_sdk.testing.recording import Exchange

Connected = Callable[..., GoogleBusiness]
VERIFIER = SecretStr("a-verifier-of-forty-three-characters-0123456789")
BACK = "https://chorally.example/back"


async def granted(google: Sandbox, connected: Connected, url: Callable[[str], str] = str) -> sdk.Grant:
    """The grant of a consent whose page was asked for by a URL."""
    connector = connected(for_app=True)
    consent = await connector.authorize("state", oauth.challenge_of(VERIFIER), BACK, "ada@example.org")
    params = google.consent(url(consent.url))
    assert "login_hint=ada" in consent.url
    return await connector.exchange(sdk.Callback(params=params, verifier=VERIFIER, redirect_uri=BACK))


async def test_a_consent_lasts(google: Sandbox, connected: Connected) -> None:
    """It has a refresh token, which renewals keep."""
    grant = await granted(google, connected)
    google.expire()
    renewed = await connected(for_app=True).renew(grant)

    assert grant.refresh is not None
    assert renewed.refresh == grant.refresh
    assert renewed.access != grant.access


async def test_a_consent_that_would_end_within_the_hour_is_none(google: Sandbox, connected: Connected) -> None:
    """Google gives a refresh token only where it is asked for, and the person is."""
    with pytest.raises(sdk.Rejected, match="no refresh token"):
        await granted(google, connected, lambda url: url.replace("prompt=consent", "prompt=none"))


@pytest.mark.parametrize(("gives_back", "works"), [(False, True), (True, False)])
async def test_a_consent_is_given_back_only_where_that_is_wanted(
    google: Sandbox, connected: Connected, gives_back: bool, works: bool
) -> None:
    """Google ends all of the person's consents with one, of which other accounts may live."""
    first, second = await granted(google, connected), await granted(google, connected)
    connector = connected(for_app=True, app={"gives_consent_back": gives_back})
    for _ in range(2):
        await connector.revoke(first)

    assert (google.oauth.live(second.access.get_secret_value()) is not None) == works


async def test_the_token_is_given_back_in_the_body(
    google: Sandbox, connected: Connected, asked: list[Exchange]
) -> None:
    """URLs are written to logs."""
    grant = await granted(google, connected)
    asked.clear()
    await connected(for_app=True).revoke(grant)
    (call,) = asked

    assert (call.method, call.url) == ("POST", "https://oauth2.googleapis.com/revoke")
    assert grant.refresh
    assert grant.refresh.get_secret_value().encode() in call.body


async def test_a_location_of_two_accounts_is_given_once(connected: Connected) -> None:
    """Under the first that lists it; each has its address in its name."""
    found = {info.external_id: info for info in await connected(for_app=True).accounts()}

    assert list(found) == ["locations/2001", "locations/2002", "locations/2003", "locations/2004"]
    assert found["locations/2001"].data["account"] == "accounts/102"
    assert found["locations/2004"].name == "Caffè Aurora, Piazza Vittorio 9, Torino"


async def test_a_listing_that_leads_back_to_itself_is_noticed() -> None:
    """Taken for the end, it would lose locations; followed, it would never end."""

    def platform(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"accounts": [], "nextPageToken": "again"})

    with pytest.raises(sdk.Malformed, match="leads back"):
        await connect(GoogleBusiness, platform, for_app=True).accounts()


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ({"title": "Bar", "storeCode": "7"}, "Bar, 7"),
        ({"title": "Bar"}, "Bar"),
        ({}, "locations/5"),
        ({"title": "Bar", "storefrontAddress": {"locality": "Asti"}, "metadata": {"new": 1}}, "Bar, Asti"),
    ],
)
async def test_a_location_without_an_address_has_a_name(location: dict[str, Any], name: str) -> None:
    """Businesses that come to their customers show none."""
    answer = json.dumps({"name": "locations/5", **location})
    connector = connect(
        GoogleBusiness, lambda _: httpx.Response(200, text=answer), external_id="locations/5",
        data={"account": "accounts/1"},
    )  # fmt: skip

    assert (await connector.check()).name == name


def test_where_a_location_is_comes_from_the_consent_or_the_settings() -> None:
    """Settings that name another one are not followed."""
    settings = AccountSettings(location="accounts/1/locations/2")
    account = sdk.Account(id="1", tenant="acme", external_id="locations/2", settings=settings)
    moved = account.model_copy(update={"data": {"account": "accounts/9"}})
    assert place_of(account).name == "accounts/1/locations/2"
    assert place_of(moved).name == "accounts/9/locations/2"
    for wrong in ({"external_id": "locations/3"}, {"settings": None}, {"settings": AccountSettings()}):
        with pytest.raises(sdk.Rejected, match="which location"):
            place_of(account.model_copy(update=wrong))


@pytest.mark.parametrize("field", [{"pubsub_topic": "reviews"}, {"pubsub_topic": "projects/p/subscriptions/s"}])
def test_a_topic_is_a_topic(field: dict[str, str]) -> None:
    """A subscription's name in its place is found out at once."""
    with pytest.raises(ValidationError, match="pubsub_topic"):
        AppSettings.model_validate({"client_id": "c", "client_secret": "s", **field})


async def test_services_of_a_sandbox_are_all_in_one_place(google: Sandbox) -> None:
    """Where the base URL is not Google's, nobody else is asked."""
    hosts: list[str] = []

    async def platform(request: httpx.Request) -> httpx.Response:
        hosts.append(f"{request.url.host}:{request.url.port}")
        return await google.transport().handle_async_request(request)

    known = google.connection()
    connector = connect(
        GoogleBusiness, httpx.MockTransport(platform), external_id=known.external_id, grant=known.grant,
        settings=known.settings, base_url="http://127.0.0.1:8765",
    )  # fmt: skip
    await connector.check()
    await connector.accounts()

    assert set(hosts) == {"127.0.0.1:8765"}
