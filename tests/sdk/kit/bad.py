"""How a bad connector is written down: the check that must catch it, and what is wrong with it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from chorally_sdk.connector.base import Connector
from tests.sdk.kit.guestbook import Guestbook
from tests.sdk.kit.twin import GuestbookTwin


@dataclass(frozen=True)
class Bad:
    """One thing that is wrong."""

    check: str
    connector: type[Connector]
    twin: type[GuestbookTwin] = GuestbookTwin
    package: dict[str, Any] = field(default_factory=dict)
    is_whole: bool = True
    """Whether all that is simple still works; not so where the simplest thing itself is wrong."""

    def __str__(self) -> str:
        return f"{self.check}-{self.connector.__name__}"


BAD: list[Bad] = []
C = TypeVar("C", bound=type[Connector])


def bad(
    *checks: str, twin: type[GuestbookTwin] = GuestbookTwin, is_whole: bool = True, **package: Any
) -> Callable[[C], C]:
    """Say which checks must catch a connector."""

    def add(connector: C) -> C:
        BAD.extend(Bad(check, connector, twin, package, is_whole) for check in checks)
        return connector

    return add


def declared(check: str, base: type[Connector] = Guestbook, **changes: Any) -> None:
    """Add a connector whose manifest says something else."""
    name = "Says" + "".join(word.title() for word in changes)
    bad(check)(type(name, (base,), {"manifest": base.manifest.model_copy(update=changes)}))


def packaged(check: str, **changes: Any) -> None:
    """Add a connector whose package is wrong."""
    bad(check, **changes)(type("Packaged" + "".join(word.title() for word in changes), (Guestbook,), {}))
