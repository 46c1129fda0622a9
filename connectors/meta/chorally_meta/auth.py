"""How a call of the Graph API carries its token, and the proof that the app knows it.

Source: "Securing Graph API Calls" (read 2026-11-23).
"""

import hashlib
import hmac
from collections.abc import Generator

import httpx
from pydantic import SecretStr

import chorally_sdk as sdk


class GraphAuth(sdk.Bearer):
    """The token in the header, and the proof that the app knows it where the app's secret is known.

    A connector's whole ``auth``: ``return GraphAuth.of(self.app, grant)``.
    """

    def __init__(self, token: SecretStr, app_secret: SecretStr | None) -> None:
        super().__init__(token)
        known = app_secret is not None and app_secret.get_secret_value()
        self._proof = proof_of(token, app_secret) if app_secret is not None and known else ""

    @classmethod
    def of(cls, app: sdk.App, grant: sdk.Grant) -> "GraphAuth":
        """Return how a grant is carried in the name of an app, whose settings may have an ``app_secret``."""
        secret = getattr(app.settings, "app_secret", None)
        return cls(grant.access, secret if isinstance(secret, SecretStr) else None)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add header and proof."""
        if self._proof:
            request.url = request.url.copy_set_param("appsecret_proof", self._proof)
        yield from super().auth_flow(request)


def proof_of(token: SecretStr, app_secret: SecretStr) -> str:
    """Return the proof of a token: its HMAC-SHA256 under the app's secret, in hex."""
    key, message = app_secret.get_secret_value().encode(), token.get_secret_value().encode()
    return hmac.new(key, message, hashlib.sha256).hexdigest()
