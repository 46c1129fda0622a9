"""The OAuth client of connectors: what is asked, what comes of the answers, and that no error tells a secret."""

import json
from collections.abc import Generator, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import RSAKey
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk import oauth
from chorally_sdk.oauth.answers import life_of, scopes_of
from chorally_sdk.testing import connect
from chorally_sdk.testing.host import NOW
from tests.sdk.oauth.server import CLIENT, SECRET, TokenServer, refused

BACK = "https://chorally.example/plain/v1/callback"


class Plain(sdk.Connector, sdk.Authorizes):
    """A connector as its author would write it."""

    manifest = sdk.Manifest(
        platform="plain", base_url="https://plain.example", hosts=("plain.example",), scopes=("read", "write"),
        channels=(sdk.Channel(name="plain"),),
    )  # fmt: skip

    def oauth(self, **options: Any) -> oauth.Client:
        """Return the app as a client."""
        return oauth.Client(
            self,
            CLIENT,
            SecretStr(SECRET),
            token_url="/token",
            authorize_url="https://plain.example/consent",
            **options,
        )

    async def check(self) -> sdk.AccountInfo:
        """Not asked here."""
        raise NotImplementedError

    async def authorize(self, state: str, challenge: str, redirect_uri: str, hint: str) -> sdk.Consent:
        """Give the page of consent."""
        return self.oauth().consent(state, challenge, redirect_uri, access_type="offline")

    async def exchange(self, callback: sdk.Callback) -> sdk.Grant:
        """Turn the code into a grant."""
        return await self.oauth().exchange(callback)

    async def renew(self, grant: sdk.Grant | None) -> sdk.Grant:
        """Use the refresh token."""
        return await self.oauth().refresh(grant)


@pytest.fixture
def server() -> TokenServer:
    """A platform that issues tokens."""
    return TokenServer()


@pytest.fixture
def plain(server: TokenServer) -> Plain:
    """A connector for it."""
    return connect(Plain, server.transport())


def a_callback(verifier: SecretStr, **params: str) -> sdk.Callback:
    """Return what comes back from the page of consent."""
    return sdk.Callback(params={"code": "code-1-canary", **params}, verifier=verifier, redirect_uri=BACK, keep={})


def a_grant(refresh: str | None = "refresh-0-canary") -> sdk.Grant:
    """Return a grant that can be renewed."""
    return sdk.Grant(
        access=SecretStr("access-0-canary"), refresh=SecretStr(refresh) if refresh else None,
        scopes=frozenset({"read"}), base_url="https://eu.plain.example", keep={"key": SecretStr("kept")},
    )  # fmt: skip


async def test_a_person_consents_and_the_code_becomes_a_grant(plain: Plain, server: TokenServer) -> None:
    """The page bears state and challenge; the code is exchanged with the verifier, and the grant has an end."""
    verifier = oauth.new_verifier()
    consent = await plain.authorize("state-1", oauth.challenge_of(verifier), BACK, "")
    asked = {name: value[0] for name, value in parse_qs(urlsplit(consent.url).query).items()}
    assert asked == {
        "response_type": "code", "client_id": CLIENT, "redirect_uri": BACK, "scope": "read write", "state": "state-1",
        "code_challenge": create_s256_code_challenge(verifier.get_secret_value()), "code_challenge_method": "S256",
        "access_type": "offline",
    }  # fmt: skip
    server.codes["code-1-canary"] = asked["code_challenge"]
    grant = await plain.exchange(a_callback(verifier))
    assert grant.access.get_secret_value() == "access-1-canary"
    assert grant.expires_at == NOW + timedelta(seconds=3600)
    assert grant.scopes == {"read", "write"}
    assert server.asked[-1]["redirect_uri"] == BACK


async def test_a_code_works_once_and_only_with_its_verifier(plain: Plain, server: TokenServer) -> None:
    """Whoever has only the code gets nothing; the person is told to start again."""
    verifier = oauth.new_verifier()
    server.codes["code-1-canary"] = oauth.challenge_of(verifier)
    with pytest.raises(sdk.Rejected, match="start again"):
        await plain.exchange(a_callback(oauth.new_verifier()))
    with pytest.raises(sdk.Rejected, match="start again"):
        await plain.exchange(a_callback(verifier))


async def test_a_call_back_without_code_or_of_another_server_asks_nobody(plain: Plain, server: TokenServer) -> None:
    """Nothing is sent to the token endpoint."""
    verifier = oauth.new_verifier()
    with pytest.raises(sdk.Rejected, match="no code"):
        await plain.exchange(sdk.Callback(params={}, verifier=verifier, redirect_uri=BACK))
    with pytest.raises(sdk.Rejected, match="another server"):
        await plain.oauth(issuer="https://plain.example").exchange(a_callback(verifier, iss="https://evil.example"))
    assert server.asked == []


