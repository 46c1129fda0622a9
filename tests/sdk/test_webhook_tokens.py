"""Hooks that prove themselves by a token: its signature, its maker, whom it is for, and when."""

import base64
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing.host import a_hook

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
NOW = int(AT.timestamp())
URL = "https://keys.parrot.example/jwks"
ISSUER, AUDIENCE = "https://parrot.example", "https://ours.example/hook"
KEY = RSAKey.generate_key(2048, {"kid": "one"})
OTHER = RSAKey.generate_key(2048, {"kid": "one"})
SAID = {"iss": ISSUER, "aud": AUDIENCE, "exp": NOW + 600, "iat": NOW, "sub": "7"}


def keys(*known: Any, url: str = URL) -> sdk.Keys:
    """Return a key set."""
    return sdk.Keys(jwks={url: {"keys": [key.as_dict(private=False) for key in known]}})


def a_token(said: dict[str, Any] | None = None, *, key: Any = KEY, alg: str = "RS256", **head: Any) -> str:
    """Return a token; ``...`` leaves a claim out."""
    claims = {name: value for name, value in {**SAID, **(said or {})}.items() if value is not ...}
    named = {name: value for name, value in {"alg": alg, "kid": "one", **head}.items() if value is not ...}
    return jwt.encode(named, claims, key, algorithms=[alg])


def judged(token: str, live: sdk.Keys | None = None, scheme: str = "Bearer ", **options: Any) -> sdk.Json | sdk.Verdict:
    """Return what the hook's token gives."""
    hook = a_hook(headers={"Authorization": f"{scheme}{token}"}, received_at=AT)
    return sdk.claims(
        hook, live or keys(KEY), options.pop("issuer", ISSUER), options.pop("audience", AUDIENCE), **options
    )


def test_a_right_token_gives_its_claims() -> None:
    """All of them, for the connector to look further."""
    assert judged(a_token()) == SAID
    assert judged(a_token(), scheme="bearer ") == SAID


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://stranger.example"},
        {"iss": ...},
        {"iss": ISSUER + "/"},
        {"aud": "https://other.example"},
        {"aud": ...},
        {"aud": []},
        {"exp": NOW - 301},
        {"exp": ...},
        {"exp": "tomorrow"},
        {"iat": True},
        {"nbf": NOW + 301},
        {"nbf": "soon"},
        {"iat": NOW + 301},
    ],
    ids=str,
)
def test_a_token_of_others_or_of_another_time_is_refused(wrong: dict[str, Any]) -> None:
    """However well it is signed."""
    assert judged(a_token(wrong)) == sdk.reject()


@pytest.mark.parametrize(
    "said",
    [
        {"exp": NOW - 299},
        {"nbf": NOW + 299},
        {"iat": NOW + 299},
        {"iat": ...},
        {"aud": ["https://other.example", AUDIENCE]},
    ],
    ids=str,
)
def test_clocks_may_differ_and_a_token_may_be_for_several(said: dict[str, Any]) -> None:
    """Within five minutes, unless told otherwise."""
    assert not isinstance(judged(a_token(said)), sdk.Verdict)


def test_how_far_clocks_differ_can_be_said() -> None:
    """Down to not at all."""
    assert judged(a_token({"exp": NOW - 1}), leeway=timedelta(0)) == sdk.reject()


def test_several_makers_and_receivers_may_be_meant() -> None:
    """As where a platform writes its name in two ways."""
    assert judged(a_token(), issuer=["parrot.example", ISSUER], audience=["x", AUDIENCE]) == SAID


def test_a_key_that_nobody_knows_has_the_sets_renewed() -> None:
    """The platform may have a new one; and it repeats the hook where it has not."""
    assert judged(a_token(kid="two")) == sdk.stale_keys()
    assert judged(a_token(), sdk.Keys()) == sdk.stale_keys()
    assert judged(a_token(), sdk.Keys(jwks={URL: {"keys": "none"}})) == sdk.stale_keys()
    assert (sdk.stale_keys().kind, sdk.stale_keys().status) == ("stale_keys", 503)


