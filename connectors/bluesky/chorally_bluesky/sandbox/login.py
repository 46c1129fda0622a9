"""Sessions and consents of the network: tokens that tell their end, and tokens that are bound to a key."""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from chorally_sdk.sandbox import Call, OAuth, Refusal
from chorally_sdk.sandbox.oauth import Token

NONCE = "sandbox-nonce"
PASSWORD = "sandbox-app-password"  # noqa: S105 - opens nothing but this sandbox
CLIENT = "https://chorally.example/bluesky/client-metadata.json"
LIFE = timedelta(hours=2)


class Login(OAuth):
    """Issues tokens that look like the network's: three parts, of which the second tells their end."""

    def issue(self, scopes: Iterable[str] | None = None, *, subject: str = "", lasting: bool = False) -> Token:
        """Issue a token pair."""
        token = super().issue(scopes, subject=subject, lasting=lasting)
        claims = {"exp": int(token.expires_at.timestamp()) if token.expires_at else 0, "sub": subject}
        token.access = ".".join((_sealed({"alg": "none"}), _sealed(claims), token.access))
        return token

    def spent(self, refresh: str) -> Token:
        """Return the next pair for a refresh token.

        Raises:
            Refusal: It was used, was taken back, or never was.
        """
        for token in self.tokens:
            if refresh and token.refresh == refresh and not token.is_revoked and not token.is_used:
                token.is_used = True
                return self.issue(token.scopes, subject=token.subject)
        raise Refusal("expired")


def thumbprint(call: Call, token: str = "") -> str:
    """Return whose key proves a call.

    Raises:
        Refusal: The proof is wrong, or lacks the nonce.
    """
    proof = call.request.headers.get("dpop", "")
    try:
        head = json.loads(base64.urlsafe_b64decode(proof.split(".")[0] + "=="))
        key = ECKey.import_key(head["jwk"])
        claims: dict[str, Any] = jwt.decode(proof, key, algorithms=["ES256"]).claims
    except (ValueError, KeyError, TypeError, JoseError) as error:
        raise Refusal("proof") from error
    url = call.request.url.replace(query="", fragment="")
    digest = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode().rstrip("=")
    wanted = {"htm": call.request.method, "htu": str(url), **({"ath": digest} if token else {})}
    if any(claims.get(name) != value for name, value in wanted.items()):
        raise Refusal("proof")
    if claims.get("nonce") != NONCE:
        raise Refusal("nonce")
    return key.thumbprint()


def request_uri() -> str:
    """Return a name of a pushed request that nobody can guess."""
    return f"urn:ietf:params:oauth:request_uri:{secrets.token_urlsafe(16)}"


def _sealed(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