async def test_a_token_is_asked_for_with_a_proof_and_what_belongs_to_it_is_kept(
    plain: Plain, server: TokenServer
) -> None:
    """A key's proof goes with the request; whom the token speaks for comes with it, and stays after a renewal."""

    class Proof(httpx.Auth):
        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            """Prove."""
            proofs.append(request.headers["Content-Type"])
            yield request

    proofs: list[str] = []
    server.extra |= {"sub": "did:plc:ada", "odd": 1}
    server.refreshable.add("refresh-0-canary")
    renewed = await plain.oauth(auth=Proof(), keeps=("sub", "odd", "absent")).refresh(a_grant())
    assert len(proofs) == 1
    kept = {name: secret.get_secret_value() for name, secret in renewed.keep.items()}
    assert kept == {"key": "kept", "sub": "did:plc:ada"}


async def test_a_rotated_refresh_token_takes_the_place_of_the_old_one(plain: Plain, server: TokenServer) -> None:
    """What the answer leaves out stays: the place, the keys."""
    server.refreshable.add("refresh-0-canary")
    renewed = await plain.renew(a_grant())
    assert renewed.refresh is not None
    assert renewed.refresh.get_secret_value() == "refresh-1-canary"
    assert (renewed.base_url, dict(renewed.keep)) == ("https://eu.plain.example", {"key": SecretStr("kept")})


async def test_a_refresh_token_that_is_not_rotated_stays(plain: Plain, server: TokenServer) -> None:
    """An answer without a refresh token means the old one goes on."""
    server.next.append(httpx.Response(200, json={"access_token": "access-9"}))
    renewed = await plain.renew(a_grant())
    assert renewed.refresh == SecretStr("refresh-0-canary")
    assert renewed.expires_at is None


@pytest.mark.parametrize("proves", ["client_secret_basic", "client_secret_post"])
async def test_the_client_proves_itself_either_way(plain: Plain, server: TokenServer, proves: Any) -> None:
    """In the header or in the body."""
    assert (await plain.oauth(proves=proves).credentials()).access.get_secret_value() == "access-1-canary"
    assert ("client_secret" in server.asked[0]) is (proves == "client_secret_post")
    assert server.asked[0]["scope"] == "read write"


async def test_a_public_client_sends_its_id_only(server: TokenServer) -> None:
    """Without a secret nothing pretends to be one."""
    client = oauth.Client(connect(Plain, server.transport()), CLIENT, token_url="/token")
    await client.credentials()
    assert "client_secret" not in server.asked[0]
    assert server.asked[0]["client_id"] == CLIENT


