"""How a request carries a grant."""

from collections.abc import Generator

import httpx
from pydantic import SecretStr

from chorally_sdk.errors import Reauthorize


class Bearer(httpx.Auth):
    """The access token in the Authorization header (RFC 6750)."""

    def __init__(self, token: SecretStr, scheme: str = "Bearer") -> None:
        self._token = token
        self._scheme = scheme

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header.

        Raises:
            Reauthorize: The token has a character that no header can carry, such as the end of a line.
        """
        token = self._token.get_secret_value()
        if not (token.isascii() and token.isprintable()):
            raise Reauthorize("the token has a character that cannot be sent; connect the account again")
        request.headers["Authorization"] = f"{self._scheme} {token}"
        yield request
