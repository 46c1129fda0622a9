{% if cookiecutter.auth == 'api_key' %}
"""How requests carry the API key."""

from collections.abc import Generator

import httpx
from pydantic import SecretStr

HEADER = "x-api-key"


class ApiKey(httpx.Auth):
    """Puts the key into a header."""

    def __init__(self, key: SecretStr) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header."""
        request.headers[HEADER] = self._key.get_secret_value()
        yield request
{% endif %}