async def test_a_signed_assertion_is_a_grant_too(plain: Plain, server: TokenServer) -> None:
    """The assertion says who signs, for whom, to whom, and holds for minutes."""
    key = RSAKey.generate_key(2048)
    await plain.oauth(proves="none").assertion(
        SecretStr(key.as_pem(private=True).decode()),
        issuer="robot",
        audience="https://plain.example/token",
        subject="ada",
    )
    claims = jwt.decode(server.asked[0]["assertion"], key, algorithms=["RS256"]).claims
    assert (claims["iss"], claims["aud"], claims["sub"]) == ("robot", "https://plain.example/token", "ada")
    assert claims["iat"] == NOW.timestamp()
    assert claims["exp"] - claims["iat"] == 300
    assert server.asked[0]["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"


@pytest.mark.parametrize(("key", "algorithm"), [("no key canary", "RS256"), ("no key canary", "none")])
async def test_a_key_that_cannot_sign_is_the_operators_affair(plain: Plain, key: str, algorithm: str) -> None:
    """Nothing is sent, and the key is not told."""
    with pytest.raises(sdk.Rejected) as error:
        await plain.oauth().assertion(SecretStr(key), issuer="robot", audience="x", algorithm=algorithm)
    assert "canary" not in str(error.value)


async def test_a_chain_carries_on_what_each_step_leaves_out(plain: Plain, server: TokenServer) -> None:
    """Short-lived to long-lived, by GET as some platforms want it."""
    server.next.append(httpx.Response(200, json={"access_token": "long", "expires_in": 5183944}))
    long = await plain.oauth().step(
        "xx_exchange", {"xx_token": "short-lived"}, before=a_grant(None), method="GET", token_url="/exchange"
    )
    assert (long.access.get_secret_value(), long.base_url) == ("long", "https://eu.plain.example")
    assert server.asked[0] == {
        "method": "GET", "path": "/exchange", "grant_type": "xx_exchange", "xx_token": "short-lived",
        "client_id": CLIENT, "client_secret": SECRET,
    }  # fmt: skip


LOST = httpx.ReadTimeout("lost")


@pytest.mark.parametrize(
    ("answer", "error", "wait"),
    [
        (refused("invalid_grant"), sdk.Reauthorize, None),
        (refused("interaction_required"), sdk.Reauthorize, None),
        (refused("token_revoked", 200), sdk.Reauthorize, None),
        (refused("invalid_client", 401), sdk.Rejected, None),
        (refused("unauthorized_client"), sdk.Rejected, None),
        (refused("invalid_scope"), sdk.Rejected, None),
        (refused("something else"), sdk.Rejected, None),
        (httpx.Response(401, text="no"), sdk.Rejected, None),
        (httpx.Response(403, text="<html>"), sdk.Rejected, None),
        (refused("temporarily_unavailable"), sdk.RetryLater, None),
        (refused("invalid_grant", 503, **{"Retry-After": "90"}), sdk.RetryLater, 90),
        (httpx.Response(500, text="oops"), sdk.RetryLater, None),
        (httpx.Response(429, headers={"Retry-After": "7"}), sdk.RateLimited, 7),
        (refused("slow_down"), sdk.RateLimited, None),
        (LOST, sdk.RetryLater, None),
        (httpx.ConnectError("refused"), sdk.RetryLater, None),
        (httpx.Response(200, json={"token": "no access token canary"}), sdk.Malformed, None),
        (httpx.Response(200, json={"access_token": ["canary"]}), sdk.Malformed, None),
        (httpx.Response(200, text="canary"), sdk.Malformed, None),
        (httpx.Response(200, json=["canary"]), sdk.Malformed, None),
    ],
)
async def test_refused_unreachable_throttled_and_wrongly_set_up_are_told_apart(
    plain: Plain, server: TokenServer, answer: Any, error: type[sdk.ConnectorError], wait: float | None
) -> None:
    """Only a refusal of the grant asks a person; a wait is the platform's."""
    server.next = [answer]
    with pytest.raises(error) as raised:
        await plain.oauth(refused=("token_revoked",)).refresh(a_grant())
    assert type(raised.value) is error
    if isinstance(raised.value, sdk.RetryLater):
        assert raised.value.wait == (timedelta(seconds=wait) if wait else None)
    assert len(server.asked) == 1
    assert "canary" not in str(raised.value)
    if isinstance(raised.value, sdk.Malformed):
        assert raised.value.payload == b""


async def test_what_a_platform_repeats_of_our_secrets_is_hidden(plain: Plain, server: TokenServer) -> None:
    """The refresh token and the client's secret stay out of the message; the rest of it is told."""
    server.next = [refused("invalid_grant", description=f"token refresh-0-canary of {SECRET} is unknown")]
    with pytest.raises(sdk.Reauthorize, match=r"token \*\*\* of \*\*\* is unknown"):
        await plain.renew(a_grant())


async def test_a_grant_without_refresh_token_cannot_be_renewed(plain: Plain, server: TokenServer) -> None:
    """Nothing is asked."""
    for grant in (None, a_grant(None)):
        with pytest.raises(sdk.Reauthorize):
            await plain.renew(grant)
    assert server.asked == []


async def test_errors_of_a_platforms_own_shape_go_to_its_own_table(plain: Plain, server: TokenServer) -> None:
    """What is not OAuth's is classified by the connector, without the secrets that it repeats."""

    def fault(answer: httpx.Response) -> sdk.ConnectorError | None:
        told = json.loads(answer.content)["error"]
        return sdk.Reauthorize(told["message"]) if told["code"] == 190 else None

    client = plain.oauth(fault=fault)
    server.next = [
        httpx.Response(400, json={"error": {"code": 190, "message": "refresh-0-canary expired"}}),
        httpx.Response(400, json={"error": {"code": 1, "message": "?"}}),
    ]
    with pytest.raises(sdk.Reauthorize, match=r"^\*\*\* expired$"):
        await client.refresh(a_grant())
    with pytest.raises(sdk.Rejected):
        await client.refresh(a_grant())


async def test_an_answer_written_as_a_form_is_read(plain: Plain, server: TokenServer) -> None:
    """Some platforms still write forms; numbers are then texts."""
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    server.next = [httpx.Response(200, text="access_token=abc&expires_in=360000&scope=a%2Cb", headers=kind)]
    grant = await plain.oauth().credentials()
    assert (grant.access.get_secret_value(), sorted(grant.scopes)) == ("abc", ["a", "b"])
    assert grant.expires_at == NOW + timedelta(hours=100)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (3600, 3600), ("360000", 360000), (59.5, 59.5), ("", None), (None, None), (0, None), (-5, None), (True, None),
        ("soon", None), ("nan", None), (float("inf"), None), (10**400, None), (1e300, 3650 * 86400), ([], None),
    ],
)  # fmt: skip
def test_a_tokens_life_is_read_from_whatever_platforms_write(value: Any, seconds: float | None) -> None:
    """Numbers and texts of numbers; nonsense means that it is not known."""
    assert life_of(value) == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("value", "scopes"),
    [
        ("a b", "ab"),
        ("a,b", "ab"),
        ("a, b", "ab"),
        (["a", "b"], "ab"),
        (["a", 7, ""], "a"),
        ("", ""),
        (None, ""),
        (7, ""),
    ],
)
def test_scopes_are_read_from_texts_and_lists(value: Any, scopes: Sequence[str]) -> None:
    """With spaces, with commas, or as a list."""
    assert scopes_of(value) == set(scopes)
