"""Service tokens: ``Authorization: Token secret.tenant``, from the setting ``CHORALLY_SERVICE_TOKENS``."""

import hmac
import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from chorally_core.ports.identity import TENANT, Caller, Unauthenticated
from chorally_core.ports.permissions import every_permission

SETTING = "CHORALLY_SERVICE_TOKENS"
ANY = "*"
"""In place of the tenants: whichever the header names."""

_SENDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_SECRET = re.compile(r"[!-~]{16,512}")
_FIELDS = frozenset({"sender", "secrets", "tenants", "permissions"})
_LIVE = 2
_UNKNOWN = "the service token is not known, or not for this tenant"


class InvalidServiceTokens(ValueError):
    """The setting is wrong; ``mistakes`` names each, without any secret."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__(f"{SETTING}: " + "; ".join(mistakes))
        self.mistakes = mistakes


class _Live(NamedTuple):
    """One live secret, known by its digest only."""

    digest: bytes
    sender: str
    number: int
    tenants: frozenset[str]
    permissions: frozenset[str]

    def __repr__(self) -> str:
        return f"_Live(sender={self.sender!r}, number={self.number})"


class ServiceTokens:
    """Gives the caller that a service token proves."""

    def __init__(self, live: Iterable[_Live] = ()) -> None:
        self._live = tuple(live)

    @classmethod
    def of(cls, setting: str) -> "ServiceTokens":
        """Return the tokens that the setting declares; none where it is blank.

        The setting is a JSON list with an object for each sender:
        ``{"sender": "billing", "secrets": ["…", "…"], "tenants": ["acme"], "permissions": ["tickets:read"]}``.
        Two secrets may be live at once, so that one can replace the other; ``["*"]`` stands for all tenants.

        Raises:
            InvalidServiceTokens: All that is wrong with it.
        """
        if not setting.strip():
            return cls()
        try:
            senders = msgspec.json.decode(setting)
        except (msgspec.DecodeError, ValueError, RecursionError):
            raise InvalidServiceTokens(["it is not JSON"]) from None
        if not isinstance(senders, list):
            raise InvalidServiceTokens(["it is not a JSON list"])
        mistakes: list[str] = []
        live: list[_Live] = []
        names: set[str] = set()
        for place, sender in enumerate(senders, 1):
            found = list(_mistakes(sender))
            if not found:
                if sender["sender"] in names:
                    found.append(f"the sender {sender['sender']!r} is declared twice")
                names.add(sender["sender"])
            mistakes += [f"entry {place}: {mistake}" for mistake in found]
            if not found:
                live += _live(sender)
        if len({one.digest for one in live}) < len(live):
            mistakes.append("a secret is used twice")
        if mistakes:
            raise InvalidServiceTokens(mistakes)
        return cls(live)

    def caller(self, credentials: str) -> Caller:
        """Return whom ``secret.tenant`` proves, comparing with every secret in constant time.

        Raises:
            Unauthenticated: It proves nobody.
        """
        secret, tenant = split(credentials)
        digest = sha256(secret.encode()).digest()
        found: _Live | None = None
        for one in self._live:
            if hmac.compare_digest(one.digest, digest):
                found = one
        if found is None or not (tenant in found.tenants or ANY in found.tenants):
            raise Unauthenticated(_UNKNOWN)
        return Caller(
            tenant=tenant,
            subject=found.sender,
            kind="service",
            name=found.sender,
            permissions=found.permissions,
            token_id=f"{found.sender}/{found.number}",
        )


def split(credentials: str) -> tuple[str, str]:
    """Return secret and tenant, parted at the last dot.

    Raises:
        Unauthenticated: It is not of that shape.
    """
    secret, _, tenant = credentials.rpartition(".")
    if not secret or TENANT.fullmatch(tenant) is None:
        raise Unauthenticated("the service token is not of the form secret.tenant")
    return secret, tenant


def _live(sender: Any) -> Iterator[_Live]:
    tenants = frozenset(sender["tenants"])
    permissions = frozenset[str](sender["permissions"])
    for number, secret in enumerate(sender["secrets"], 1):
        yield _Live(sha256(secret.encode()).digest(), sender["sender"], number, tenants, permissions)


def _mistakes(sender: Any) -> Iterator[str]:
    """What is wrong with one sender. Values are shown only where they cannot be a secret put in the wrong place."""
    if not isinstance(sender, dict):
        yield "it is not an object"
        return
    missing = sorted(_FIELDS - set(sender))
    if missing:
        yield f"{', '.join(missing)} missing"
    if set(sender) - _FIELDS:
        yield f"it has fields other than {', '.join(sorted(_FIELDS))}"
    if "sender" in sender and not _is(_SENDER, sender["sender"]):
        yield "sender is not a name of letters, digits, - and _"
    yield from _wrong_secrets(sender.get("secrets", ["x" * 16]))
    yield from _wrong_tenants(sender.get("tenants", [ANY]))
    yield from _wrong_permissions(sender.get("permissions", ["tickets:read"]))


def _wrong_secrets(secrets: Any) -> Iterator[str]:
    if not isinstance(secrets, list) or not 1 <= len(secrets) <= _LIVE:
        yield "secrets is not a list of one or two"
        return
    for number, secret in enumerate(secrets, 1):
        if not _is(_SECRET, secret):
            yield f"secret {number} is not a text of 16 to 512 printable characters without spaces"


def _wrong_tenants(tenants: Any) -> Iterator[str]:
    if not isinstance(tenants, list) or not tenants:
        yield 'tenants is not a list of tenants, or ["*"] for all'
    elif ANY in tenants and len(tenants) > 1:
        yield 'tenants has others beside "*"'
    elif tenants != [ANY]:
        for number, tenant in enumerate(tenants, 1):
            if not _is(TENANT, tenant):
                yield f"tenant {number} is not an id of letters, digits, - and _ (no dot)"


def _wrong_permissions(permissions: Any) -> Iterator[str]:
    known = set(map(str, every_permission()))
    if not isinstance(permissions, list) or not permissions:
        yield "permissions is not a list with at least one permission"
        return
    for number, permission in enumerate(permissions, 1):
        if not isinstance(permission, str) or permission not in known:
            yield f"permission {number} is not one of {', '.join(sorted(known))}"


def _is(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
