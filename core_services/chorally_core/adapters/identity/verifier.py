"""Verifies access tokens, the built-in issuer's and an outside one's alike."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
from joserfc import jwt
from joserfc.errors import BadSignatureError, ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError
from joserfc.jwt import JWTClaimsRegistry
from joserfc.util import urlsafe_b64decode

from chorally_core.adapters.identity.keys import ALGORITHMS, KeySource
from chorally_core.events.ids import derived
from chorally_core.ports.identity import TENANT, Caller, Unauthenticated
from chorally_core.ports.permissions import INSTALLER, ROLES, permissions_of

IsValid = Callable[[str, str, int], Awaitable[bool]]
"""Whether a user, of a tenant, may still use tokens of that generation."""

MAX_TOKEN = 32 * 1024
"""Bytes of a token: one with a thousand roles has less."""
_TYPES = ("", "jwt", "at+jwt", "application/at+jwt")


class ClaimPaths(NamedTuple):
    """Where an issuer puts what we need: claims, or members of claims as in ``realm_access.roles``."""

    tenant: str = "tenant"
    roles: str = "roles"
    name: str = "name"


class _Header(msgspec.Struct):
    alg: str
    kid: str
    typ: str = ""
    crit: Any = None


class _Verified(NamedTuple):
    caller: Caller
    generation: int
    expires_at: datetime
    revision: int


class Verifier:
    """Gives the caller that an access token proves."""

    def __init__(
        self,
        keys: KeySource,
        *,
        issuer: str,
        audience: str,
        clock: Callable[[], datetime],
        is_valid: IsValid | None = None,
        claims: ClaimPaths = ClaimPaths(),  # noqa: B008 (immutable)
        role_names: Mapping[str, str] | None = None,
        tenant: str = "",
        met: Callable[[Caller, Mapping[str, Any]], Awaitable[None]] | None = None,
        leeway: timedelta = timedelta(seconds=30),
        most_cached: int = 10_000,
    ) -> None:
        """Set what a token must say.

        Args:
            keys: The issuer's keys.
            issuer: The only ``iss`` that is taken.
            audience: What ``aud`` must contain.
            clock: Gives the time.
            is_valid: Asked at every request, where users can be disabled here.
            claims: Where tenant, roles and name are found.
            role_names: Built-in roles by the issuer's names for them; its other roles are passed over. Where
                None, the names are the same.
            tenant: Whose all tokens of the issuer are; where empty, each says it. Where it is said here, people's
                ids are made of the tenant and the issuer's id, so that no issuer can name another's people.
            met: Told of a caller and their claims whenever a token of theirs is new.
            leeway: How far the issuer's clock may be off.
            most_cached: How many verified tokens are remembered.
        """
        self._keys = keys
        self._clock = clock
        self._is_valid = is_valid
        self._claims = claims
        self._role_names = role_names if role_names is not None else {role: role for role in (*ROLES, INSTALLER)}
        self._tenant = tenant
        self._met = met
        self._most = most_cached
        self._cached: OrderedDict[str, _Verified] = OrderedDict()
        self._registry = JWTClaimsRegistry(
            now=lambda: int(clock().timestamp()),
            leeway=int(leeway.total_seconds()),
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            sub={"essential": True},
            exp={"essential": True},
        )

    async def verify(self, token: str) -> Caller:
        """Return the caller whom the token proves.

        Raises:
            Unauthenticated: It proves nobody.
            IdentityUnavailable: The issuer's keys are not known at the moment.
        """
        verified = self._remembered(token)
        if verified is None:
            verified = await self._verify(token)
        if self._is_valid is not None:
            caller = verified.caller
            if not await self._is_valid(caller.subject, caller.tenant, verified.generation):
                self._cached.pop(token, None)
                raise Unauthenticated("the token was withdrawn; sign in again")
        return verified.caller

    def _remembered(self, token: str) -> _Verified | None:
        verified = self._cached.get(token)
        if verified is None:
            return None
        if verified.expires_at <= self._clock() or verified.revision != self._keys.revision:
            del self._cached[token]
            return None
        self._cached.move_to_end(token)
        return verified

    async def _verify(self, token: str) -> _Verified:
        claims = await self._checked(token)
        verified = self._to_verified(claims, token)
        if self._met is not None:
            await self._met(verified.caller, claims)
        self._cached[token] = verified
        if len(self._cached) > self._most:
            self._cached.popitem(last=False)
        return verified

    async def _checked(self, token: str) -> dict[str, Any]:
        """The claims of a token whose signature, issuer, audience and times are right."""
        if len(token) > MAX_TOKEN:
            raise Unauthenticated("the token is too long")
        header = _header(token)
        key = await self._keys.key(header.kid)
        if key is None:
            raise Unauthenticated("the token is signed with a key that its issuer does not have")
        try:
            claims = jwt.decode(token, key, algorithms=list(ALGORITHMS)).claims
        except BadSignatureError:
            raise Unauthenticated("the token's signature is wrong") from None
        except (JoseError, ValueError, TypeError, RecursionError):
            raise Unauthenticated("the token is malformed") from None
        try:
            self._registry.validate(claims)
        except ExpiredTokenError:
            raise Unauthenticated("the token has expired; sign in again") from None
        except MissingClaimError as error:
            raise Unauthenticated(f"the token does not say {error.claim}") from None
        except InvalidClaimError as error:
            raise Unauthenticated(_WRONG.get(error.claim, f"the token's {error.claim} is malformed")) from None
        if claims.get("typ", "Bearer") != "Bearer":
            raise Unauthenticated("the token is not an access token")
        return claims

    def _to_verified(self, claims: Mapping[str, Any], token: str) -> _Verified:
        tenant = self._tenant or _at(claims, self._claims.tenant)
        if not isinstance(tenant, str) or TENANT.fullmatch(tenant) is None:
            raise Unauthenticated("the token does not say for which tenant it is")
        named = _at(claims, self._claims.roles) or []
        if not isinstance(named, list) or not all(isinstance(role, str) for role in named):
            raise Unauthenticated("the token's roles are not a list of names")
        generation = claims.get("gen", 0)
        if type(generation) is not int:
            raise Unauthenticated("the token's gen is malformed")
        roles = tuple(dict.fromkeys(self._role_names[role] for role in named if role in self._role_names))
        name = _at(claims, self._claims.name)
        is_service = is_service_account(claims)
        caller = Caller(
            tenant=tenant,
            subject=derived(tenant, claims["sub"])[:32] if self._tenant else claims["sub"],
            kind="service" if is_service else "user",
            name=claims["client_id"] if is_service else name if isinstance(name, str) else "",
            roles=roles,
            permissions=permissions_of(roles),
            token_id=claims.get("jti") or sha256(token.encode()).hexdigest()[:16],
        )
        return _Verified(caller, generation, _instant(claims["exp"]), self._keys.revision)


def is_service_account(claims: Mapping[str, Any]) -> bool:
    """Whether a token was made for a program, as Keycloak marks it: its user is named after its client."""
    client, user = claims.get("client_id"), claims.get("preferred_username")
    return isinstance(client, str) and isinstance(user, str) and user == f"service-account-{client.lower()}"


_WRONG = {
    "iss": "the token is of another issuer",
    "aud": "the token is for another audience",
    "nbf": "the token is not valid yet",
    "iat": "the token is from the future",
    "sub": "the token does not say whose it is",
}


def _header(token: str) -> _Header:
    """The header of a token, before anything in it is trusted."""
    head, dot, _ = token.partition(".")
    try:
        header = msgspec.json.decode(urlsafe_b64decode(head.encode()), type=_Header)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        raise Unauthenticated("the token is malformed") from None
    if not dot or header.typ.lower() not in _TYPES or header.crit is not None:
        raise Unauthenticated("the token is not an access token")
    if header.alg not in ALGORITHMS:
        raise Unauthenticated(f"the token's algorithm is not one of {', '.join(ALGORITHMS)}")
    return header


def _instant(seconds: float) -> datetime:
    """Seconds since 1970 as an instant; what is too far for a calendar as the last one there is."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.max.replace(tzinfo=UTC)


def _at(claims: Mapping[str, Any], path: str) -> Any:
    """The claim of that name, or the member that the dotted path leads to; None where there is none."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for step in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(step)
    return found
