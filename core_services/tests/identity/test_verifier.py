"""Access tokens: which prove somebody, and which do not."""

import asyncio
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chorally_core.adapters.identity import ClaimPaths, Issuer, Keyring, ServiceTokens, TokenIdentity, Verifier
from chorally_core.adapters.identity.keys import usable
from chorally_core.ports.identity import Caller, Unauthenticated
from chorally_core.ports.permissions import Permission, permissions_of
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey

ISSUER = "https://chorally.example"
AUDIENCE = "chorally"

Forge = Callable[..., str]
GONE = object()


@pytest.fixture
def verifier(keyring: Keyring, clock: Any) -> Verifier:
    """Return a verifier of the built-in issuer's tokens, which disables nobody."""
    return Verifier(keyring, issuer=ISSUER, audience=AUDIENCE, clock=clock)


@pytest.fixture
def forge(keyring: Keyring, clock: Any) -> Forge:
    """Return what signs a token with some claims or header fields changed, or ``GONE``."""

    def forged(*, key: Any = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        now = int(clock().timestamp())
        right = {"iss": ISSUER, "aud": AUDIENCE, "sub": "u1", "tenant": "acme", "roles": ["agent"], "exp": now + 60}
        body = {name: value for name, value in {**right, **claims}.items() if value is not GONE}
        head = {"alg": "RS256", "kid": str(keyring.signing.kid), "typ": "at+jwt", **(header or {})}
        head = {name: value for name, value in head.items() if value is not GONE}
        return jwt.encode(head, body, key or keyring.signing, algorithms=[head["alg"]], default_type=None)

    return forged


def _issued(issuer: Issuer, **changes: Any) -> str:
    said = {"subject": "u1", "tenant": "acme", "name": "Ada", "roles": ("agent",), "generation": 1, **changes}
    return issuer.issue(**said).access_token


def _unsigned(token: str, **header: Any) -> str:
    """The token's claims under another header, with the signature left out."""
    return f"{_encoded(json.dumps(header).encode())}.{token.split('.')[1]}."


def _encoded(part: bytes) -> str:
    return urlsafe_b64encode(part).rstrip(b"=").decode()


async def _refused(verifier: Verifier, token: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        await verifier.verify(token)
    return refused.value.reason


async def test_a_token_of_the_built_in_issuer_proves_the_user(issuer: Issuer, verifier: Verifier) -> None:
    """Tenant, user, roles and what they allow come out as they were put in."""
    assert await verifier.verify(_issued(issuer)) == Caller(
        tenant="acme",
        subject="u1",
        kind="user",
        name="Ada",
        roles=("agent",),
        permissions=permissions_of(["agent"]),
        token_id="id1",
    )


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": 0}, "has expired"),
        ({"exp": GONE}, "does not say exp"),
        ({"exp": "tomorrow"}, "exp is malformed"),
        ({"exp": True}, "exp is malformed"),
        ({"nbf": 4_000_000_000}, "not valid yet"),
        ({"iat": 4_000_000_000}, "from the future"),
        ({"aud": "somebody-else"}, "another audience"),
        ({"aud": ["a", "b"]}, "another audience"),
        ({"aud": GONE}, "does not say aud"),
        ({"aud": {"chorally": 1}}, "another audience"),
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"iss": [ISSUER]}, "another issuer"),
        ({"iss": GONE}, "does not say iss"),
        ({"sub": GONE}, "does not say sub"),
        ({"sub": ""}, "does not say whose"),
        ({"sub": 7}, "does not say whose"),
        ({"tenant": GONE}, "for which tenant"),
        ({"tenant": "ac.me"}, "for which tenant"),
        ({"tenant": "acme/user"}, "for which tenant"),
        ({"tenant": "acme\n"}, "for which tenant"),
        ({"tenant": ["acme"]}, "for which tenant"),
        ({"roles": "admin"}, "not a list of names"),
        ({"roles": {"admin": True}}, "not a list of names"),
        ({"roles": [1]}, "not a list of names"),
        ({"gen": "1"}, "gen is malformed"),
        ({"gen": True}, "gen is malformed"),
        ({"typ": "Refresh"}, "not an access token"),
        ({"typ": "ID"}, "not an access token"),
    ],
)
async def test_a_token_that_says_the_wrong_thing_is_refused(
    claims: dict[str, Any], reason: str, forge: Forge, verifier: Verifier
) -> None:
    """A right signature is not enough: every claim counts, and the reason names it."""
    assert reason in await _refused(verifier, forge(**claims))


