"""How a business unit is connected, and its tokens kept."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from chorally_trustpilot import Trustpilot
from chorally_trustpilot.config import AccountSettings, AppSettings
from chorally_trustpilot.sandbox import Sandbox
from chorally_trustpilot.sandbox.world import UNIT
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import connect
from chorally_sdk.testing.recording import Exchange

Connected = Callable[..., Trustpilot]


async def test_a_domain_is_enough_to_connect(unit: Sandbox) -> None:
    """A draft has no id yet; the check finds it."""
    known = unit.connection()
    draft = connect(
        Trustpilot, unit.transport(), external_id="", grant=known.grant, settings=known.settings,
        app_settings=known.app_settings,
    )  # fmt: skip
    assert (await draft.check()).external_id == UNIT


async def test_an_id_is_enough_to_connect(connected: Connected) -> None:
    """For a domain that Trustpilot knows by another name."""
    assert (await connected(domain="", business_unit_id=UNIT).check()).name == "Sandbox Bakery"


async def test_the_account_alone_is_enough_to_check(connected: Connected) -> None:
    """Its settings may be empty once it is connected."""
    assert (await connected(domain="").check()).external_id == UNIT


async def test_settings_that_name_nothing_say_what_to_do() -> None:
    """Before any network."""
    with pytest.raises(sdk.Rejected, match="set its domain"):
        await connect(Trustpilot, external_id="").check()


async def test_settings_of_another_business_unit_are_refused(unit: Sandbox) -> None:
    """Reviews of one must not come as another's."""
    known = unit.connection()
    connector = connect(
        Trustpilot, unit.transport(), external_id="5aother", grant=known.grant, settings=known.settings,
        app_settings=known.app_settings,
    )  # fmt: skip
    with pytest.raises(sdk.Rejected, match="correct the domain"):
        await connector.check()


async def test_a_domain_that_trustpilot_does_not_know_is_told(connected: Connected) -> None:
    """As gone, which no repeat mends."""
    with pytest.raises(sdk.Rejected) as caught:
        await connected(domain="nowhere.example").check()
    assert caught.value.reason is sdk.Reason.GONE


async def test_the_key_is_in_a_header_and_the_secret_in_none(trustpilot: Trustpilot, asked: list[Exchange]) -> None:
    """The API key names the app; nothing of either is in a URL."""
    await trustpilot.check()

    assert all("sandbox-api-key" not in each.url for each in asked)
    assert "sandbox-client-secret" not in repr(asked)


async def test_the_consent_asks_what_trustpilot_documents() -> None:
    """Neither scopes nor a challenge; the state is ours."""
    app = AppSettings(client_id="key", client_secret=SecretStr("a-secret"))
    connector = connect(Trustpilot, app_settings=app, for_app=True)
    url = (await connector.authorize("a-state", "a-challenge", "https://host.example/back", "")).url

    assert url.startswith("https://authenticate.trustpilot.com?")
    assert parse_qs(urlsplit(url).query) == {
        "client_id": ["key"], "response_type": ["code"], "redirect_uri": ["https://host.example/back"],
        "state": ["a-state"],
    }  # fmt: skip


async def test_a_new_refresh_token_lives_thirty_days_and_an_old_one_no_longer_than_before(
    unit: Sandbox, trustpilot: Trustpilot
) -> None:
    """So that a person is asked before the consent ends, and not after."""
    grant = unit.connection().grant
    assert grant is not None
    unit.clock.pass_(hours=99)
    renewed = await trustpilot.renew(grant)
    assert renewed.refresh_expires_at == unit.clock() + timedelta(days=30)

    unit.keeps_refresh()
    unit.clock.pass_(hours=99)
    kept = await trustpilot.renew(renewed)
    assert kept.refresh_expires_at == renewed.refresh_expires_at
    pasted = kept.model_copy(update={"refresh_expires_at": None})
    assert (await trustpilot.renew(pasted)).refresh_expires_at is None, "how old it is is not known"


async def test_without_a_consent_the_app_speaks_for_itself_only_where_it_may(unit: Sandbox) -> None:
    """A token that was pasted is not replaced by the app's own unasked."""
    known = unit.connection()
    assert isinstance(known.app_settings, AppSettings)
    may = known.app_settings.model_copy(update={"client_credentials": True})
    grant = await connect(Trustpilot, unit.transport(), app_settings=may, now=unit.clock).renew(None)

    assert grant.refresh is None
    assert grant.expires_at == unit.clock() + timedelta(hours=100)
    pasted = sdk.Grant(access=SecretStr("pasted"))
    with pytest.raises(sdk.Reauthorize, match="no refresh token"):
        await connect(Trustpilot, app_settings=known.app_settings).renew(pasted)


async def test_a_consent_that_is_given_back_works_no_more(unit: Sandbox, trustpilot: Trustpilot) -> None:
    """Neither of its tokens; once more is no error."""
    grant = unit.connection().grant
    assert grant is not None
    await trustpilot.revoke(grant)
    await trustpilot.revoke(grant)

    with pytest.raises(sdk.Reauthorize):
        await trustpilot.check()
    with pytest.raises(sdk.Reauthorize):
        await trustpilot.renew(grant)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"fault": {"faultstring": "Refresh Token expired", "detail": {"errorcode": "x.refresh_token_expired"}}},
         sdk.Reauthorize),
        (400, {"fault": {"faultstring": "Invalid Refresh Token", "detail": None}}, sdk.Reauthorize),
        (401, {"fault": {"faultstring": "Invalid ApiKey", "detail": {"errorcode": "oauth.v2.InvalidApiKey"}}},
         sdk.Rejected),
        (400, {"error": "invalid_grant"}, sdk.Reauthorize),
        (429, {}, sdk.RateLimited),
        (502, "<html>", sdk.RetryLater),
    ],
)  # fmt: skip
async def test_a_renewal_that_is_refused_asks_whom_it_concerns(
    status: int, body: object, error: type[Exception]
) -> None:
    """The person for the refresh token, the operator for the key, nobody for a pause or an outage."""
    app = AppSettings(client_id="key", client_secret=SecretStr("a-secret"))
    connector = connect(Trustpilot, lambda _: httpx.Response(status, json=body), app_settings=app)
    with pytest.raises(error):
        await connector.renew(sdk.Grant(access=SecretStr("old"), refresh=SecretStr("refresh")))


@pytest.mark.parametrize("odd", ["../oauth", "a/b", "a?b", ".."])
def test_no_setting_leads_to_another_path(odd: str) -> None:
    """The id of a business unit stands in the path of calls."""
    with pytest.raises(ValueError, match="business_unit_id"):
        AccountSettings(business_unit_id=odd)
