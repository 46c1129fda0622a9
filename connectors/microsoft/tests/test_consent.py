"""Signing in: what is asked of whom, and what becomes of the tokens."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from chorally_microsoft import Microsoft
from chorally_microsoft.config import AppSettings
from chorally_microsoft.login import BOT_SCOPE, OF_SHARED, SCOPES
from chorally_microsoft.sandbox import Outlook
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import connect

Connects = Callable[..., Microsoft]
APP = AppSettings(client_id="app-1", client_secret=SecretStr("app-secret-0123456789"), tenant="organizations")


async def asked(app: AppSettings, hint: str = "") -> tuple[str, dict[str, list[str]]]:
    """Where a person is sent, and with what."""
    consent = await connect(Microsoft, app_settings=app, for_app=True).authorize(
        "st", "ch", "https://cb.example/", hint
    )
    parts = urlsplit(consent.url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}", parse_qs(parts.query)


async def test_a_person_signs_in_at_the_directory_of_the_settings() -> None:
    """With what Microsoft's v2.0 endpoint documents; the address that was typed is filled in."""
    url, query = await asked(APP, "ada@example.com")

    assert url == "https://login.microsoftonline.com/organizations/oauth2/v2.0/authorize"
    assert query == {
        "client_id": ["app-1"],
        "response_type": ["code"],
        "redirect_uri": ["https://cb.example/"],
        "response_mode": ["query"],
        "scope": [" ".join(SCOPES)],
        "state": ["st"],
        "code_challenge": ["ch"],
        "code_challenge_method": ["S256"],
        "login_hint": ["ada@example.com"],
    }


async def test_shared_mailboxes_need_more_permissions() -> None:
    """Which nobody is asked for without them."""
    _, query = await asked(APP.model_copy(update={"shared_mailboxes": ("sales@shop.example",)}))

    assert query["scope"] == [" ".join((*SCOPES, *OF_SHARED))]
    assert "login_hint" not in query


async def test_a_renewal_keeps_what_is_rotated(mailbox: Outlook, connected: Connects) -> None:
    """Each renewal gives another refresh token, which the next one needs."""
    known = mailbox.connection().grant
    person = connected(mailbox, for_app=True)
    first = await person.renew(known)
    second = await person.renew(first)

    assert len({each.refresh for each in (known, first, second) if each}) == 3


@pytest.mark.parametrize("error", ["invalid_grant", "interaction_required"])
async def test_a_consent_that_is_over_asks_a_person(error: str) -> None:
    """With the words of Microsoft, and none of its secrets."""
    told = {"error": error, "error_description": "AADSTS50173: revoked", "error_codes": [50173]}
    connector = connect(Microsoft, lambda _: httpx.Response(400, json=told), app_settings=APP, for_app=True)
    with pytest.raises(sdk.Reauthorize, match="AADSTS50173"):
        await connector.renew(sdk.Grant(access=SecretStr("a"), refresh=SecretStr("refresh-0123456789")))


async def test_a_single_tenant_bot_gets_its_token_at_its_directory() -> None:
    """And the answer of the endpoint, which names no scopes, is known as the bot's when it is renewed."""
    urls: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        urls.append(str(request.url))
        return httpx.Response(200, json={"access_token": f"t{len(urls)}", "expires_in": 3599, "token_type": "Bearer"})

    app = APP.model_copy(update={"bot_tenant": "84bd8158-6d4d-4958-8b9f-9d6445542f95"})
    connector = connect(Microsoft, answer, app_settings=app, for_app=True)
    first = await connector.renew(None)
    second = await connector.renew(first)

    assert first.scopes == second.scopes == {BOT_SCOPE}
    assert (second.access.get_secret_value(), second.refresh) == ("t2", None)
    assert set(urls) == {"https://login.microsoftonline.com/84bd8158-6d4d-4958-8b9f-9d6445542f95/oauth2/v2.0/token"}


async def test_without_an_app_nobody_can_sign_in() -> None:
    """The operator is told what to add."""
    with pytest.raises(sdk.Rejected, match="app registration"):
        await connect(Microsoft, for_app=True).authorize("s", "c", "https://cb.example/", "")
