"""What the routes of the I/O service share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Annotated

from chorally_core.api.auth import allowed
from chorally_core.api.idempotency import Once
from chorally_core.ports.documents import Documents
from chorally_core.ports.identity import Caller
from chorally_core.ports.ledger import Ledger
from chorally_core.ports.permissions import Permission
from chorally_core.services.io.downloading import Downloading
from chorally_core.services.io.service import IoService
from chorally_core.services.io.templates import Templates
from chorally_sdk.plugins import Registry

AccountReader = Annotated[Caller, allowed(Permission.ACCOUNTS_READ)]
AccountWriter = Annotated[Caller, allowed(Permission.ACCOUNTS_WRITE)]
TicketReader = Annotated[Caller, allowed(Permission.TICKETS_READ)]
DeliveryReader = Annotated[Caller, allowed(Permission.DELIVERIES_READ)]
DeliveryResolver = Annotated[Caller, allowed(Permission.DELIVERIES_RESOLVE)]
OperationsReader = Annotated[Caller, allowed(Permission.OPERATIONS_READ)]
OperationsWriter = Annotated[Caller, allowed(Permission.OPERATIONS_WRITE)]


@dataclass(frozen=True)
class Io:
    """What the API needs."""

    service: IoService
    ledger: Ledger
    registry: Registry
    """Every installed plugin, also those that cannot be loaded."""
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    downloading: Downloading | None = None
    """Reads files that people send; where there is none, no route does."""

    @property
    def documents(self) -> Documents:
        """Where everything is stored."""
        return self.ledger.documents

    @cached_property
    def templates(self) -> Templates:
        """Lists the templates of accounts."""
        return Templates(self.ledger, self.service.directory, now=self.now)

    @cached_property
    def once(self) -> Once:
        """Carries out writes under an ``Idempotency-Key``."""
        return Once(self.documents, now=self.now, new_id=self.new_id)
