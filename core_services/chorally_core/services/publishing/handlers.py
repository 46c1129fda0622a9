"""Brings back what became of posts.

Consumes ``publications``, produces facts. How a post reaches its platform is the I/O service's affair.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from chorally_core.events import Event, PublicationReconcile, topics
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING, Change, Found, Handler
from chorally_core.services.publishing.commands import SERVICE, fact
from chorally_core.services.publishing.model import Publication

GROUP = "publishing"


class ReconcilePublication(Handler[PublicationReconcile]):
    """Moves a post's state forward, and keeps its external id."""

    topic = topics.PUBLICATIONS
    event = "reconcile"

    def reads(self, event: Event[PublicationReconcile]) -> Iterable[Key]:
        """Return the publication."""
        return (Key.by_id(Publication, event.data.publication_id),)

    def decide(self, event: Event[PublicationReconcile], found: Found) -> Change:
        """Apply what is new; a report that is late changes nothing."""
        d = event.data
        publication = found.get(Publication, d.publication_id)
        if publication is None:
            raise LookupError(f"publication {d.publication_id} is not known; its reconciliation cannot be applied")
        forward = publication.may_become(d.state)
        changes: dict[str, Any] = {}
        if forward:
            changes |= {"state": d.state, "error": d.reason, "attempts": max(d.attempts, publication.attempts)}
            if d.state in ("sent", "delivered", "read") and publication.sent_at is None:
                changes["sent_at"] = d.at
        if d.external_id and publication.external_id is None:
            changes["external_id"] = d.external_id
        if d.external_url and publication.external_url is None:
            changes["external_url"] = d.external_url
        if not changes:
            return NOTHING
        publication = msgspec.structs.replace(publication, **changes)
        what = f"publication_{publication.state}" if forward else "publication_reconciled"
        told = fact(what, publication, ("service", SERVICE), event.occurred_at, event.id)
        return Change((publication,), (msgspec.structs.replace(told, traceparent=event.traceparent),))


HANDLERS = (ReconcilePublication(),)
