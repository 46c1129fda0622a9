"""Webhooks as LinkedIn sends them: up to ten notifications, signed, sent again until they are answered."""

import hmac
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import httpx

from chorally_linkedin.webhook import PREFIX, TOLD
from chorally_sdk.sandbox import Courier
from chorally_sdk.sandbox.hooks import Change

SECRET = "sandbox-client-secret"  # noqa: S105 - signs nothing but this sandbox's hooks


@dataclass
class Notifier(Courier):
    """The app's webhook; what is told (``add``) is a notification."""

    secret: str = SECRET
    is_alternative: bool = False
    """Whether the body alone is signed, and the prefix goes before the signature."""

    at_once: ClassVar[int] = 10

    def pack(self, changes: list[Change]) -> bytes:
        """Return a body of some notifications."""
        return json.dumps({"type": TOLD, "notifications": [told for _, told in changes]}).encode()

    def headers(self, body: bytes, *, is_forged: bool = False) -> Mapping[str, str]:
        """Return the signature of a body."""
        secret = (self.secret + ("?" if is_forged else "")).encode()
        if self.is_alternative:
            return {"X-LI-Signature": PREFIX + hmac.digest(secret, body, "sha256").hex()}
        return {"X-LI-Signature": hmac.digest(secret, PREFIX.encode() + body, "sha256").hex()}

    def proof(self, challenge: str) -> dict[str, str]:
        """Return what a test of the URL must be answered with."""
        digest = hmac.digest(self.secret.encode(), challenge.encode(), "sha256").hex()
        return {"challengeCode": challenge, "challengeResponse": digest}

    async def is_answered(self, url: str) -> bool:
        """Test a URL, as LinkedIn does before it uses it, and every two hours."""
        challenge = str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
        try:
            answer = await self.http().get(url, params={"challengeCode": challenge})
            return answer.status_code == 200 and answer.json() == self.proof(challenge)
        except (httpx.HTTPError, ValueError):
            return False
