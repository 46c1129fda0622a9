"""A platform that tests the URL gets the answer it waits for, and a stranger does not."""

import json
from typing import Any

import pytest
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing.host import a_hook

SECRETS = (SecretStr("old"), SecretStr("new"))
META: dict[str, Any] = {"token": "hub.verify_token", "secrets": SECRETS, "also": {"hub.mode": "subscribe"}}
ASKED = {"hub.mode": "subscribe", "hub.verify_token": "new", "hub.challenge": "1158201444"}


def asked(**changed: str | None) -> sdk.RawHook:
    """Return the test of a URL; None leaves a parameter out."""
    named = {f"hub.{name}": value for name, value in changed.items()}
    query = {name: value for name, value in {**ASKED, **named}.items() if value is not None}
    return a_hook(method="GET", query=query)


@pytest.mark.parametrize("token", ["old", "new"])
def test_a_challenge_beside_our_token_comes_back(token: str) -> None:
    """Under either of the live ones."""
    assert sdk.echoed(asked(verify_token=token), "hub.challenge", **META) == sdk.handshake("1158201444")


@pytest.mark.parametrize("changed", [{"verify_token": "other"}, {"verify_token": None}, {"mode": "x"}, {"mode": None}])
def test_a_challenge_without_our_token_does_not(changed: dict[str, str | None]) -> None:
    """Whoever asks without it is refused."""
    assert sdk.echoed(asked(**changed), "hub.challenge", **META) == sdk.reject(403)


def test_an_unset_token_is_nobodys() -> None:
    """An empty one in the question neither."""
    assert sdk.echoed(asked(verify_token=""), "hub.challenge", token="hub.verify_token", secrets=()) == sdk.reject(403)
    empty = {**META, "secrets": (SecretStr(""),)}
    assert sdk.echoed(asked(verify_token=""), "hub.challenge", **empty) == sdk.reject(403)


def test_a_challenge_that_proves_nothing_may_come_back_too() -> None:
    """As a platform that sends no token expects."""
    hook = a_hook(query={"validationToken": "Validation: Testing client application"})
    assert sdk.echoed(hook, "validationToken") == sdk.handshake("Validation: Testing client application")


def test_what_is_no_test_of_the_url_is_left_to_the_signature() -> None:
    """None says so."""
    hook = a_hook(b'{"type": "event"}')
    assert sdk.echoed(hook, "hub.challenge", **META) is None
    assert sdk.proven(hook, "crc_token", SECRETS, "response_token") is None
    assert sdk.challenge_of(hook, "challenge", {"type": "url_verification"}) is None


@pytest.mark.parametrize("challenge", ["", "a\r\nb", "\x00", "é", "x" * 1025])
def test_an_odd_challenge_does_not_come_back(challenge: str) -> None:
    """Nobody makes us say what they like."""
    assert sdk.echoed(asked(challenge=challenge), "hub.challenge", **META) == sdk.reject(400)
    hook = a_hook(query={"crc_token": challenge})
    assert sdk.proven(hook, "crc_token", SECRETS, "response_token") == sdk.reject(400)
    assert sdk.challenge_of(a_hook(json.dumps({"challenge": challenge})), "challenge") is None


def test_a_challenge_is_answered_with_its_proof() -> None:
    """Under the first live secret, beside the challenge itself."""
    verdict = sdk.proven(a_hook(query={"code": "7"}), "code", (SecretStr(""), *SECRETS), "answer", prefix="sha256=")

    assert verdict is not None
    assert (verdict.kind, verdict.media_type) == ("handshake", "application/json")
    assert json.loads(verdict.body) == {"code": "7", "answer": sdk.signature(b"7", SECRETS[0], prefix="sha256=")}


@pytest.mark.parametrize("challenge", ['{"events": []}', 'hmacsha256={"events": []}', "[]", "a b", '"'])
def test_what_could_be_the_body_of_a_hook_is_not_signed(challenge: str) -> None:
    """The answer would be the signature of a forged one."""
    hook = a_hook(query={"crc_token": challenge})
    assert sdk.proven(hook, "crc_token", SECRETS, "response_token") == sdk.reject(400)


@pytest.mark.parametrize("secrets", [(), (SecretStr(""),)])
def test_without_a_secret_nothing_is_proven(secrets: tuple[SecretStr, ...]) -> None:
    """Anybody could make that proof."""
    assert sdk.proven(a_hook(query={"code": "7"}), "code", secrets, "answer") == sdk.reject(403)


@pytest.mark.parametrize(
    ("body", "challenge"),
    [
        ('{"type": "url_verification", "challenge": "3eZb"}', "3eZb"),
        ('{"type": "event", "challenge": "3eZb"}', None),
        ('{"type": "url_verification", "challenge": 3}', None),
        ('{"type": "url_verification"}', None),
        ('["url_verification"]', None),
        ("{", None),
        ("", None),
    ],
)
def test_a_challenge_may_be_in_the_body(body: str, challenge: str | None) -> None:
    """Where the rest of it says that it is one."""
    assert sdk.challenge_of(a_hook(body), "challenge", {"type": "url_verification"}) == challenge


def test_a_body_is_read_as_far_as_it_is_an_object() -> None:
    """Anything else is an empty one."""
    assert sdk.json_of(a_hook('{"a": 1}')) == {"a": 1}
    assert sdk.json_of(a_hook("[1]")) == sdk.json_of(a_hook(b"\xff")) == sdk.json_of(a_hook()) == {}
