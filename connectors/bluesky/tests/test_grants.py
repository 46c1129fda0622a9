"""Sessions and consents: who is asked when, what is proven, and what no request may carry."""

import json
import traceback
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from chorally_bluesky.config import AppSettings
from chorally_bluesky.consent import ISSUER, KEY, metadata
from chorally_bluesky.sandbox import Network
from chorally_bluesky.sandbox.login import CLIENT, PASSWORD
from chorally_bluesky.shapes import Tokens, read
from joserfc import jwt
from joserfc.jwk import ECKey
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk import oauth
from chorally_sdk.testing.recording import Exchange, Recorder

BACK = "https://chorally.example/bluesky/v1/callback"
TYPED = sdk.Grant(access=SecretStr(f"acme.test:{PASSWORD}"))


@pytest.fixture
def said() -> list[Exchange]:
    """Every request, and what came of it."""
    return []


@pytest.fixture
def recorder(network: Network, said: list[Exchange]) -> Recorder:
    """Writes them down."""
    return Recorder(network.transport(), said)


async def consented(network: Network, connector: Any, hint: str = "acme.test", **changes: Any) -> sdk.Grant:
    """Let our account's owner consent, from the hint to the grant."""
    verifier = oauth.new_verifier()
    asked = await connector.authorize("state-1", oauth.challenge_of(verifier), BACK, hint)
    given = {"params": network.consent(asked.url), "verifier": verifier, "redirect_uri": BACK, "keep": asked.keep}
    return await connector.exchange(sdk.Callback.model_validate({**given, **changes}))  # type: ignore[no-any-return]


class TestSessions:
    """With an app password."""

    async def test_a_password_is_never_sent_as_a_token(self, connects: Any, recorder: Recorder, said: Any) -> None:
        """No call is made before a session is open."""
        with pytest.raises(sdk.Reauthorize, match="session"):
            await connects(platform=recorder, grant=TYPED).check()
        assert said == []

    async def test_a_session_is_opened_where_the_account_lives(
        self, connects: Any, recorder: Recorder, said: list[Exchange]
    ) -> None:
        """Found by its handle; the password goes into one body and no URL."""
        grant = await connects(platform=recorder, grant=TYPED).renew(TYPED)

        assert grant.base_url == "https://bsky.social"
        assert grant.expires_at is not None
        assert [urlsplit(each.url).path.rpartition(".")[2] for each in said[::2]] == ["resolveHandle", "createSession"]
        assert [PASSWORD.encode() in each.body for each in said] == [False, False, True]
        assert not [each.url for each in said if PASSWORD in each.url]

    async def test_a_refused_refresh_token_falls_back_on_the_password(self, network: Network, connects: Any) -> None:
        """A session that was ended elsewhere is opened anew; without the password a person is asked."""
        grant = await connects(grant=TYPED).renew(TYPED)
        network.revoke()
        renewed = await connects(grant=grant).renew(grant)
        assert (await connects(grant=renewed).check()).external_id == network.did
        network.revoke()
        bare = renewed.model_copy(update={"keep": {}})
        with pytest.raises(sdk.Reauthorize):
            await connects(grant=bare).renew(bare)

    @pytest.mark.parametrize("typed", ["nobody.test:x-y", "acme.test:wrong", "acme.test:", ":x", "acme:x"])
    async def test_what_is_typed_wrongly_asks_a_person(self, connects: Any, typed: str) -> None:
        """Whether it is the handle or the password."""
        grant = sdk.Grant(access=SecretStr(typed))
        with pytest.raises(sdk.Reauthorize):
            await connects(grant=grant).renew(grant)

    async def test_nothing_typed_asks_for_it(self, connects: Any) -> None:
        """And says in which form."""
        with pytest.raises(sdk.Reauthorize, match="xxxx"):
            await connects().renew(None)

    async def test_an_ended_session_opens_nothing(self, network: Network, connects: Any) -> None:
        """Ending it twice is ending it; what was only typed has none."""
        for _ in range(2):
            await connects().revoke(network.grant)
        with pytest.raises(sdk.Reauthorize):
            await connects().check()
        await connects(grant=TYPED).revoke(TYPED)

    async def test_an_account_that_is_not_active_is_told(self, network: Network, connects: Any) -> None:
        """It can be connected, and can do nothing."""
        network.is_active = False
        with pytest.raises(sdk.Rejected, match="deactivated") as refusal:
            await connects().check()
        assert refusal.value.reason is sdk.Reason.PERMISSION


