"""Serves the identity port: people by access tokens, programs by service tokens."""

from chorally_core.adapters.identity.realms import Verifies
from chorally_core.adapters.identity.service_tokens import ServiceTokens
from chorally_core.ports.identity import Caller, Unauthenticated


class TokenIdentity:
    """Tells by the scheme of the ``Authorization`` header who has to prove the caller."""

    def __init__(self, access: Verifies, services: ServiceTokens) -> None:
        self._access = access
        self._services = services

    async def authenticate(self, authorization: str) -> Caller:
        """Return who sent the request.

        Raises:
            Unauthenticated: The value proves nobody.
            IdentityUnavailable: It cannot be told at the moment.
        """
        if not authorization.isascii():
            raise Unauthenticated("the Authorization header is malformed")
        scheme, _, credentials = authorization.partition(" ")
        kind = scheme.lower()
        if kind == "bearer":
            return await self._access.verify(credentials.strip(" "))
        if kind == "token":
            return self._services.caller(credentials.strip(" "))
        raise Unauthenticated("the Authorization header is neither of the scheme Bearer nor Token")
