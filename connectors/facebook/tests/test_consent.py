"""A person consents at Meta: from the code to the pages' own tokens, and what becomes of them."""

from datetime import timedelta

import httpx
import pytest
from chorally_facebook import Facebook
from chorally_facebook.config import AppSettings
from chorally_facebook.sandbox import Sandbox
from chorally_meta.auth import proof_of
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import connect

BACK = "https://chorally.example/facebook/v1/callback"


@pytest.fixture
def app(page: Sandbox) -> AppSettings:
    """The sandbox's app as an operator sets it."""
    login = page.graph.login.oauth
    login.client_secret = page.hooks.app_secret = "app-secret-canary"
    return AppSettings(
        client_id=login.client_id, app_secret=SecretStr(login.client_secret), verify_token=SecretStr("any")
    )


def _connector(page: Sandbox, app: AppSettings | None, clock: object, grant: sdk.Grant | None = None) -> Facebook:
    return connect(Facebook, page.transport(), app_settings=app, grant=grant, now=clock)  # type: ignore[arg-type]


async def _consented(facebook: Facebook, page: Sandbox) -> sdk.Grant:
    asked = await facebook.authorize("state-1", "challenge", BACK, "")
    params = page.graph.login.oauth.consent(asked.url)
    return await facebook.exchange(sdk.Callback(params=params, verifier=SecretStr("v"), redirect_uri=BACK))


async def test_a_consent_becomes_a_long_lived_token_and_the_pages_tokens(
    page: Sandbox, app: AppSettings, clock: object
) -> None:
    """Sixty days for the person; the page's token has no end and opens the page."""
    facebook = _connector(page, app, clock)
    grant = await _consented(facebook, page)
    assert grant.expires_at == facebook.now() + timedelta(seconds=5183944)
    [info] = await _connector(page, app, clock, grant).accounts()
    assert (info.external_id, info.missing_scopes) == (page.world.page_id, frozenset())
    assert info.grant is not None
    assert info.grant.expires_at is None
    checked = await _connector(page, app, clock, info.grant).check()
    assert checked.external_id == page.world.page_id


async def test_a_living_token_is_lengthened_and_a_dead_one_asks_a_person(
    page: Sandbox, app: AppSettings, clock: object
) -> None:
    """An expired token cannot be exchanged."""
    facebook = _connector(page, app, clock)
    grant = await _consented(facebook, page)
    renewed = await facebook.renew(grant)
    assert renewed.access != grant.access
    page.graph.login.oauth.revoke()
    with pytest.raises(sdk.Reauthorize) as error:
        await facebook.renew(renewed)
    assert renewed.access.get_secret_value() not in str(error.value)
    with pytest.raises(sdk.Reauthorize):
        await facebook.renew(None)


async def test_a_used_code_and_an_unknown_app_are_refusals(page: Sandbox, app: AppSettings, clock: object) -> None:
    """The person starts again; the operator corrects the app."""
    facebook = _connector(page, app, clock)
    callback = sdk.Callback(params={"code": "used"}, verifier=SecretStr("v"), redirect_uri=BACK)
    with pytest.raises(sdk.Rejected, match="used"):
        await facebook.exchange(callback)
    with pytest.raises(sdk.Rejected):
        await facebook.exchange(sdk.Callback(params={}, verifier=SecretStr("v"), redirect_uri=BACK))
    wrong = app.model_copy(update={"app_secret": SecretStr("wrong-canary")})
    with pytest.raises(sdk.Rejected) as error:
        await _connector(page, wrong, clock).exchange(callback)
    assert "canary" not in str(error.value)
    with pytest.raises(sdk.Rejected, match="app id"):
        await _connector(page, None, clock).authorize("s", "c", BACK, "")


async def test_each_call_bears_the_apps_proof(page: Sandbox, app: AppSettings, clock: object) -> None:
    """Where the secret is known; a wrong one is refused by the platform."""
    token = SecretStr(page.world.access_token)
    seen: list[httpx.URL] = []

    def platform(request: httpx.Request) -> httpx.Response:
        seen.append(request.url)
        return httpx.Response(200, json={"id": "1", "name": "Page"})

    await connect(Facebook, platform, app_settings=app, grant=sdk.Grant(access=token)).check()
    await connect(Facebook, platform, grant=sdk.Grant(access=token)).check()
    assert seen[0].params["appsecret_proof"] == proof_of(token, app.app_secret)
    assert "appsecret_proof" not in seen[1].params
    wrong = app.model_copy(update={"app_secret": SecretStr("wrong")})
    with pytest.raises(sdk.Rejected, match="appsecret_proof"):
        await _connector(page, wrong, clock, sdk.Grant(access=token)).check()


async def test_a_page_without_the_role_or_the_task_says_so(page: Sandbox, app: AppSettings, clock: object) -> None:
    """A missing task is named; a page without a role is not listed."""
    grant = await _consented(_connector(page, app, clock), page)
    page.graph.account.tasks = ["ANALYZE"]
    [info] = await _connector(page, app, clock, grant).accounts()
    assert info.missing_scopes == {"MODERATE", "MESSAGING", "CREATE_CONTENT"}
    page.graph.owned.clear()
    assert await _connector(page, app, clock, grant).accounts() == []
