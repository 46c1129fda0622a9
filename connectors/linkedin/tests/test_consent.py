"""Consents: what is asked for, when they end, which pages they open; tokens that somebody pasted."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from chorally_linkedin import LinkedIn
from chorally_linkedin.config import AccountSettings, AppSettings
from chorally_linkedin.sandbox import Sandbox
from chorally_linkedin.sandbox.world import OURS
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import connect

BACK = "https://chorally.example/linkedin/v1/callback"
Connects = Callable[..., LinkedIn]


async def granted(page: Sandbox, linkedin: LinkedIn) -> sdk.Grant:
    """The grant of a consent."""
    consent = await linkedin.authorize("a-state", "challenge", BACK, "")
    params = page.consent(consent.url)
    callback = sdk.Callback(params=params, verifier=SecretStr("verifier"), redirect_uri=BACK)
    return await linkedin.exchange(callback)


async def test_a_partners_consent_ends_a_year_after_it_was_given(page: Sandbox, connects: Connects) -> None:
    """A renewal does not put that off: the host tells a person in time."""
    linkedin = connects(for_app=True)
    first = await granted(page, linkedin)
    page.clock.pass_(days=50)
    second = await linkedin.renew(first)

    assert first.refresh_expires_at == second.refresh_expires_at == page.clock() + timedelta(days=315)
    assert second.expires_at == page.clock() + timedelta(days=60)
    assert second.refresh == first.refresh
    assert first.scopes == frozenset(LinkedIn.manifest.scopes)


async def test_without_a_refresh_token_the_consent_ends_with_its_token(page: Sandbox, connects: Connects) -> None:
    """As for most apps; and a person is asked when it has ended."""
    page.login.is_partner = False
    linkedin = connects(for_app=True)
    grant = await granted(page, linkedin)

    assert grant.refresh is None
    assert grant.refresh_expires_at == grant.expires_at == page.clock() + timedelta(days=60)
    with pytest.raises(sdk.Reauthorize):
        await linkedin.renew(grant)


async def test_an_app_with_fewer_scopes_asks_for_those(page: Sandbox, connects: Connects) -> None:
    """And misses no others."""
    known = page.connection().app_settings
    fewer = known.model_copy(update={"scopes": ("r_organization_social", "w_organization_social")})
    linkedin = connects(for_app=True, app_settings=fewer)
    url = (await linkedin.authorize("a-state", "challenge", BACK, "")).url
    grant = await granted(page, linkedin)

    asked = parse_qs(urlsplit(url).query)
    assert asked["scope"] == ["r_organization_social w_organization_social"]
    assert "code_challenge" not in asked
    assert (await connects(app_settings=fewer, grant=grant).check()).missing_scopes == frozenset()


async def test_only_pages_that_the_person_administers_are_listed(page: Sandbox, connects: Connects) -> None:
    """An analyst's page is none; which roles count is a setting."""
    known = page.connection().app_settings
    analyst = known.model_copy(update={"roles": ("ANALYST",)})
    page.world.organizations["urn:li:organization:1"] = "Analysed"

    listed = await connects(for_app=True).accounts()
    assert "urn:li:organization:1" in [info.external_id for info in listed]  # its own, since it is one of the pages
    [info] = await connects(for_app=True, app_settings=analyst).accounts()
    assert (info.external_id, info.name, info.data) == (
        "urn:li:organization:1", "Analysed", {"member": "urn:li:person:owner"},
    )  # fmt: skip


async def test_the_scopes_of_a_pasted_token_are_asked_for(page: Sandbox, connects: Connects) -> None:
    """LinkedIn tells them of its own tokens."""
    page.oauth.withheld = {"rw_organization_admin"}
    access = page.a_grant().access

    assert (await connects(grant=sdk.Grant(access=access)).check()).missing_scopes == {"rw_organization_admin"}
    unknown_app = connects(grant=sdk.Grant(access=access), app_settings=AppSettings())
    assert (await unknown_app.check()).missing_scopes == frozenset()


async def test_a_wrong_secret_is_the_operators_to_mend(page: Sandbox, connects: Connects) -> None:
    """It does not ask the customer to connect again."""
    wrong = page.connection().app_settings.model_copy(update={"client_secret": SecretStr("wrong")})

    with pytest.raises(sdk.Rejected, match="client id and secret"):
        await connects(grant=sdk.Grant(access=page.grant.access), app_settings=wrong).check()


@pytest.mark.parametrize("organization", ["2414183", OURS])
async def test_a_token_that_opens_several_pages_is_told_which(
    page: Sandbox, connects: Connects, organization: str
) -> None:
    """By the settings, as a number or a URN; else nobody can know."""
    named = connects(external_id="", settings=AccountSettings(organization=organization))
    assert (await named.check()).external_id == OURS

    with pytest.raises(sdk.Rejected, match="opens 4 pages"):
        await connects(external_id="", settings=AccountSettings()).check()
    page.world.organizations = {OURS: "Sandbox Ltd"}
    assert (await connects(external_id="", settings=AccountSettings()).check()).external_id == OURS


async def test_a_subscription_names_the_app_the_member_and_the_page(page: Sandbox, connects: Connects) -> None:
    """The member is remembered from the consent, else looked up; without the app's id there is none."""
    for data in ({}, {"member": "urn:li:person:owner"}):
        page.calls = 0
        made = await connects(data=data).subscribe("https://chorally.example/h", SecretStr("unused"), None)
        assert made.external_id == (
            "(developerApplication:urn%3Ali%3AdeveloperApplication%3A86000001,user:urn%3Ali%3Aperson%3Aowner,"
            "entity:urn%3Ali%3Aorganization%3A2414183,eventType:ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS)"
        )
        assert page.calls == (2 if data else 3)
    assert made.expires_at == page.subscriptions()[0].expires_at

    with pytest.raises(sdk.Rejected, match="application id"):
        await connects(app_settings=AppSettings()).subscribe("https://chorally.example/h", SecretStr("x"), None)
    stranger = connects(external_id="urn:li:organization:77")
    with pytest.raises(sdk.Rejected, match="does not administer"):
        await stranger.subscribe("https://chorally.example/h", SecretStr("x"), None)


def test_a_page_is_made_without_a_call() -> None:
    """Its streams are known from its settings."""
    linkedin = connect(LinkedIn, settings=AccountSettings(poll_minutes=15))

    assert [(each.name, each.every) for each in linkedin.streams()] == [
        ("comments", timedelta(minutes=15)), ("mentions", timedelta(minutes=30)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("site", "token"),
    [("https://www.linkedin.com", "https://www.linkedin.com/oauth/v2/accessToken"), ("/", "/oauth/v2/accessToken")],
)
def test_tokens_are_asked_for_at_the_site_or_beside_the_api(site: str, token: str) -> None:
    """The page of consent is always a whole address: a browser opens it."""
    app = AppSettings(site=site)

    assert app.token_url("accessToken") == token
    assert app.consent_url == "https://www.linkedin.com/oauth/v2/authorization"
