"""Consents at a real server of the AT Protocol: pushed requests, PKCE, and tokens bound to a key with its nonces."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from chorally_bluesky import Bluesky
from chorally_bluesky.config import AppSettings
from chorally_bluesky.consent import ISSUER, KEY
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk import oauth
from tests.real.bluesky_network import Network, a_picture, consented, network, prepared

pytestmark = pytest.mark.real
net = pytest.fixture(network)

BACK = "http://127.0.0.1:9999/bluesky/v1/callback"
LOOPBACK = "http://localhost?" + urlencode({"redirect_uri": BACK, "scope": " ".join(Bluesky.manifest.scopes)})
"""The client id of programs on the own machine, which publish no metadata ("OAuth", atproto.com)."""


@pytest.fixture
def app() -> AppSettings:
    """A public client."""
    return AppSettings(client_id=LOOPBACK, appview="")


async def granted(net: Network, app: AppSettings, hint: str) -> sdk.Grant:
    """Let alice consent, from the hint to the grant."""
    verifier = oauth.new_verifier()
    consent = await net.connect(app=app).authorize("state-1", oauth.challenge_of(verifier), BACK, hint)
    params = await consented(consent.url, net.alice)
    assert params["state"] == "state-1"
    callback = sdk.Callback(params=params, verifier=verifier, redirect_uri=BACK, keep=consent.keep)
    return await net.connect(app=app).exchange(callback)


@pytest.mark.parametrize("by", ["handle", "did", "server", "nothing"])
async def test_a_person_consents_and_the_grant_opens_the_account(net: Network, app: AppSettings, by: str) -> None:
    """Whatever she is found by: her handle, her DID, her server, or the server that is asked anyway."""
    hint = {"handle": f"@{net.alice.handle}", "did": net.alice.did, "server": net.url, "nothing": ""}[by]
    grant = await granted(net, app, hint)
    assert grant.base_url == net.url
    assert grant.scopes == set(Bluesky.manifest.scopes)
    assert grant.expires_at is not None
    assert grant.expires_at > datetime.now(UTC)
    assert (await net.connect(grant, app=app).check()).external_id == net.alice.did


async def test_a_bound_grant_reads_answers_and_uploads(net: Network, app: AppSettings) -> None:
    """Each call is proven with the server's nonce, also one whose body is streamed and cannot be sent twice."""
    grant = await granted(net, app, net.alice.handle)
    picture = a_picture()

    async def media(_: sdk.Attachment) -> AsyncIterator[bytes]:
        yield picture

    connector = net.connect(grant, app=app, media=media)
    given = {"id": "1", "client_ref": f"oauth {datetime.now(UTC)}", "channel": "bluesky_post", "body": "By consent"}
    attachment = sdk.Attachment(kind="image", media_type="image/png")
    ready = await prepared(connector, sdk.Publication.model_validate({**given, "attachments": (attachment,)}))
    with sdk.visible_call():
        receipt = await connector.publish(ready)
    await net.bob.sees(receipt.external_id or "")
    assert await net.events("notifications", grant) is not None
    with sdk.visible_call():
        assert await net.connect(grant, app=app).publish(ready) == receipt


async def test_a_bound_grant_is_renewed_and_its_refresh_token_is_spent(net: Network, app: AppSettings) -> None:
    """The new pair opens the account, under the same key; the old refresh token asks a person."""
    grant = await granted(net, app, net.alice.handle)
    renewed = await net.connect(grant, app=app).renew(grant)
    assert renewed.refresh != grant.refresh
    assert (renewed.keep[KEY], renewed.base_url, renewed.scopes) == (grant.keep[KEY], grant.base_url, grant.scopes)
    assert (await net.connect(renewed, app=app).check()).external_id == net.alice.did
    with pytest.raises(sdk.Reauthorize):
        await net.connect(grant, app=app).renew(grant)


async def test_a_grant_that_is_given_back_opens_nothing(net: Network, app: AppSettings) -> None:
    """Of a consent and of a session; giving it back again is no error."""
    bound, session = await granted(net, app, net.alice.handle), await net.session()
    for grant in (bound, session.model_copy(update={"keep": {}})):
        connector = net.connect(grant, app=app)
        for _ in range(2):
            await connector.revoke(grant)
        with pytest.raises(sdk.Reauthorize):
            await net.connect(grant, app=app).renew(grant)


async def test_a_token_without_its_key_is_worth_nothing(net: Network, app: AppSettings) -> None:
    """Neither as a bearer's nor with the proof of another key."""
    grant = await granted(net, app, net.alice.handle)
    for keep in ({}, {**grant.keep, KEY: sdk.DPoP.new_key()}):
        with pytest.raises(sdk.Reauthorize):
            await net.connect(grant.model_copy(update={"keep": keep}), app=app).check()


async def test_a_code_is_good_once_and_only_from_its_server(net: Network, app: AppSettings) -> None:
    """A second use, another verifier, another issuer: the person starts again."""
    verifier = oauth.new_verifier()
    connector = net.connect(app=app)
    consent = await connector.authorize("s", oauth.challenge_of(verifier), BACK, net.alice.handle)
    params = await consented(consent.url, net.alice)
    good = sdk.Callback(params=params, verifier=verifier, redirect_uri=BACK, keep=consent.keep)
    with pytest.raises(sdk.Rejected, match="another server"):
        await connector.exchange(good.model_copy(update={"params": {**params, "iss": "https://evil.example"}}))
    await connector.exchange(good)
    with pytest.raises(sdk.Rejected, match="start again"):
        await connector.exchange(good)


async def test_another_account_than_was_asked_is_refused(net: Network, app: AppSettings) -> None:
    """Alice was asked; bob's consent connects nothing."""
    verifier = oauth.new_verifier()
    consent = await net.connect(app=app).authorize("s", oauth.challenge_of(verifier), BACK, net.alice.handle)
    keep = {**consent.keep, "sub": SecretStr(net.bob.did)}
    params = await consented(consent.url, net.alice)
    callback = sdk.Callback(params=params, verifier=verifier, redirect_uri=BACK, keep=keep)
    with pytest.raises(sdk.Rejected, match="another account"):
        await net.connect(app=app).exchange(callback)


async def test_who_cannot_be_found_is_told(net: Network, app: AppSettings) -> None:
    """No such handle, no handle at all, no such server."""
    for hint in ("nobody.test", "no handle", "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"):
        with pytest.raises(sdk.Rejected):
            await net.connect(app=app).authorize("s", "c", BACK, hint)
    with pytest.raises(sdk.Rejected, match="https"):
        await net.connect(app=app).authorize("s", "c", BACK, "http://127.0.0.1:9")
    consent = await net.connect(app=app).authorize("s", "c" * 43, BACK, net.alice.handle)
    assert consent.keep[ISSUER].get_secret_value() == net.url
