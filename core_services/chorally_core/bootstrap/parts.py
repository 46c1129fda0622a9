"""The parts that a process consists of: some of the services, in some of their roles."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum


class Role(StrEnum):
    """What a process does for a service."""

    API = "api"
    """Serves its routes; for io, takes webhooks too."""
    CONSUMER = "consumer"
    """Handles its events."""
    WORKER = "worker"
    """Does what nobody asks for: pulls, deliveries, jobs."""


PARTS: dict[str, tuple[Role, ...]] = {
    "identity": (Role.API,),
    "io": (Role.API, Role.CONSUMER, Role.WORKER),
    "author": (Role.API, Role.CONSUMER),
    "message": (Role.API, Role.CONSUMER, Role.WORKER),
    "log": (Role.API, Role.CONSUMER, Role.WORKER),
    "rule-engine": (Role.API, Role.CONSUMER, Role.WORKER),
    "rule": (Role.API, Role.CONSUMER, Role.WORKER),
    "publishing": (Role.API, Role.CONSUMER, Role.WORKER),
    "outbound": (Role.API, Role.CONSUMER, Role.WORKER),
    "media": (Role.API, Role.WORKER),
    "metadata": (Role.API, Role.WORKER),
    "search": (Role.API, Role.CONSUMER, Role.WORKER),
}
"""The services of this package, and the roles that each of them has."""


def installed() -> Mapping[str, tuple[Role, ...]]:
    """Return all services with their roles: ours, and those that installed packages add."""
    from chorally_core.bootstrap.added import added  # what they import needs this module

    found = added().services
    return {**PARTS, **{name: one.roles for name, one in found.items()}} if found else PARTS


class UnknownPart(ValueError):
    """There is no such service or role, or nothing is left to do; the message says every mistake."""


@dataclass(frozen=True)
class Parts:
    """What runs in this process."""

    services: tuple[str, ...] = field(default_factory=lambda: tuple(installed()))
    roles: tuple[Role, ...] = tuple(Role)
    alone: bool = True
    """No other process works for the same installation: there is nothing to share and nobody to wait for."""

    @classmethod
    def named(cls, services: Collection[str], roles: Collection[str] = ()) -> "Parts":
        """Return the parts that somebody asks for by name, of a system of several processes.

        Args:
            services: At least one.
            roles: All where none is named.

        Raises:
            UnknownPart: A name is wrong, or none of the services has any of the roles.
        """
        all_of_them = installed()
        wrong = [_unknown("service", name, all_of_them) for name in services if name not in all_of_them]
        wrong += [_unknown("role", name, tuple(Role)) for name in roles if name not in tuple(Role)]
        if not services:
            wrong.append(f"name at least one service of {', '.join(all_of_them)}")
        if wrong:
            raise UnknownPart("\n".join(wrong))
        chosen = tuple(role for role in Role if not roles or role in roles)
        parts = cls(tuple(name for name in all_of_them if name in services), chosen, alone=False)
        if not any(parts.has(name, role) for name in parts.services for role in chosen):
            has = "; ".join(f"{name} has {', '.join(all_of_them[name])}" for name in parts.services)
            raise UnknownPart(f"there is nothing to do: {has}")
        return parts

    def has(self, service: str, *roles: Role) -> bool:
        """Whether the process is at least one of these roles of a service."""
        if service not in self.services:
            return False
        had = PARTS.get(service) or installed()[service]
        return any(role in self.roles and role in had for role in roles)

    def of(self, role: Role) -> list[str]:
        """Return the services that the process is this role of."""
        return [name for name in self.services if self.has(name, role)]

    def __str__(self) -> str:
        roles = [role for role in self.roles if self.of(role)]
        return f"{', '.join(self.services)} ({', '.join(roles)})"


def _unknown(what: str, name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, known, n=1)
    meant = f"did you mean {near[0]}? There are" if near else "there are"
    return f"there is no {what} {name!r}; {meant} {', '.join(known)}"