async def test_times_are_judged_with_a_small_leeway(forge: Forge, verifier: Verifier, clock: Any) -> None:
    """A clock that is 30 seconds off does no harm; one that is a minute off does."""
    now = int(clock().timestamp())
    await verifier.verify(forge(nbf=now + 29, iat=now + 29))
    await verifier.verify(forge(exp=now - 29))
    assert "not valid yet" in await _refused(verifier, forge(nbf=now + 60))
    assert "expired" in await _refused(verifier, forge(exp=now - 60))


async def test_a_foreign_signature_is_refused(keyring: Keyring, forge: Forge, verifier: Verifier) -> None:
    """Another key under our key's id, a changed claim, and a missing signature prove nothing."""
    kid = {"kid": str(keyring.signing.kid)}
    assert "signature is wrong" in await _refused(verifier, forge(key=RSAKey.generate_key(2048), header=kid))
    head, body, signature = forge().split(".")
    other = forge(roles=["admin"]).split(".")[1]
    assert "signature is wrong" in await _refused(verifier, f"{head}.{other}.{signature}")
    assert "signature is wrong" in await _refused(verifier, f"{head}.{body}.")


async def test_an_unknown_key_is_refused(forge: Forge, verifier: Verifier) -> None:
    """A token names its key, and the key must be one of ours."""
    assert "key that its issuer does not have" in await _refused(verifier, forge(header={"kid": "other"}))
    assert "malformed" in await _refused(verifier, forge(header={"kid": GONE}))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "HS256", "HS512", "RS512", "PS256", "EdDSA", "", "RS256 "])
async def test_only_two_algorithms_are_taken(alg: str, keyring: Keyring, forge: Forge, verifier: Verifier) -> None:
    """Whatever else a token names, above all ``none``, is refused before any key is looked at."""
    unsigned = _unsigned(forge(), alg=alg, kid=str(keyring.signing.kid), typ="at+jwt")
    assert "algorithm is not one of RS256, ES256" in await _refused(verifier, unsigned)


async def test_the_public_key_is_no_shared_secret(keyring: Keyring, forge: Forge, verifier: Verifier) -> None:
    """HS256 over the public key, in each way it is written down, is refused."""
    public = keyring.public()["keys"][0]
    pem = keyring.signing.as_pem(private=False)
    body = forge().split(".")[1]
    head = _encoded(json.dumps({"alg": "HS256", "kid": public["kid"]}).encode())
    for secret in (pem, pem.strip(), keyring.signing.as_der(private=False), public["n"].encode()):
        signature = _encoded(hmac.digest(secret, f"{head}.{body}".encode(), "sha256"))
        assert "algorithm is not one of" in await _refused(verifier, f"{head}.{body}.{signature}")


async def test_a_key_signs_with_its_own_algorithm_only(keyring: Keyring, forge: Forge, verifier: Verifier) -> None:
    """ES256 under the id of our RSA key is refused, however it is signed."""
    token = forge(key=ECKey.generate_key("P-256"), header={"alg": "ES256"})
    assert "malformed" in await _refused(verifier, token)


