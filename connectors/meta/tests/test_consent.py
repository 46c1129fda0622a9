"""From the code to long-lived tokens and the pages, and the proof of the app."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from chorally_meta.auth import GraphAuth, proof_of
from chorally_meta.consent import Login, Step
from chorally_meta.sandbox import GraphTwin
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import connect

BACK = "https://chorally.example/callback"


async def _consented(twin: GraphTwin, probe_of: Any) -> sdk.Grant:
    probe = probe_of(twin, None)
    asked = await probe.authorize("state-1", "challenge", BACK, "")
    params = twin.consent(asked.url)
    grant: sdk.Grant = await probe.exchange(sdk.Callback(params=params, verifier=SecretStr("v"), redirect_uri=BACK))
    return grant


async def test_a_consent_becomes_a_long_lived_token_and_the_tokens_of_pages(twin: GraphTwin, probe_of: Any) -> None:
    """Sixty days for the person; the pages come over several pages of the listing, each with its own token."""
    twin.page_size(1)
    grant = await _consented(twin, probe_of)
    assert grant.expires_at == twin.clock() + timedelta(seconds=5183944)
    found = await probe_of(twin, grant).accounts()
    assert [(info.external_id, info.grant and info.grant.expires_at) for info in found] == [
        ("100000000000001", None),
        ("100000000000002", None),
    ]


async def test_a_living_token_is_lengthened_and_a_dead_one_asks_a_person(twin: GraphTwin, probe_of: Any) -> None:
    """Almost at its end it is still exchanged; after it, no more."""
    grant = await _consented(twin, probe_of)
    twin.expire()
    renewed = await probe_of(twin, grant).renew(grant)
    assert renewed.expires_at is not None
    assert renewed.expires_at > twin.clock() + timedelta(days=50)
    twin.clock.pass_(days=61)
    for gone in (renewed, None):
        with pytest.raises(sdk.Reauthorize):
            await probe_of(twin, gone).renew(gone)


async def test_a_code_without_its_end_is_refused_and_its_hash_is_dropped(twin: GraphTwin, probe_of: Any) -> None:
    """Meta appends ``#_`` to the URL that it leads back to; a used code makes the person start again."""
    probe = probe_of(twin, None)
    asked = await probe.authorize("s", "c", BACK, "")
    params = twin.consent(asked.url)
    callback = sdk.Callback(params={"code": params["code"] + "#_"}, verifier=SecretStr("v"), redirect_uri=BACK)
    assert (await probe.exchange(callback)).access
    with pytest.raises(sdk.Rejected, match="used"):
        await probe.exchange(callback)
    with pytest.raises(sdk.Rejected, match="no code"):
        await probe.exchange(callback.model_copy(update={"params": {}}))


async def test_another_way_to_log_in_is_data(probe_of: Any) -> None:
    """Instagram exchanges elsewhere, by GET, and renews by another word."""
    asked: list[tuple[str, str, dict[str, str]]] = []

    def platform(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.url.path, dict(request.url.params)))
        return httpx.Response(200, json={"access_token": f"token-{len(asked)}", "expires_in": 60})

    made = probe_of(GraphTwin(), None)

    class Elsewhere(type(made)):  # type: ignore[misc]
        manifest = made.manifest.model_copy(update={"hosts": ("graph.facebook.com", "graph.instagram.com")})

    login = Login(
        name="Instagram", dialog="https://www.instagram.com/oauth/authorize", tokens="/oauth/access_token",
        lengthens=Step("ig_exchange_token", "access_token", "https://graph.instagram.com/access_token", "GET"),
        renews=Step("ig_refresh_token", "access_token", "https://graph.instagram.com/refresh_access_token", "GET"),
        code_grant="authorization_code",
    )  # fmt: skip
    probe = connect(Elsewhere, platform, app_settings=made.app.settings)
    callback = sdk.Callback(params={"code": "x"}, verifier=SecretStr("v"), redirect_uri=BACK)
    grant = await login.renewed(probe, await login.exchanged(probe, callback))
    assert [(method, path) for method, path, _ in asked] == [
        ("POST", "/v25.0/oauth/access_token"),
        ("GET", "/access_token"),
        ("GET", "/refresh_access_token"),
    ]
    assert asked[2][2]["access_token"] == "token-2"
    assert grant.access.get_secret_value() == "token-3"


async def test_an_app_without_an_id_cannot_ask_for_consent(probe_of: Any) -> None:
    """The operator is told."""
    probe = connect(type(probe_of(GraphTwin(), None)))
    with pytest.raises(sdk.Rejected, match="app id"):
        await probe.authorize("s", "c", BACK, "")


def test_the_proof_is_sent_where_the_secret_is_known() -> None:
    """HMAC-SHA256 of the token under the app's secret, in hex."""
    token, secret = SecretStr("token"), SecretStr("secret")
    shown = []
    for known in (secret, SecretStr(""), None):
        request = httpx.Request("GET", "https://graph.facebook.com/v25.0/me")
        next(GraphAuth(token, known).auth_flow(request))
        shown.append((request.headers["authorization"], request.url.params.get("appsecret_proof")))
    assert shown == [("Bearer token", proof_of(token, secret)), ("Bearer token", None), ("Bearer token", None)]
    assert proof_of(token, secret) == "e941110e3d2bfe82621f0e3e1434730d7305d106c5f68c87165d0b27a4611a4a"


@pytest.mark.parametrize("said", [{}, {"scope": "pages_show_list,email"}])
async def test_what_was_granted_stays_granted_where_a_renewal_names_no_scopes(
    probe_of: Any, said: dict[str, str]
) -> None:
    """The manifest says what is asked for; a person may have given less, or more of old."""
    made = probe_of(GraphTwin(), None)
    answer = {"access_token": "longer", "expires_in": 60, **said}
    probe = connect(type(made), lambda _: httpx.Response(200, json=answer), app_settings=made.app.settings)
    for scopes in (frozenset({"email"}), frozenset[str]()):
        renewed = await probe.renew(sdk.Grant(access=SecretStr("living"), scopes=scopes))
        assert renewed.scopes == (frozenset({"pages_show_list", "email"}) if said else scopes)
