"""The identity port: who sends a request, for which tenant, and what they may do."""

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
"""What a tenant's id looks like: no dot, so that ``secret.tenant`` splits; no slash, so that keys do."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever sent a request, once proven."""

    tenant: str
    subject: str
    """A user's id, or the name of the service that holds a service token."""
    kind: Literal["user", "service"]
    name: str = ""
    roles: tuple[str, ...] = ()
    permissions: frozenset[str] = frozenset()
    token_id: str = ""
    """Tells tokens apart, for budgets and the log; says nothing of the secret."""

    def may(self, permission: str) -> bool:
        """Whether the caller has the permission."""
        return permission in self.permissions


class Unauthenticated(Exception):
    """The request does not prove who sent it; ``reason`` may be shown to whoever did."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class IdentityUnavailable(Exception):
    """Nobody can be proven at the moment, such as while the issuer's keys cannot be fetched: try again later."""

    def __init__(self, reason: str, wait_s: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_s = wait_s


class Identity(Protocol):
    """Proves who sends a request."""

    async def authenticate(self, authorization: str) -> Caller:
        """Return who sent the request, from the whole value of its ``Authorization`` header.

        Raises:
            Unauthenticated: The value proves nobody.
            IdentityUnavailable: It cannot be told at the moment.
        """


class Issued(NamedTuple):
    """An access token that was just made."""

    access_token: str
    expires_in_s: int

    def __repr__(self) -> str:
        return f"Issued(expires_in_s={self.expires_in_s})"


class Tokens(Protocol):
    """Makes access tokens for users who have proven themselves."""

    def issue(self, *, subject: str, tenant: str, name: str, roles: tuple[str, ...], generation: int) -> Issued:
        """Return a token for the user; raising their generation later makes it worthless."""

    def jwks(self) -> Mapping[str, Any]:
        """Return the public keys that the tokens are verified with, as a JSON Web Key Set."""
