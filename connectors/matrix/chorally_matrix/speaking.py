"""How calls carry the token."""

from collections.abc import Generator

import httpx
from pydantic import SecretStr

import chorally_sdk as sdk


class As(sdk.Bearer):
    """The token in the header and, for an application service, the user it speaks as (``user_id``)."""

    def __init__(self, token: SecretStr, user: str = "") -> None:
        super().__init__(token)
        self._user = user

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header and the parameter."""
        if self._user:
            request.url = request.url.copy_set_param("user_id", self._user)
        yield from super().auth_flow(request)
