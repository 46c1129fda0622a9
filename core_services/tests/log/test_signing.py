"""Signatures are those of Standard Webhooks."""

from datetime import UTC, datetime, timedelta

from chorally_core.adapters.local import FernetVault
from chorally_core.services.log.webhooks.signing import Secret, new_secret, opened, rotated, sealed, signed
from hypothesis import given
from hypothesis import strategies as st

from docs.examples.webhooks.verify import is_ours

from .receiver import KEY

AT = datetime.fromtimestamp(1614265330, UTC)


def test_a_published_example_is_signed_alike() -> None:
    """Svix's documentation, "Verifying webhooks manually" (read 2026-11-23)."""
    secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", AT, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=50), st.text("abc0", min_size=1), st.binary(max_size=9))
def test_what_is_signed_is_verified_and_nothing_else(random: bytes, body: bytes, name: str, other: bytes) -> None:
    """By any of the secrets that live, and for this body and id only."""
    secret, another = new_secret(lambda size: random), new_secret(lambda size: b"n" * size)
    headers = signed([another, secret], name, AT, body)
    assert is_ours(secret.text, headers, body, AT.timestamp())
    assert is_ours(another.text, headers, body, AT.timestamp())
    assert is_ours(secret.text, headers, other, AT.timestamp()) == (other == body)
    assert not is_ours(secret.text, {**headers, "webhook-id": f"{name}x"}, body, AT.timestamp())
    assert not is_ours(secret.text, {**headers, "webhook-signature": "v1,AAAA v2,x"}, body, AT.timestamp())


def test_at_most_two_secrets_live() -> None:
    """Rotating twice ends the first, and an overlap of nothing ends it at once."""
    first, second, third = (Secret(f"whsec_{name}") for name in ("YQ==", "Yg==", "Yw=="))
    vault = FernetVault([KEY])
    later = AT + timedelta(hours=1)
    kept = rotated(rotated([first], second, later), third, later)
    assert [secret.text for secret in opened(vault, sealed(vault, kept), AT)] == [third.text, second.text]
    assert [secret.text for secret in opened(vault, sealed(vault, kept), later)] == [third.text]
