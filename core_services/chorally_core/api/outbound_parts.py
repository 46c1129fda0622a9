"""What the routes of the outbound API share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from chorally_core.api.files_named import Files
from chorally_core.api.idempotency import Once
from chorally_core.api.problem import Problem
from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import Documents
from chorally_core.ports.going_out import Judge
from chorally_core.ports.reaching import NotReached, Reaching


@dataclass(kw_only=True)
class Outbound:
    """What the API needs."""

    documents: Documents
    actions: Actions
    reaching: Reaching
    judge: Judge
    files: Files
    now: Callable[[], datetime]
    new_id: Callable[[], str]

    @cached_property
    def once(self) -> Once:
        """Carries out writes under an ``Idempotency-Key``."""
        return Once(self.documents, now=self.now, new_id=self.new_id)


def invalid(field: str, why: str) -> Problem:
    """Return the problem of a field of the body that cannot be taken."""
    return Problem(422, why, code="invalid", errors=[{"field": f"/body/{field}", "message": why}])


def not_reached(no: NotReached) -> Problem:
    """Return the problem of an address that leads nowhere."""
    return invalid(no.field, no.why)
