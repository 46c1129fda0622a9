"""Signatures in every form that platforms write them, with their time, by secrets and by key pairs."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing.host import a_hook

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
STAMP = str(int(AT.timestamp()))
SECRETS = (SecretStr("old"), SecretStr("new"))
# RFC 8032, section 7.1, test 2
KEY = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
SIGNED = (
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=80)


def digits(message: bytes, secret: str = "new") -> str:
    """Return the signature of a message."""
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
def test_a_signature_may_be_made_with_another_hash(digest: Literal["sha1", "sha256", "sha512"]) -> None:
    """The one that the platform uses, and only that."""
    got = hmac.new(b"new", b"body", digest).hexdigest()
    assert sdk.signed(b"body", got, SECRETS, digest=digest)
    assert sdk.signed(b"body", got, SECRETS) == (digest == "sha256")


def test_what_stands_before_a_signature_is_a_part_of_the_proof() -> None:
    """Without it, or with another, it is none."""
    got = digits(b"body")
    assert sdk.signed(b"body", f"sha256={got}", SECRETS, prefix="sha256=")
    assert not sdk.signed(b"body", got, SECRETS, prefix="sha256=")
    assert not sdk.signed(b"body", f"sha1={got}", SECRETS, prefix="sha256=")
    assert not sdk.signed(b"body", f"sha256={got}", SECRETS)


@pytest.mark.parametrize("padding", ["", "="])
def test_a_signature_for_urls_may_lack_its_padding(padding: str) -> None:
    """It is written with other characters than plain base64."""
    body = next(
        body
        for body in (bytes([n]) for n in range(256))
        if {"-", "_"} <= set(sdk.signature(body, SECRETS[1], "base64url"))
    )
    got = sdk.signature(body, SECRETS[1], "base64url")
    assert sdk.signed(body, got + padding, SECRETS, "base64url")
    assert not sdk.signed(body, got.replace("-", "+").replace("_", "/") + padding, SECRETS, "base64url")
    assert not sdk.signed(body, got + padding, SECRETS, "base64")


def test_what_is_signed_here_is_taken_here() -> None:
    """In every encoding; an empty secret signs nothing."""
    encodings: tuple[Literal["hex", "base64", "base64url"], ...] = ("hex", "base64", "base64url")
    for encoding in encodings:
        got = sdk.signature(b"body", SECRETS[0], encoding, prefix="v1=")
        assert sdk.signed(b"body", got, SECRETS, encoding, prefix="v1=")
    with pytest.raises(ValueError, match="empty secret"):
        sdk.signature(b"body", SecretStr(""))


@pytest.mark.parametrize(
    ("seconds", "recent"), [(0, True), (300, True), (301, False), (-300, True), (-301, False)], ids=str
)
def test_a_signature_holds_for_five_minutes(seconds: int, recent: bool) -> None:
    """A recorded hook cannot be sent again later; clocks may differ either way."""
    hook = a_hook(b"body", received_at=AT + timedelta(seconds=seconds))
    assert sdk.stamped(hook, STAMP, digits(f"{STAMP}.body".encode()), SECRETS) is recent


def test_the_time_is_signed_too() -> None:
    """A fresh time on an old signature is no proof."""
    old = str(int(STAMP) - 3600)
    assert not sdk.stamped(a_hook(b"body", received_at=AT), STAMP, digits(f"{old}.body".encode()), SECRETS)


@pytest.mark.parametrize("form", ["v0:{timestamp}:{body}", "{timestamp}{body}", "{body}.{timestamp}"])
def test_time_and_body_are_joined_as_the_platform_does(form: str) -> None:
    """In the order, and with the marks, that it documents."""
    hook = a_hook(b"{timestamp}", received_at=AT)
    message = form.replace("{timestamp}", STAMP).replace("{body}", "{timestamp}").encode()
    assert sdk.stamped(hook, STAMP, f"v0={digits(message)}", SECRETS, form=form, prefix="v0=")
    assert not sdk.stamped(hook, STAMP, f"v0={digits(message)}", SECRETS, prefix="v0=")


@pytest.mark.parametrize("stamp", ["", "soon", "-1", "1e9", " 1795424400", "1795424400.0", "٣", "9" * 12, "９９"])
def test_what_is_no_time_is_not_recent(stamp: str) -> None:
    """Whatever it is, it does not fail."""
    assert not sdk.is_recent(stamp, AT, timedelta(days=40_000))


@given(stamp=ANY_TEXT, got=ANY_TEXT, body=st.binary(max_size=20))
def test_nothing_that_is_sent_makes_a_stamped_hook_fail(stamp: str, got: str, body: bytes) -> None:
    """It is only refused."""
    assert not sdk.stamped(a_hook(body, received_at=AT), stamp, got, SECRETS)
    assert not sdk.signed_by(body, got, (SecretStr(KEY),))


def test_a_header_of_pairs_is_read() -> None:
    """Where a name comes twice the first counts; what is no pair is passed over."""
    assert sdk.fields("t=1, s=ab=,s=2,odd,=x,") == {"t": "1", "s": "ab=", "": "x"}
    assert sdk.fields("") == {}


def test_a_signature_by_a_key_is_that_of_the_standard() -> None:
    """A published vector; either of two live keys; never with another message, key or signature."""
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw().hex()
    assert sdk.signed_by(b"\x72", SIGNED, (SecretStr(other), SecretStr(KEY)))
    assert not sdk.signed_by(b"\x73", SIGNED, (SecretStr(KEY),))
    assert not sdk.signed_by(b"\x72", SIGNED, (SecretStr(other),))
    assert not sdk.signed_by(b"\x72", SIGNED[:-2] + "01", (SecretStr(KEY),))
    assert not sdk.signed_by(b"\x72", SIGNED, ())


@pytest.mark.parametrize("key", ["", "zz", KEY[:-2], KEY + "00", "é"])
def test_what_is_no_key_signs_nothing(key: str) -> None:
    """And the next one is tried."""
    assert not sdk.signed_by(b"\x72", SIGNED, (SecretStr(key),))
    assert sdk.signed_by(b"\x72", SIGNED, (SecretStr(key), SecretStr(KEY)))