class TestConsents:
    """By OAuth."""

    @pytest.mark.parametrize("hint", ["acme.test", "@Acme.test", "https://bsky.social", ""])
    async def test_a_person_is_found_by_what_they_type(self, network: Network, connects: Any, hint: str) -> None:
        """The grant is bound to a key, and knows where the account lives."""
        grant = await consented(network, connects(), hint)
        assert grant.base_url == "https://bsky.social"
        assert (await connects(grant=grant).check()).external_id == network.did

    async def test_nothing_but_the_name_of_the_request_goes_through_the_browser(self, connects: Any) -> None:
        """State, challenge and scopes were pushed."""
        asked = await connects().authorize("state-1", "c" * 43, BACK, "acme.test")
        assert parse_qs(urlsplit(asked.url).query).keys() == {"client_id", "request_uri"}

    async def test_every_call_is_proven_and_a_nonce_costs_one_repeat(
        self, network: Network, connects: Any, recorder: Recorder, said: list[Exchange]
    ) -> None:
        """The second call carries the nonce from the start."""
        grant = await consented(network, connects())
        bluesky = connects(platform=recorder, grant=grant)
        await bluesky.check()
        await bluesky.check()
        assert [each.status for each in said] == [401, 200, 200]
        assert all(dict(each.headers)["authorization"].startswith("DPoP ") for each in said)

    async def test_a_streamed_picture_goes_up_although_the_server_wants_a_nonce(
        self, network: Network, connects: Any, a_post: Any, prepared: Any
    ) -> None:
        """Its body cannot be sent twice: the nonce is known before."""
        grant = await consented(network, connects())

        async def media(_: sdk.Attachment) -> Any:
            yield b"picture"

        bluesky = connects(grant=grant, media=media)
        attachment = sdk.Attachment(kind="image", media_type="image/png")
        receipt = await bluesky.publish(await prepared(bluesky, a_post("News", attachments=(attachment,))))
        assert receipt.external_id in {made.external_id for made in network.made()}
        assert network.seen_files() == [b"picture"]

    async def test_a_bound_grant_is_renewed_and_given_back(self, network: Network, connects: Any) -> None:
        """Its key stays; the old refresh token is spent."""
        grant = await consented(network, connects())
        renewed = await connects(grant=grant).renew(grant)
        assert renewed.keep == grant.keep
        with pytest.raises(sdk.Reauthorize):
            await connects(grant=grant).renew(grant)
        for _ in range(2):
            await connects(grant=renewed).revoke(renewed)
        with pytest.raises(sdk.Reauthorize):
            await connects(grant=renewed).check()

    async def test_another_key_proves_nothing(self, network: Network, connects: Any) -> None:
        """Who has the token has not the key."""
        grant = await consented(network, connects())
        other = grant.model_copy(update={"keep": {**grant.keep, KEY: sdk.DPoP.new_key()}})
        with pytest.raises(sdk.Reauthorize):
            await connects(grant=other).check()

    async def test_a_consent_of_another_account_connects_nothing(self, network: Network, connects: Any) -> None:
        """Ada was asked; the person on the page was acme."""
        network.world.account("ada")
        with pytest.raises(sdk.Rejected, match="another account"):
            await consented(network, connects(), "ada.test")

    async def test_a_server_gives_no_tokens_for_accounts_of_others(self, network: Network, connects: Any) -> None:
        """The account that the token speaks for lives where another server authorises."""
        inner = network.transport()

        class Elsewhere(httpx.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                if request.url.host == "plc.directory":
                    pds = {"id": "#atproto_pds", "serviceEndpoint": "https://other.example"}
                    did = request.url.path.strip("/")
                    return httpx.Response(200, json={"id": did, "alsoKnownAs": ["at://acme.test"], "service": [pds]})
                if request.url.host == "other.example":
                    told = {"authorization_servers": ["https://bsky.social"], "issuer": "https://other.example"}
                    if "resource" in request.url.path:
                        return httpx.Response(200, json={"authorization_servers": ["https://other.example"]})
                    names = ("authorization", "token", "pushed_authorization_request")
                    return httpx.Response(200, json={**told, **{f"{n}_endpoint": "https://x.example" for n in names}})
                return await inner.handle_async_request(request)

        with pytest.raises(sdk.Rejected, match="lives elsewhere"):
            await consented(network, connects(platform=Elsewhere()), "")

    async def test_scopes_that_were_not_granted_are_named(self, network: Network, connects: Any) -> None:
        """Without them nothing works."""
        network.oauth.withheld = {"transition:generic"}
        with pytest.raises(sdk.Rejected, match="transition:generic") as refusal:
            await consented(network, connects())
        assert refusal.value.reason is sdk.Reason.PERMISSION

    async def test_a_code_from_another_server_is_not_taken_there(self, network: Network, connects: Any) -> None:
        """The call-back says whose it is."""
        with pytest.raises(sdk.Rejected, match="another server"):
            await consented(network, connects(), params={"code": "c", "iss": "https://evil.example"})

    async def test_a_confidential_client_proves_itself(
        self, network: Network, connects: Any, recorder: Recorder, said: list[Exchange]
    ) -> None:
        """By an assertion to the server it asks, with a key that its metadata publish."""
        key = ECKey.generate_key("P-256", {"kid": "key-1"})
        app = AppSettings(client_id=CLIENT, client_key=SecretStr(json.dumps(key.as_dict(private=True))))
        await consented(network, connects(platform=recorder, app_settings=app))
        forms = [dict(parse_qsl(each.body.decode())) for each in said if each.method == "POST" and each.status < 300]
        published = metadata(app, BACK, name="Chorally", scopes=("atproto",))["jwks"]["keys"]
        assert [form["client_assertion_type"].rpartition(":")[2] for form in forms] == ["jwt-bearer", "jwt-bearer"]
        claims = [jwt.decode(f["client_assertion"], ECKey.import_key(published[0])).claims for f in forms]
        assert {(each["iss"], each["sub"], each["aud"]) for each in claims} == {(CLIENT, CLIENT, "https://bsky.social")}
        assert claims[0]["jti"] != claims[1]["jti"]
        assert "d" not in published[0]

    async def test_an_app_without_a_client_id_says_so(self, connects: Any) -> None:
        """Before anything is asked; so does a key that is none."""
        with pytest.raises(sdk.Rejected, match="client id"):
            await connects(app_settings=AppSettings()).authorize("s", "c", BACK, "acme.test")
        odd = AppSettings(client_id=CLIENT, client_key=SecretStr('{"kty": "EC"}'))
        with pytest.raises(sdk.Rejected, match="client key"):
            await connects(app_settings=odd).authorize("s", "c", BACK, "acme.test")

    async def test_a_server_without_a_description_of_its_own_is_an_entryway(
        self, network: Network, connects: Any
    ) -> None:
        """It authorises for itself."""
        inner = network.transport()

        class Entryway(httpx.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                if request.url.path.endswith("protected-resource"):
                    return httpx.Response(404)
                return await inner.handle_async_request(request)

        asked = await connects(platform=Entryway()).authorize("s", "c", BACK, "https://bsky.social")
        assert asked.keep[ISSUER].get_secret_value() == "https://bsky.social"


class TestIdentity:
    """Who is who, from both sides."""

    @pytest.mark.parametrize(
        ("document", "why"),
        [
            ({"id": "did:plc:" + "b" * 24}, "another account"),
            ({"alsoKnownAs": ["at://other.test"]}, "whose own document names other.test"),
            ({"alsoKnownAs": []}, "no handle"),
            ({"service": []}, "no server"),
            ({"service": [{"id": "#atproto_labeler", "serviceEndpoint": "https://x.example"}]}, "no server"),
        ],
    )
    async def test_a_document_that_does_not_agree_is_refused(
        self, network: Network, connects: Any, document: dict[str, Any], why: str
    ) -> None:
        """A handle is believed only where the account names it too."""
        pds = [{"id": "#atproto_pds", "serviceEndpoint": "https://pds.example"}]
        whole = {"id": network.did, "alsoKnownAs": ["at://acme.test"], "service": pds, **document}

        def platform(request: httpx.Request) -> httpx.Response:
            is_directory = request.url.host == "plc.directory"
            return httpx.Response(200, json=whole if is_directory else {"did": network.did})

        with pytest.raises(sdk.Rejected, match=why):
            await connects(platform=platform).authorize("s", "c", BACK, "acme.test")

    @pytest.mark.parametrize("server", ["http://pds.example", "http://127.0.0.1:1", "ftp://pds.example"])
    async def test_a_server_without_tls_is_not_called(self, network: Network, connects: Any, server: str) -> None:
        """Whatever the document says: the password would go in clear."""
        pds = [{"id": "#atproto_pds", "serviceEndpoint": server}]

        def platform(request: httpx.Request) -> httpx.Response:
            assert request.url.host in {"plc.directory", "bsky.social"}
            whole = {"id": network.did, "alsoKnownAs": ["at://acme.test"], "service": pds}
            return httpx.Response(200, json=whole if request.url.host == "plc.directory" else {"did": network.did})

        with pytest.raises(sdk.Rejected, match="https"):
            await connects(platform=platform, grant=TYPED).renew(TYPED)

    async def test_an_account_of_a_domain_is_asked_there(self, connects: Any) -> None:
        """Of a did:web, at the well-known place."""
        seen: list[str] = []

        def platform(request: httpx.Request) -> httpx.Response:
            seen.append(str(request.url))
            return httpx.Response(404)

        with pytest.raises(sdk.Rejected):
            await connects(platform=platform).authorize("s", "c", BACK, "did:web:shop.example")
        assert seen == ["https://shop.example/.well-known/did.json"]

    @pytest.mark.parametrize("odd", ["shop.example%2Fx%3F", "ada%40shop.example", "shop.example:eve", ""])
    async def test_a_domain_leads_to_no_other_path(self, connects: Any, odd: str) -> None:
        """The AT Protocol knows host names only; nothing is asked."""

        def platform(request: httpx.Request) -> httpx.Response:
            raise AssertionError(f"asked {request.url}")

        with pytest.raises(sdk.Rejected, match="check it"):
            await connects(platform=platform).authorize("s", "c", BACK, f"did:web:{odd}")


def test_what_holds_tokens_shows_them_nowhere() -> None:
    """Neither the error, nor what caused it, nor what is kept with it."""
    token = "-".join(("secret", "token"))  # the traceback shows these lines
    with pytest.raises(sdk.Malformed) as caught:
        read(Tokens, json.dumps({"did": "did:plc:a", "accessJwt": token}).encode(), "the answer to a sign-in")

    assert token not in "".join(traceback.format_exception(caught.value))
    assert caught.value.payload == b""
