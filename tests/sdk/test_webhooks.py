"""What webhooks are judged with: raw bytes, all live secrets, nothing that a stranger sends makes it fail."""

import base64
import hashlib
import hmac
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

import chorally_sdk as sdk

# RFC 4231, test case 2: HMAC-SHA-256
JEFE = b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=80)  # halves of surrogate pairs too


def secrets(*values: str) -> tuple[SecretStr, ...]:
    """Return live secrets."""
    return tuple(map(SecretStr, values))


def test_a_signature_in_hex_is_that_of_the_standard() -> None:
    """A published vector."""
    body, signature = JEFE
    assert sdk.signed(body, signature, secrets("Jefe"))
    assert not sdk.signed(body + b" ", signature, secrets("Jefe"))
    assert not sdk.signed(body, signature[:-1] + "4", secrets("Jefe"))
    assert not sdk.signed(body, signature, secrets("Jefes"))


def test_a_signature_in_base64_is_that_of_the_standard() -> None:
    """The same vector in the other encoding, and only in that."""
    body, signature = JEFE
    encoded = base64.b64encode(bytes.fromhex(signature)).decode()
    assert sdk.signed(body, encoded, secrets("Jefe"), "base64")
    assert not sdk.signed(body, signature, secrets("Jefe"), "base64")
    assert not sdk.signed(body, encoded, secrets("Jefe"), "hex")


@pytest.mark.parametrize("secret", ["s" * 200, "caffè", "\ud800"], ids=["long", "not ASCII", "half a pair"])
def test_any_text_is_a_secret(secret: str) -> None:
    """Its bytes are those of UTF-8."""
    want = hmac.new(secret.encode("utf-8", "surrogatepass"), b"body", hashlib.sha256).hexdigest()
    assert sdk.signed(b"body", want, secrets(secret))


@pytest.mark.parametrize("place", [0, 1])
def test_either_of_two_live_secrets_signs(place: int) -> None:
    """While one replaces the other."""
    body, signature = JEFE
    live = secrets("Jefe", "another") if place == 0 else secrets("another", "Jefe")
    assert sdk.signed(body, signature, live)
    assert sdk.same("Jefe", live)


@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_an_empty_secret_signs_nothing(encoding: Literal["hex", "base64"]) -> None:
    """Everybody could make that signature."""
    digest = hmac.new(b"", b"body", hashlib.sha256).digest()
    got = digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()
    assert not sdk.signed(b"body", got, secrets(""), encoding)
    assert not sdk.signed(b"body", got, (), encoding)
    assert not sdk.signed(b"body", "", secrets("", "Jefe"), encoding)


def test_an_empty_secret_is_the_same_as_nothing() -> None:
    """Not even as an empty one."""
    assert not sdk.same("", secrets(""))
    assert not sdk.same("", ())
    assert not sdk.same("", secrets("Jefe"))
    assert sdk.same("caffè \N{HOT BEVERAGE}", secrets("", "caffè \N{HOT BEVERAGE}"))


@given(body=st.binary(max_size=50), got=ANY_TEXT, secret=ANY_TEXT, encoding=st.sampled_from(["hex", "base64"]))
def test_no_signature_is_too_odd_to_be_refused(
    body: bytes, got: str, secret: str, encoding: Literal["hex", "base64"]
) -> None:
    """Neither what is sent nor the secret makes it fail."""
    assert not sdk.signed(body, got, secrets(secret, "Jefe"), encoding)
    assert sdk.same(got, secrets(secret)) == (got == secret != "")


def test_verdicts_say_what_to_do() -> None:
    """Archive and answer, answer only, refuse."""
    accepted = sdk.accept(202, b"ok", "application/json", "delivery-1")
    assert (accepted.kind, accepted.status, accepted.body) == ("accept", 202, b"ok")
    assert (accepted.media_type, accepted.delivery_id) == ("application/json", "delivery-1")
    assert sdk.handshake("çhallenge") == sdk.Verdict(kind="handshake", body="çhallenge".encode())
    assert sdk.handshake(b"\xff", "application/json").body == b"\xff"
    assert (sdk.reject().kind, sdk.reject().status, sdk.reject(403).status) == ("reject", 401, 403)
