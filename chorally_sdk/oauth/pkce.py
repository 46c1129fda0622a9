"""Proof key for code exchange (RFC 7636): what the host makes for each consent."""

import secrets
from collections.abc import Callable

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from pydantic import SecretStr


def new_verifier(text: Callable[[int], str] = secrets.token_urlsafe) -> SecretStr:
    """Return a verifier of 64 characters; ``text`` gives a random one of so many bytes."""
    return SecretStr(text(48))


def challenge_of(verifier: SecretStr) -> str:
    """Return the challenge of a verifier, method S256."""
    return str(create_s256_code_challenge(verifier.get_secret_value()))
