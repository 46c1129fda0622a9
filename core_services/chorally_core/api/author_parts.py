"""What the author API stands on."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from chorally_core.api.idempotency import Once
from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import Documents


@dataclass(frozen=True)
class Authors:
    """What the API needs."""

    documents: Documents
    actions: Actions
    now: Callable[[], datetime]
    new_id: Callable[[], str]

    @cached_property
    def once(self) -> Once:
        """Carries out writes under an ``Idempotency-Key``."""
        return Once(self.documents, now=self.now, new_id=self.new_id)