def test_a_key_counts_only_within_the_set_that_is_meant() -> None:
    """Another platform's cannot speak for this one."""
    assert judged(a_token(), key_set=URL) == SAID
    assert judged(a_token(), keys(KEY, url="https://other.example"), key_set=URL) == sdk.stale_keys()


def test_another_signature_is_refused() -> None:
    """By another key of the same name, of other claims, or none."""
    head, said, proof = a_token().split(".")
    _, others, _ = a_token({"sub": "8"}).split(".")
    assert judged(a_token(key=OTHER)) == sdk.reject()
    assert judged(f"{head}.{others}.{proof}") == sdk.reject()
    assert judged(f"{head}.{said}.") == sdk.reject()
    assert judged(a_token(), keys(OTHER, KEY)) == SAID


def test_a_token_signed_with_a_public_key_as_its_secret_is_refused() -> None:
    """Nor one that says that it is not signed at all."""
    pem, said = KEY.as_pem(private=False), a_token().split(".")[1]
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"one"}').decode().rstrip("=")
    proof = sdk.signature(f"{head}.{said}".encode(), SecretStr(pem.decode()), "base64url")
    shared = {"kty": "oct", "kid": "one", "k": base64.urlsafe_b64encode(pem).decode().rstrip("=")}
    forged = f"{head}.{said}.{proof}"

    assert judged(forged) == sdk.reject()
    assert judged(forged, algorithms=["HS256"]) == sdk.reject()
    assert judged(forged, sdk.Keys(jwks={URL: {"keys": [shared]}}), algorithms=["HS256"]) == sdk.stale_keys()
    assert judged(f"eyJhbGciOiJub25lIiwia2lkIjoib25lIn0.{said}.") == sdk.reject()


def test_other_algorithms_are_taken_where_they_are_named() -> None:
    """And only there."""
    curve = ECKey.generate_key("P-256", {"kid": "one"})
    token = a_token(key=curve, alg="ES256")
    assert judged(token, keys(curve)) == sdk.reject()
    assert judged(token, keys(curve), algorithms=["ES256"]) == SAID


def test_a_token_that_could_not_be_right_renews_nothing() -> None:
    """One by another algorithm, one that names no key, and one beyond all size are refused at once."""
    (key,) = keys(KEY).jwks[URL]["keys"]
    bare = sdk.Keys(jwks={URL: {"keys": [{name: value for name, value in key.items() if name != "kid"}]}})
    assert judged(a_token(alg="RS512", kid="two")) == sdk.reject()
    assert judged(a_token(kid=...), bare) == sdk.reject()
    assert judged(a_token({"sub": "x" * 20_000})) == sdk.reject()


@pytest.mark.parametrize("odd", ["", "x", "a.b", "a.b.c", "é.é.é", "W10.W10.x", "." * 9, "x" * 20_000, "e30.e30.e30"])
def test_what_is_no_token_is_refused(odd: str) -> None:
    """Without failing."""
    assert judged(odd) == sdk.reject()


@pytest.mark.parametrize("scheme", ["", "Basic ", "Bearer"])
def test_a_token_that_is_not_borne_is_refused(scheme: str) -> None:
    """Its place is the header's second word."""
    assert judged(a_token(), scheme=scheme) == sdk.reject()
    assert sdk.claims(a_hook(), keys(KEY), ISSUER, AUDIENCE) == sdk.reject()


@pytest.mark.parametrize("nobody", ["", [], ["", ISSUER]], ids=str)
def test_nobody_is_no_maker_and_no_receiver(nobody: Any) -> None:
    """An unset setting would let everybody in."""
    for options in ({"issuer": nobody}, {"audience": nobody}):
        with pytest.raises(ValueError, match="let everybody in"):
            judged(a_token(), **options)


def test_a_key_of_no_use_is_passed_over() -> None:
    """A set may hold what is not for us."""
    live = sdk.Keys(jwks={URL: {"keys": [{"kid": "one", "kty": "RSA"}, "odd", KEY.as_dict(private=False)]}})
    assert judged(a_token(), live) == SAID


def test_a_shared_secret_beside_a_key_set_changes_nothing() -> None:
    """They are asked for by other helpers."""
    live = keys(KEY).model_copy(update={"secrets": {"secret": (SecretStr("s"),)}})
    assert judged(a_token(key=OTHER), live) == sdk.reject()