@pytest.mark.parametrize("header", [{"typ": "JWE"}, {"typ": "dpop+jwt"}, {"crit": ["exp"]}, {"crit": []}])
async def test_a_header_that_asks_for_more_is_refused(
    header: dict[str, Any], keyring: Keyring, forge: Forge, verifier: Verifier
) -> None:
    """Other kinds of token, and extensions that must be understood, are not ours to judge."""
    full = {"alg": "RS256", "kid": str(keyring.signing.kid), **header}
    assert "not an access token" in await _refused(verifier, _unsigned(forge(), **full))


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b.c", "e30.e30.e30", "null", "W10.W10.", "{}", "a" * 40_000, "[" * 5000, "é.é.é"]
)
async def test_what_is_no_token_is_refused(token: str, verifier: Verifier) -> None:
    """Anything else that may stand in the header is refused like a token, never with a crash."""
    assert await _refused(verifier, token)


async def test_a_deeply_nested_token_is_refused(keyring: Keyring, verifier: Verifier) -> None:
    """Signed or not, nesting does not exhaust the parser."""
    deep = b"[" * 20_000 + b"]" * 20_000
    assert "too long" in await _refused(verifier, f"{urlsafe_b64encode(deep).decode()}.e30.e30")
    head = _encoded(b"[" * 20_000)
    assert "malformed" in await _refused(verifier, f"{head}.e30.e30")
    signed = jws.serialize_compact(
        {"alg": "RS256", "kid": str(keyring.signing.kid)}, b"[" * 20_000, keyring.signing, algorithms=["RS256"]
    )
    assert "malformed" in await _refused(verifier, signed)


@settings(max_examples=300)
@given(
    st.one_of(
        st.text(max_size=80),
        st.tuples(st.binary(), st.binary(), st.binary()).map(lambda parts: ".".join(map(_encoded, parts))),
    ),
    st.sampled_from(["Bearer ", "bearer ", "Token ", "Basic ", ""]),
)
def test_no_header_is_more_than_refused(credentials: str, scheme: str) -> None:
    """Whatever the header holds, the answer is a caller or a refusal."""

    class NoKeys:
        revision = 0

        async def key(self, kid: str) -> None:
            return None

    verifier = Verifier(NoKeys(), issuer=ISSUER, audience=AUDIENCE, clock=lambda: datetime.now(UTC))
    identity = TokenIdentity(verifier, ServiceTokens.of(""))
    with pytest.raises(Unauthenticated):
        asyncio.run(identity.authenticate(scheme + credentials))


@pytest.mark.parametrize("header", ["Bearer \ud800", "Token \ud800.acme", "Bearer é", "Töken x.y"])
async def test_a_header_beyond_ascii_is_refused(header: str, verifier: Verifier) -> None:
    """Also one that no bytes stand for."""
    identity = TokenIdentity(verifier, ServiceTokens.of(""))
    with pytest.raises(Unauthenticated, match="header is malformed"):
        await identity.authenticate(header)


async def test_without_roles_a_user_may_do_nothing(forge: Forge, verifier: Verifier) -> None:
    """A token without roles, or with roles of others, proves the user and allows nothing."""
    for roles in (GONE, [], ["offline_access", "ADMIN"]):
        caller = await verifier.verify(forge(roles=roles))
        assert (caller.roles, caller.permissions) == ((), frozenset())


async def test_the_claims_of_keycloak_are_found_where_they_are(keyring: Keyring, forge: Forge, clock: Any) -> None:
    """An outside issuer puts roles into an object, calls them otherwise, and the tenant under a URL."""
    verifier = Verifier(
        keyring,
        issuer=ISSUER,
        audience=AUDIENCE,
        clock=clock,
        claims=ClaimPaths(tenant="https://acme.example/tenant", roles="realm_access.roles", name="preferred_username"),
        role_names={"chorally-boss": "supervisor"},
    )
    token = forge(
        roles=GONE,
        tenant=GONE,
        aud=["account", AUDIENCE],
        typ="Bearer",
        preferred_username="ada",
        realm_access={"roles": ["offline_access", "chorally-boss", "admin"]},
        **{"https://acme.example/tenant": "acme"},
        header={"typ": "JWT"},
    )

    caller = await verifier.verify(token)

    assert (caller.tenant, caller.name, caller.roles) == ("acme", "ada", ("supervisor",))
    assert Permission.USERS_WRITE not in caller.permissions
    assert "not a list" in await _refused(
        verifier, forge(**{"https://acme.example/tenant": "t"}, realm_access={"roles": "x"})
    )
    assert (await verifier.verify(forge(**{"https://acme.example/tenant": "t"}, realm_access="x"))).roles == ()


