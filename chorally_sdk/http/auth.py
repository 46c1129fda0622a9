"""How a request carries a grant."""

from collections.abc import Generator

import httpx
from pydantic import SecretStr


class Bearer(httpx.Auth):
    """The access token in the Authorization header (RFC 6750)."""

    def __init__(self, token: SecretStr, scheme: str = "Bearer") -> None:
        self._token = token
        self._scheme = scheme

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header."""
        request.headers["Authorization"] = f"{self._scheme} {self._token.get_secret_value()}"
        yield request
