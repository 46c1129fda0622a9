"""Finds the services that installed packages add, and keeps a broken one from disturbing the others.

A package names its declaration under the entry-point group ``chorally.services``; see docs/how-to/write-a-service.md.
"""

import importlib.metadata as metadata
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import structlog

from chorally_core.bootstrap.parts import PARTS, Role
from chorally_core.bootstrap.service import Around, Reads, Service
from chorally_core.ports.permissions import ROLES, Permission, declare
from chorally_sdk.plugins import RESERVED, TOPICS, discover

ENTRY_POINTS = "chorally.services"

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST = 30
_PERMISSION = re.compile(r"[a-z][a-z0-9-]*:[a-z][a-z0-9-]*")

log = structlog.get_logger(__name__)


class Unusable(ValueError):
    """An installed service cannot be made a part of this process; the message says which, and why."""


@dataclass(frozen=True)
class Added:
    """A service of an installed package."""

    service: Service
    package: str
    """Its name and version."""
    module: str
    """The module that declares it; what it stores is declared below the same package."""

    @property
    def roles(self) -> tuple[Role, ...]:
        """What processes can do for it, by what it has."""
        had = self.service
        works = had.has("jobs") or had.has("rounds")
        handles = had.reads is not None or had.has("behind")
        return (Role.API, *([Role.CONSUMER] if handles else []), *([Role.WORKER] if works else []))


@dataclass(frozen=True)
class Broken:
    """A package whose service cannot be used, and why."""

    name: str
    package: str
    reason: str


@dataclass
class Found:
    """What the installed packages add."""

    services: dict[str, Added] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)


def why_not(name: str, connectors: Collection[str]) -> str:
    """Return why no service can have this name; empty where one can.

    Args:
        name: A name that somebody wants.
        connectors: The names of the connectors, which have routes like services.
    """
    if len(name) > LONGEST or NAME.fullmatch(name) is None:
        return (
            f"{name!r} is no name of a service; use at most {LONGEST} small letters, digits and -, such as gift-cards"
        )
    if name in PARTS or name in RESERVED:
        return f"the name {name!r} is reserved; choose another"
    if name in TOPICS:
        return f"{name!r} is the name of a topic; choose another"
    if name in connectors or name.replace("-", "_") in connectors:
        return f"{name!r} is the name of a connector; choose another"
    return ""


@cache
def added() -> Found:
    """Return the services that installed packages add; looked for once."""
    found = find()
    for one in found.services.values():
        declare(one.service.permissions)
    for broken in found.broken:
        log.error("a service cannot be used", service=broken.name, package=broken.package, reason=broken.reason)
    return found


def find(distributions: Iterable[metadata.Distribution] | None = None) -> Found:
    """Look for services in packages.

    Args:
        distributions: Where to look; the running interpreter's packages where None.
    """
    found = Found()
    entries: dict[tuple[str, str], tuple[str, metadata.EntryPoint]] = {}
    for dist in metadata.distributions() if distributions is None else distributions:
        try:
            if ENTRY_POINTS not in (dist.read_text("entry_points.txt") or ""):
                continue
            package = f"{dist.metadata['Name']} {dist.version}"
            for entry in dist.entry_points:
                if entry.group == ENTRY_POINTS:
                    entries.setdefault((entry.name, dist.metadata["Name"]), (package, entry))
        except Exception as error:
            log.warning("a package says that it has a service, but its metadata cannot be read", error=repr(error))
    connectors = discover().plugins if entries else {}
    for (name, _), (package, entry) in sorted(entries.items()):
        _add(found, name, package, entry, connectors)
    return found


def _add(found: Found, name: str, package: str, entry: metadata.EntryPoint, connectors: Collection[str]) -> None:
    try:
        if why := why_not(name, connectors):
            raise ValueError(why)
        if name in found.services:
            raise ValueError(f"the name is taken by {found.services[name].package}")
        service = _checked(name, entry.load())
        taken = {permission for one in found.services.values() for permission in one.service.permissions}
        if both := sorted(taken & set(service.permissions)):
            raise ValueError(f"another package declares the permission {both[0]!r}")
        found.services[name] = Added(_guarded(service, package), package, entry.module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a package does at import must not disturb the others
        found.broken.append(Broken(name, package, f"{type(error).__name__}: {error}"))


def _checked(name: str, service: Any) -> Service:
    """The declaration, where it is one that can be used.

    Raises:
        TypeError: It is no declaration.
        ValueError: What it says cannot be.
    """
    if not isinstance(service, Service):
        raise TypeError(f"the entry point names {service!r}, not a Service")
    if service.name != name:
        raise ValueError(f"it is declared as {service.name!r}, the entry point says {name!r}; use one name")
    known = set(map(str, Permission))
    for permission, roles in service.permissions.items():
        if permission in known or _PERMISSION.fullmatch(permission) is None or not permission.startswith(f"{name}:"):
            raise ValueError(f"the permission {permission!r} must be {name}: and what it allows, in small letters")
        if unknown := sorted(set(roles) - set(ROLES)):
            raise ValueError(f"there is no role {unknown[0]!r} to have {permission}; there are {', '.join(ROLES)}")
    return service


def _guarded(service: Service, package: str) -> Service:
    """The service, which names its package where it fails, and takes no name that another may have."""
    name = service.name

    def told(part: str, make: Callable[[Around], Any], check: Callable[[Any], None]) -> Callable[[Around], Any]:
        def made(around: Around) -> Any:
            try:
                what = make(around)
                check(what)
            except Exception as error:
                why = f"{part} of the service {name!r} ({package}) cannot be had: {type(error).__name__}: {error}"
                raise Unusable(f"{why}; mend the package, or uninstall it") from error
            return what

        return made

    def all_within(things: Sequence[Any]) -> None:
        for thing in things:
            if thing.name != name and not thing.name.startswith(f"{name}/"):
                raise ValueError(f"{thing.name!r} must be {name!r}, or begin with {name + '/'!r}")

    def of_a_group(reads: Reads) -> None:
        if reads.group != name and not reads.group.startswith(f"{name}-"):
            raise ValueError(f"its group {reads.group!r} must be {name!r}")

    def anything(_: Any) -> None:
        pass

    if service.reads is not None:
        service = replace(service, reads=told("what is handled", service.reads, of_a_group))
    for part in ("jobs", "rounds", "erases"):
        if service.has(part):
            made: dict[str, Any] = {part: told(f"the {part}", getattr(service, part), all_within)}
            service = replace(service, **made)
    return replace(
        service, api=told("the API", service.api, anything), larger=told("the API", service.larger, anything)
    )
