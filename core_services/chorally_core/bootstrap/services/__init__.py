"""The services, each declared in a module that bears its name, with ``_`` for ``-``; or by an installed package.

Which there are, and their roles, says ``bootstrap.parts``; a module is imported where a process needs it.
"""

from collections.abc import Iterable
from importlib import import_module

from chorally_core.bootstrap.added import added
from chorally_core.bootstrap.parts import PARTS
from chorally_core.bootstrap.service import Service


def declared(names: Iterable[str]) -> list[Service]:
    """Return the declarations of some services, in the order named."""
    return [_of(name) for name in names]


def _of(name: str) -> Service:
    if name not in PARTS:
        return added().services[name].service
    found = import_module(f"{__name__}.{name.replace('-', '_')}").SERVICE
    if not isinstance(found, Service) or found.name != name:
        raise TypeError(
            f"{__name__}.{name.replace('-', '_')} must declare the service {name!r} as SERVICE, not {found!r}"
        )
    return found
