"""Consents: from the code to the account, and what becomes of its token, in both logins."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from chorally_instagram import Instagram, consent
from chorally_instagram.config import AccountSettings
from chorally_instagram.sandbox import Account, AccountOfPage
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import connect

BACK = "https://chorally.example/instagram/v1/callback"
Speaking = Any


async def _consented(instagram: Instagram, stand_in: Account) -> sdk.Grant:
    asked = await instagram.authorize("state-1", "challenge", BACK, "")
    params = stand_in.consent(asked.url)
    params = {**params, "code": params["code"] + "#_"}
    return await instagram.exchange(sdk.Callback(params=params, verifier=SecretStr("v"), redirect_uri=BACK))


async def test_a_consent_is_one_account_and_lasts_sixty_days(account: Account, speaking: Speaking) -> None:
    """Its id is that of webhooks, not the one of this app; what was granted is named."""
    grant = await _consented(speaking(account, for_app=True), account)
    assert grant.expires_at == account.clock() + timedelta(seconds=5183944)
    assert grant.scopes == frozenset(consent.SCOPES)
    [info] = await speaking(account, for_app=True, grant=grant).accounts()
    assert (info.external_id, info.name, info.grant) == (account.world.account, "lamps.co", None)
    assert info.data == {"username": "lamps.co", "scoped_id": account.world.scoped_id}


async def test_what_a_person_did_not_grant_is_not_said_to_be(account: Account, speaking: Speaking) -> None:
    """Instagram calls them permissions."""
    account.login.oauth.withheld.add("instagram_business_manage_messages")
    grant = await _consented(speaking(account, for_app=True), account)
    assert grant.scopes == frozenset(consent.SCOPES) - {"instagram_business_manage_messages"}


async def test_a_token_is_renewed_once_it_is_a_day_old(account: Account, speaking: Speaking) -> None:
    """Before that, one that works stays as it is; renewing asks neither for the app's id nor for its secret."""
    asked: list[httpx.Request] = []

    class Watching(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            asked.append(request)
            return await account.transport().handle_async_request(request)

    grant = await _consented(speaking(account, for_app=True), account)
    instagram = speaking(account, for_app=True, grant=grant, platform=Watching())
    account.clock.pass_(hours=23)
    assert await instagram.renew(grant) is grant
    account.clock.pass_(hours=2)
    renewed = await instagram.renew(grant)
    assert renewed.access != grant.access
    assert renewed.expires_at == account.clock() + timedelta(seconds=5183944)
    assert [request.url.path for request in asked] == ["/v25.0/me", "/refresh_access_token"]
    assert set(asked[1].url.params) == {"grant_type", "access_token"}


async def test_a_token_that_ended_asks_a_person_without_a_call() -> None:
    """Only a living one is renewed."""
    instagram = connect(Instagram, for_app=True)
    ended = sdk.Grant(access=SecretStr("t"), expires_at=instagram.now() - timedelta(seconds=1))
    for grant in (ended, None):
        with pytest.raises(sdk.Reauthorize):
            await instagram.renew(grant)


async def test_a_young_token_that_was_revoked_asks_a_person(account: Account, speaking: Speaking) -> None:
    """It cannot be renewed, and works no longer."""
    grant = await _consented(speaking(account, for_app=True), account)
    account.revoke()
    with pytest.raises(sdk.Reauthorize):
        await speaking(account, for_app=True, grant=grant).renew(grant)


async def test_a_used_code_and_an_unknown_app_are_refusals(account: Account, speaking: Speaking) -> None:
    """The person starts again; the operator corrects the app; Instagram's own words are shown."""
    instagram = speaking(account, for_app=True)
    with pytest.raises(sdk.Rejected, match="already used"):
        await instagram.exchange(sdk.Callback(params={"code": "x"}, verifier=SecretStr("v"), redirect_uri=BACK))
    with pytest.raises(sdk.Rejected, match="no code"):
        await instagram.exchange(sdk.Callback(params={}, verifier=SecretStr("v"), redirect_uri=BACK))
    with pytest.raises(sdk.Rejected, match="no app id"):
        await connect(Instagram, for_app=True).authorize("s", "c", BACK, "")


async def test_a_token_of_another_account_is_refused(account: Account, speaking: Speaking) -> None:
    """The message says which id is meant, since there are two."""
    settings = AccountSettings(account_id=account.world.scoped_id)
    with pytest.raises(sdk.Rejected, match="user_id"):
        await speaking(account, settings=settings).check()


async def test_by_facebook_a_persons_pages_give_their_accounts(of_page: AccountOfPage, speaking: Speaking) -> None:
    """Each with its page's token, over all pages of the listing; the scopes asked for are Facebook's."""
    instagram = speaking(of_page, for_app=True)
    asked = await instagram.authorize("state-1", "challenge", BACK, "")
    assert "instagram_manage_comments" in asked.url
    assert "instagram_business" not in asked.url
    assert asked.url.startswith("https://www.facebook.com/")
    grant = await _consented(instagram, of_page)
    found = await speaking(of_page, for_app=True, grant=grant).accounts()
    assert {each.external_id: each.name for each in found} == {p.external_id: p.name for p in of_page.profiles()}
    for each in found:
        assert each.grant is not None
        assert (await speaking(of_page, grant=each.grant).check()).external_id == each.external_id
    renewed = await speaking(of_page, for_app=True, grant=grant).renew(grant)
    assert renewed.access != grant.access


async def test_by_facebook_a_page_without_an_account_says_so(of_page: AccountOfPage, speaking: Speaking) -> None:
    """The page is named."""

    def platform(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"id": "1", "name": "Lamps & Co"})

    with pytest.raises(sdk.Rejected, match="Lamps & Co"):
        await speaking(of_page, platform=platform).check()


async def test_pages_without_an_account_or_a_task_are_told_apart() -> None:
    """The one is not listed, the other names what is missing."""
    account = {"id": "17", "username": "lamps"}
    rows = [{"id": "1"}, {"id": "2", "access_token": "t", "tasks": ["MODERATE"], "instagram_business_account": account}]
    http = connect(Instagram, lambda _: httpx.Response(200, json={"data": rows, "paging": {"cursors": {}}})).http
    [info] = await consent.accounts_of_pages(http)
    assert (info.external_id, info.name) == ("17", "lamps")
    assert info.missing_scopes == {"MESSAGING", "CREATE_CONTENT"}
    assert info.data == {"username": "lamps", "page_id": "2"}
