"""Greeting service: counts the tickets that each author has opened, and says so once they are regulars.

Consumes ``logs: add``, produces ``logs: add``. An example: no part of the system.
"""

from collections.abc import Iterable

import msgspec
from chorally_core.events import Event, LogAdd, topics
from chorally_core.ports.documents import Document, Key
from chorally_core.ports.handlers import NOTHING, Change, Found, Handler

SERVICE = "greeting-service"
GROUP = "greeting"
REGULAR = 3


class Regular(Document, frozen=True, kw_only=True):
    """How many tickets an author has opened; under the author's id."""

    kind = "regular"

    tickets: tuple[str, ...] = ()


class CountTicket(Handler[LogAdd]):
    """Counts a ticket that was opened."""

    topic = topics.LOGS
    event = "add"

    def reads(self, event: Event[LogAdd]) -> Iterable[Key]:
        """Return the author's count."""
        fact = event.data
        return (Key.by_id(Regular, fact.author_id),) if fact.kind == "ticket_opened" and fact.author_id else ()

    def decide(self, event: Event[LogAdd], found: Found) -> Change:
        """Count it once; at the third, tell that the author is a regular."""
        fact = event.data
        if fact.kind != "ticket_opened" or not fact.author_id:
            return NOTHING
        known = found.get(Regular, fact.author_id) or Regular(id=fact.author_id, tenant=event.tenant)
        if fact.subject_id in known.tickets or len(known.tickets) == REGULAR:
            return NOTHING
        counted = msgspec.structs.replace(known, tickets=(*known.tickets, fact.subject_id))
        if len(counted.tickets) < REGULAR:
            return Change((counted,))
        told = LogAdd(
            kind="author_became_regular", subject_type="author", subject_id=fact.author_id, author_id=fact.author_id
        )
        return Change((counted,), (event.causes(told, topic=topics.LOGS, issuer=SERVICE, name="add", of=told.kind),))


HANDLERS = (CountTicket(),)
