"""Keycloak as the issuer: each tenant has a realm of its own, whose name is the tenant's id."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

import httpx
import msgspec
from joserfc.util import urlsafe_b64decode

from chorally_core.adapters.identity.introspection import Introspection
from chorally_core.adapters.identity.remote_keys import NoSuchIssuer, RemoteKeys
from chorally_core.adapters.identity.verifier import MAX_TOKEN, ClaimPaths, Verifier
from chorally_core.ports.identity import TENANT, Caller, IdentityUnavailable, Unauthenticated

_STRANGE_EVERY = timedelta(minutes=1)
_STRANGE = 60  # realms a minute that are looked for because a token names them
_REMEMBERED = 2_000  # realms that were looked for and are not there


class People(Protocol):
    """Keeps a record of the people who come with tokens of realms."""

    async def met(self, caller: Caller, claims: Mapping[str, Any]) -> None:
        """Take note of a person, whose token is new."""

    async def may_work(self, caller: Caller) -> bool:
        """Whether nobody has disabled them here."""


class Verifies(Protocol):
    """Gives the caller that a token proves."""

    async def verify(self, token: str) -> Caller:
        """Return the caller.

        Raises:
            Unauthenticated: The token proves nobody.
            IdentityUnavailable: It cannot be told at the moment.
        """


class Terms(NamedTuple):
    """What is agreed with a Keycloak."""

    server: str
    """What ``iss`` begins with, before ``/realms/NAME``."""
    reached_at: str
    """Where this process reaches it."""
    audience: str
    client_id: str
    """Our client in every realm, which asks whether tokens count."""
    secrets: Mapping[str, str]
    """Its secret by realm, or under ``*`` for all; where there is none, tokens count until they expire."""
    roles_claim: str
    role_names: Mapping[str, str]
    """Built-in roles by the realm's names for them."""
    check_every: timedelta


class _Realm(NamedTuple):
    keys: RemoteKeys
    verifier: Verifier
    introspection: Introspection | None


class Realms:
    """Gives the caller that a token of a realm proves, who is of the tenant of that name."""

    def __init__(
        self, terms: Terms, http: httpx.AsyncClient, clock: Callable[[], datetime], people: People, *, most: int = 1_000
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            terms: What is agreed with the server.
            http: Asks it; its time-out should be a few seconds.
            clock: Gives the time.
            people: Keeps a record of who comes.
            most: How many realms are remembered.
        """
        self._terms = terms
        self._http = http
        self._clock = clock
        self._people = people
        self._most = most
        self._known: OrderedDict[str, _Realm] = OrderedDict()
        self._missing: OrderedDict[str, datetime] = OrderedDict()
        self._looked: list[datetime] = []
        self._asked: dict[str, _Realm] = {}

    def is_of(self, issuer: str) -> bool:
        """Whether an issuer is a realm here, as far as its name tells."""
        return issuer.startswith(f"{self._terms.server}/realms/")

    async def verify(self, token: str) -> Caller:
        """Return the caller.

        Raises:
            Unauthenticated: The token proves nobody, its session has ended, or the person may not work here.
            IdentityUnavailable: It cannot be told at the moment.
        """
        name = issuer_of(token).removeprefix(f"{self._terms.server}/realms/")
        if TENANT.fullmatch(name) is None:
            raise Unauthenticated("the token is of another issuer")
        realm = self._known.get(name)
        if realm is None:
            realm, caller = await self._first(name, token)
        else:
            self._known.move_to_end(name)
            caller = await realm.verifier.verify(token)
        if realm.introspection is not None and not await realm.introspection.is_active(caller.token_id, token):
            raise Unauthenticated("the session has ended, or the user is disabled; sign in again")
        if caller.kind == "user" and not await self._people.may_work(caller):
            raise Unauthenticated("the user is disabled")
        return caller

    def _prepared(self, name: str) -> _Realm:
        """What verifies a realm's tokens; a realm that nobody has heard of is looked for now and then only."""
        now = self._clock()
        missed = self._missing.get(name)
        if missed is not None and now - missed < _STRANGE_EVERY:
            raise Unauthenticated("the token is of a realm that is not there")
        self._looked = [at for at in self._looked if now - at < _STRANGE_EVERY]
        if len(self._looked) >= _STRANGE:
            raise IdentityUnavailable("too many tokens of unknown realms; try again later", _STRANGE_EVERY.seconds)
        self._looked.append(now)
        terms = self._terms
        at = f"{terms.reached_at}/realms/{name}/protocol/openid-connect"
        keys = RemoteKeys(f"{at}/certs", self._http, self._clock)
        verifier = Verifier(
            keys,
            issuer=f"{terms.server}/realms/{name}",
            audience=terms.audience,
            clock=self._clock,
            tenant=name,
            claims=ClaimPaths(roles=terms.roles_claim),
            role_names=terms.role_names,
            met=self._people.met,
        )
        secret = terms.secrets.get(name, terms.secrets.get("*", ""))
        asks = secret and Introspection(
            self._http, url=f"{at}/token/introspect", client_id=terms.client_id, secret=secret,
            every=terms.check_every, clock=self._clock,
        )  # fmt: skip
        return _Realm(keys, verifier, asks or None)

    async def _first(self, name: str, token: str) -> tuple[_Realm, Caller]:
        """The caller by a realm's first token; a realm that is there is remembered, whatever the token is worth."""
        realm = self._asked.get(name)
        if realm is None:
            realm = self._asked[name] = self._prepared(name)
        try:
            return realm, await realm.verifier.verify(token)
        except NoSuchIssuer:
            self._missing[name] = self._clock()
            self._missing.move_to_end(name)
            if len(self._missing) > _REMEMBERED:
                self._missing.popitem(last=False)
            raise
        finally:
            if self._asked.get(name) is realm:
                del self._asked[name]
            if realm.keys.is_known:
                self._known.setdefault(name, realm)
                if len(self._known) > self._most:
                    self._known.popitem(last=False)


class Issuers:
    """Gives the caller that a token of either proves: of a realm, or of the built-in issuer for who runs the system."""

    def __init__(self, realms: Realms, built_in: Verifies) -> None:
        self._realms = realms
        self._built_in = built_in

    async def verify(self, token: str) -> Caller:
        """Return the caller.

        Raises:
            Unauthenticated: The token proves nobody.
            IdentityUnavailable: It cannot be told at the moment.
        """
        verifies = self._realms if self._realms.is_of(issuer_of(token)) else self._built_in
        return await verifies.verify(token)


class _Claimed(msgspec.Struct):
    iss: str = ""


def issuer_of(token: str) -> str:
    """Return who a token says it is from, before anything in it is trusted; empty where it does not say.

    Raises:
        Unauthenticated: It is no token.
    """
    if len(token) > MAX_TOKEN:
        raise Unauthenticated("the token is too long")
    try:
        return msgspec.json.decode(urlsafe_b64decode(token.split(".")[1].encode()), type=_Claimed).iss
    except (ValueError, IndexError, msgspec.MsgspecError, RecursionError):
        raise Unauthenticated("the token is malformed") from None
