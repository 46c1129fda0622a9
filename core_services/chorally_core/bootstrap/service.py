"""What one service is to the system: its routes, what it reads, what it does by itself, what it erases."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from fastapi import FastAPI

from chorally_core.adapters.identity import TokenIdentity
from chorally_core.api.files_named import Files
from chorally_core.bootstrap.stores import Stores
from chorally_core.bootstrap.texts import Texts
from chorally_core.bootstrap.trust import Trust
from chorally_core.ports.coordination import Coordination
from chorally_core.ports.documents import Documents
from chorally_core.ports.erasure import Part
from chorally_core.ports.handlers import Handler
from chorally_core.ports.job_kinds import JobKind
from chorally_core.ports.ledger import Ledger
from chorally_core.ports.objects import Objects
from chorally_core.ports.search import Search
from chorally_core.ports.secrets import Vault
from chorally_core.runner import Actions
from chorally_core.runner.pump import Stage
from chorally_core.services.io.service import IoService
from chorally_core.services.log.feed import Feed
from chorally_core.settings import Settings, days
from chorally_sdk.plugins import Registry


@dataclass(frozen=True, kw_only=True)
class Around:
    """What services stand on in one process."""

    settings: Settings
    stores: Stores
    trust: Trust
    io: IoService
    feed: Feed
    actions: Actions
    registry: Registry
    now: Callable[[], datetime]
    ids: Callable[[], str]

    @property
    def ledger(self) -> Ledger:
        """Where work becomes durable."""
        return self.stores.ledger

    @property
    def documents(self) -> Documents:
        """Where records lie."""
        return self.stores.ledger.documents

    @property
    def objects(self) -> Objects:
        """Where large bytes lie."""
        return self.stores.objects

    @property
    def search(self) -> Search:
        """The index of messages."""
        return self.stores.search

    @property
    def coordination(self) -> Coordination:
        """What processes tell each other in passing."""
        return self.stores.coordination

    @property
    def identity(self) -> TokenIdentity:
        """Says who a caller is."""
        return self.trust.identity

    @property
    def vault(self) -> Vault:
        """Seals what must not be readable at rest."""
        return self.io.vault

    @property
    def texts(self) -> Texts:
        """Says what can go out on a channel."""
        return Texts(self.io.directory)

    @property
    def files(self) -> Files:
        """Finds the files that a request names."""
        return Files(lambda tenant: days(self.settings, tenant, "files"))

    def own(self, kind: str) -> dict[str, float]:
        """Days by tenant, of those that have their own; what a tenant does not say is as for everybody."""
        own = self.settings.tenant_retention_days
        return {tenant: getattr(said, kind) for tenant, said in own.items() if kind in said.model_fields_set}


class Reads(NamedTuple):
    """What a service handles, and the consumer group that it does so as."""

    group: str
    handlers: Sequence[Handler[Any]]


class Round(NamedTuple):
    """Something that one process at a time does every few seconds."""

    name: str
    """``service/what``; the same for ever, as processes hold a lease of that name."""
    once: Callable[[], Awaitable[int]]
    """Does what is due, and returns how much that was."""
    every_s: float
    stop: Callable[[], Awaitable[None]] | None = None
    """Ends what it may have begun, when the process does."""


def _nothing(around: Around) -> Sequence[Any]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Service:
    """One service; what it has is made only in processes that have its role."""

    name: str
    api: Callable[[Around], FastAPI]
    """Its routes, served at ``/NAME/v1``."""
    larger: Callable[[Around], Mapping[str, int]] = lambda around: {}
    """Bytes of a body by path, where it may be larger than others: what serves that path streams it."""
    reads: Callable[[Around], Reads] | None = None
    """What it handles as a consumer."""
    behind: Callable[[Around], Sequence[Stage]] = _nothing
    """What a consumer does behind the flow, which must not wait for it."""
    jobs: Callable[[Around], Sequence[JobKind[Any]]] = _nothing
    """Kinds of jobs of its workers; what is kept how long is one (``runner.retention``)."""
    rounds: Callable[[Around], Sequence[Round]] = _nothing
    """What its workers do every few seconds."""
    erases: Callable[[Around], Sequence[Part]] = _nothing
    """Its parts of the erasure of a person."""
    permissions: Mapping[str, Collection[str]] = field(default_factory=dict)
    """What it asks for beside ``ports.permissions``, each with the built-in roles that have it."""
    does: str = ""
    """What it is for, in a line; for the services of packages."""

    def has(self, part: str) -> bool:
        """Whether it declares ``behind``, ``jobs``, ``rounds`` or ``erases``."""
        return getattr(self, part) is not _nothing
