"""Mailboxes without a password: consents by provider, and tokens shown to both servers."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from chorally_mail import sasl
from chorally_mail.config import MailApp
from chorally_mail.connector import Mail
from chorally_mail.testing import FakeImap, FakeSmtp
from chorally_mail.testing.imap import shown_token
from pydantic import SecretStr, ValidationError

import chorally_sdk as sdk
from chorally_sdk.testing import connect

Connected = Callable[..., Mail]


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
async def test_a_token_is_shown_in_the_way_that_the_server_offers(
    imap: FakeImap, smtp: FakeSmtp, mailbox: Connected, mechanism: str
) -> None:
    """Both servers, each by what it says."""
    imap.secret = "token"
    imap.capabilities = f"IMAP4rev1 AUTH={mechanism}"
    smtp.extensions = [f"AUTH {mechanism}"]
    smtp.is_live = lambda token: token == "token"

    await mailbox(password=None).check()

    assert f"AUTHENTICATE {mechanism}" in imap.seen
    assert any(command.startswith(f"AUTH {mechanism} ") for command in smtp.seen)


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
async def test_why_a_token_is_not_accepted_is_told(
    imap: FakeImap, smtp: FakeSmtp, mailbox: Connected, mechanism: str
) -> None:
    """The challenge is answered as the mechanism wants, or the server would wait; its status reaches the person."""
    imap.capabilities = f"IMAP4rev1 AUTH={mechanism}"
    smtp.extensions = [f"AUTH {mechanism}"]
    smtp.is_live = lambda token: False
    with pytest.raises(sdk.Reauthorize, match=r"IMAP.*status 401, scope https://mail.example/"):
        await mailbox(password=None).check()
    imap.secret = "token"
    with pytest.raises(sdk.Reauthorize, match=r"SMTP.*status 401, scope https://mail.example/") as caught:
        await mailbox(password=None).check()
    assert "Bearer" not in str(caught.value)


def test_xoauth2_is_chosen_where_both_or_none_are_offered() -> None:
    """Every provider that has the other one has it too."""
    for offered in (["OAUTHBEARER", "xoauth2"], [], ["PLAIN"]):
        assert sasl.by_token(offered, "a", "t", "h", 1).mechanism == "XOAUTH2"


def test_a_name_with_signs_of_the_header_is_escaped() -> None:
    """RFC 5801: a comma would end the name."""
    proof = sasl.by_token(["oauthbearer"], "a,b=c@shop.example", "token", "[::1]", 993)

    assert proof.response == b"n,a=a=2Cb=3Dc@shop.example,\1host=::1\1port=993\1auth=Bearer token\1\1"
    assert proof.parting == b"\1"
    assert shown_token(proof.response.decode()) == ("a,b=c@shop.example", "token")


@pytest.mark.parametrize("challenge", [b"", b"!", b"e30=", b"W10=", b"/w==", b"eyJzdGF0dXMiOiA0MDF9"])
def test_a_challenge_of_any_form_is_no_error(challenge: bytes) -> None:
    """It only adds to what is told."""
    assert sasl.reason(challenge, "secret") == ""


def _asked(app: MailApp, hint: str = "") -> Any:
    async def ask() -> tuple[str, dict[str, list[str]]]:
        connector = connect(Mail, app_settings=app, for_app=True)
        url = (await connector.authorize("a-state", "a-challenge", "https://host.example/back", hint)).url
        return url.partition("?")[0], parse_qs(urlsplit(url).query)

    return ask()


async def test_google_is_asked_for_all_of_the_mail_and_a_refresh_token() -> None:
    """Without the prompt a second consent gives none."""
    page, asked = await _asked(MailApp(client_id="id"), "help@shop.example")

    assert page == "https://accounts.google.com/o/oauth2/v2/auth"
    assert asked["scope"] == ["https://mail.google.com/"]
    assert (asked["access_type"], asked["prompt"]) == (["offline"], ["consent"])
    assert asked["login_hint"] == ["help@shop.example"]
    assert asked["code_challenge_method"] == ["S256"]


async def test_microsoft_is_asked_for_both_protocols_and_to_stay() -> None:
    """In the directory of the settings."""
    page, asked = await _asked(
        MailApp.model_validate({"provider": "microsoft", "client_id": "id", "directory": "org.example"}), "the shop"
    )

    assert page == "https://login.microsoftonline.com/org.example/oauth2/v2.0/authorize"
    assert set(asked["scope"][0].split()) == {
        "https://outlook.office.com/IMAP.AccessAsUser.All", "https://outlook.office.com/SMTP.Send", "offline_access"
    }  # fmt: skip
    assert "login_hint" not in asked


@pytest.mark.parametrize(
    ("app", "why"),
    [(None, "there is no app"), (MailApp(), "there is no app"), ({"provider": "other"}, "authorize_url")],
)
async def test_an_app_that_lacks_something_says_what(app: Any, why: str) -> None:
    """To whoever sets it up."""
    known = MailApp.model_validate({"client_id": "id", **app}) if isinstance(app, dict) else app
    with pytest.raises(sdk.Rejected, match=why):
        await _asked(known)


def test_addresses_of_a_provider_are_encrypted_ones() -> None:
    """Tokens do not travel in the clear, and a directory is no path."""
    with pytest.raises(ValidationError) as caught:
        MailApp.model_validate({"token_url": "http://x.example", "directory": "a/b"})
    assert {error["loc"][0] for error in caught.value.errors()} == {"token_url", "directory"}


async def test_a_mailbox_with_a_password_asks_for_the_new_one() -> None:
    """It has no grant; nobody is asked at a provider."""
    with pytest.raises(sdk.Reauthorize, match="password"):
        await connect(Mail).renew(None)
    with pytest.raises(sdk.Reauthorize, match="no refresh token"):
        await connect(Mail).renew(sdk.Grant(access=SecretStr("pasted")))


async def test_a_grant_is_renewed_where_the_settings_say() -> None:
    """With the rotated token in place of the old one."""
    sent: list[httpx.Request] = []

    def provider(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"access_token": "new", "refresh_token": "newer", "expires_in": 3600})

    app = MailApp.model_validate(
        {
            "provider": "other",
            "client_id": "id",
            "authorize_url": "https://127.0.0.1/a",
            "token_url": "https://127.0.0.1/t",
        }
    )
    old = sdk.Grant(access=SecretStr("old"), refresh=SecretStr("refresh-1"))
    grant = await connect(Mail, provider, app_settings=app).renew(old)

    assert grant.refresh is not None
    assert grant.refresh.get_secret_value() == "newer"
    assert str(sent[0].url) == "https://127.0.0.1/t"


@pytest.mark.parametrize("provider", ["google", "microsoft"])
async def test_consents_that_cannot_be_given_back_alone_are_not(provider: str) -> None:
    """Google would end all of the person's, Microsoft has no place for it; no request is made."""
    app = MailApp.model_validate({"provider": provider, "client_id": "id"})
    with pytest.raises(sdk.Unsupported):
        await connect(Mail, app_settings=app).revoke(sdk.Grant(access=SecretStr("a")))