async def test_an_elliptic_key_proves_as_well(forge: Forge, clock: Any) -> None:
    """ES256 is taken where the issuer's set has such a key."""
    private = ECKey.generate_key("P-256")
    public = {**private.as_dict(private=False), "kid": "e1"}

    class Keys:
        revision = 0

        async def key(self, kid: str) -> Any:
            return usable([public]).get(kid)

    verifier = Verifier(Keys(), issuer=ISSUER, audience=AUDIENCE, clock=clock)
    token = forge(key=private, header={"alg": "ES256", "kid": "e1"})
    assert (await verifier.verify(token)).subject == "u1"


class CountedKeys:
    """The keys of a ring, and how often they were asked for."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring
        self.asked = 0

    @property
    def revision(self) -> int:
        return self.keyring.revision

    async def key(self, kid: str) -> Any:
        self.asked += 1
        return await self.keyring.key(kid)


async def test_a_verified_token_is_remembered_until_it_expires(keyring: Keyring, issuer: Issuer, clock: Any) -> None:
    """The second time no key is needed; after the token's end nothing helps."""
    keys = CountedKeys(keyring)
    verifier = Verifier(keys, issuer=ISSUER, audience=AUDIENCE, clock=clock)  # type: ignore[arg-type]
    token = _issued(issuer)

    assert await verifier.verify(token) is await verifier.verify(token)
    assert keys.asked == 1
    clock.advance(hours=1, seconds=31)
    assert "expired" in await _refused(verifier, token)


async def test_what_is_remembered_is_bounded(keyring: Keyring, issuer: Issuer, clock: Any) -> None:
    """The token unused for longest is forgotten, and simply verified again."""
    keys = CountedKeys(keyring)
    verifier = Verifier(keys, issuer=ISSUER, audience=AUDIENCE, clock=clock, most_cached=2)  # type: ignore[arg-type]
    first, second, third = (_issued(issuer, subject=f"u{n}") for n in range(3))
    for token in (first, second, first, third, first, second):
        await verifier.verify(token)
    assert keys.asked == 4
    for n in range(20):
        await verifier.verify(_issued(issuer, subject=f"v{n}"))
    assert len(verifier._cached) == 2


async def test_bad_tokens_are_not_remembered(verifier: Verifier, forge: Forge) -> None:
    """Nobody fills the memory with what was refused."""
    for n in range(5):
        await _refused(verifier, forge(sub=f"u{n}", aud="x"))
    assert not verifier._cached


async def test_a_withdrawn_key_ends_its_tokens_at_once(keyring: Keyring, issuer: Issuer, verifier: Verifier) -> None:
    """Also those already verified."""
    token = _issued(issuer)
    await verifier.verify(token)
    keyring.rotate(keep=timedelta(0))
    assert "key that its issuer does not have" in await _refused(verifier, token)


async def test_whoever_is_no_longer_valid_is_refused_at_once(keyring: Keyring, issuer: Issuer, clock: Any) -> None:
    """The state of the user is asked for at every request, remembered token or not, with what the token says."""
    asked: list[tuple[str, str, int]] = []
    invalid: set[str] = set()

    async def is_valid(subject: str, tenant: str, generation: int) -> bool:
        asked.append((subject, tenant, generation))
        return subject not in invalid

    verifier = Verifier(keyring, issuer=ISSUER, audience=AUDIENCE, clock=clock, is_valid=is_valid)
    token = _issued(issuer, generation=7)
    await verifier.verify(token)
    await verifier.verify(token)
    invalid.add("u1")
    assert "withdrawn" in await _refused(verifier, token)
    assert asked == [("u1", "acme", 7)] * 3
