"""Brings back what became of posts, and publishes occurrences of series whose time has come.

Consumes ``publications``, produces facts and commands. How a post reaches its platform is the I/O service's affair.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from chorally_core.events import Event, PublicationAdd, PublicationReconcile, topics
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING, Change, Found, Handler
from chorally_core.services.publishing import commands
from chorally_core.services.publishing.facts import SERVICE, US, fact
from chorally_core.services.publishing.model import Publication, Target, publication_of, settled, target_id

GROUP = "publishing"

__all__ = ["GROUP", "HANDLERS", "SERVICE", "AddOccurrence", "ReconcilePublication"]


class ReconcilePublication(Handler[PublicationReconcile]):
    """Moves the state of a post's target forward, and keeps its external id."""

    topic = topics.PUBLICATIONS
    event = "reconcile"

    def reads(self, event: Event[PublicationReconcile]) -> Iterable[Key]:
        """Return the post."""
        return (Key.by_id(Publication, publication_of(event.data.publication_id)),)

    def decide(self, event: Event[PublicationReconcile], found: Found) -> Change:
        """Apply what is new; a report that is late changes nothing."""
        d = event.data
        publication = found.get(Publication, publication_of(d.publication_id))
        target = publication.target(d.publication_id) if publication is not None else None
        if publication is None or target is None:
            raise LookupError(f"publication {d.publication_id} is not known; its reconciliation cannot be applied")
        changed = _asked(target, d) if d.asked else _forward(target, d)
        if changed == target:
            return NOTHING
        before, after = publication.state_of(target), publication.with_target(changed)
        now = after.state_of(changed)
        if now != before:
            what = f"publication_{now}"
        else:
            what = {"edited": "publication_edit_done", "unchanged": "publication_unchanged"}.get(
                d.state, "publication_reconciled"
            )
        if what == "publication_reconciled" and (changed.external_id, changed.error) == (
            target.external_id,
            target.error,
        ):
            return Change((after,))
        told = fact(what, after, US, event.occurred_at, event.id)
        return Change((after,), (msgspec.structs.replace(told, traceparent=event.traceparent),))


def _forward(target: Target, d: PublicationReconcile) -> Target:
    """A target after its delivery told how far it got."""
    changes: dict[str, Any] = {}
    if target.may_become(d.state):
        changes |= {"fate": d.state, "error": d.reason, "attempts": max(d.attempts, target.attempts)}
        if d.state in ("sent", "delivered", "read") and target.sent_at is None:
            changes["sent_at"] = d.at
        if d.state == "deleted":
            changes |= {"asked": "", "asked_error": ""}
    if d.external_id and target.external_id is None:
        changes["external_id"] = d.external_id
    if d.external_url and target.external_url is None:
        changes["external_url"] = d.external_url
    return msgspec.structs.replace(target, **changes)


def _asked(target: Target, d: PublicationReconcile) -> Target:
    """A target after an edit or deletion that was asked for; of an earlier one nothing is said any more."""
    if target.asked != d.asked:
        return target
    done = msgspec.structs.replace(target, asked="", asked_error=d.reason if d.state == "unchanged" else "")
    if d.state == "deleted":
        return msgspec.structs.replace(done, fate="deleted")
    return msgspec.structs.replace(done, seen=d.body) if d.state == "edited" else done


class AddOccurrence(Handler[PublicationAdd]):
    """Publishes an occurrence of a series, once; what its series said when its time came is what goes out."""

    topic = topics.PUBLICATIONS
    event = "add"

    def reads(self, event: Event[PublicationAdd]) -> Iterable[Key]:
        """Return the post, which is there if the event came before."""
        return (Key.by_id(Publication, event.data.id),)

    def decide(self, event: Event[PublicationAdd], found: Found) -> Change:
        """Put it on its way.

        A draft of that id is what a kill left of the wish to change the occurrence, which its series never heard of.
        """
        d = event.data
        known = found.get(Publication, d.id)
        if known is not None and known.stage != "draft":
            return NOTHING
        targets = tuple(
            Target(
                id=target_id(d.id, number), account_id=each.account_id, platform=each.platform, channel=each.channel,
                body=each.body, attachments=each.attachments, options=each.options,
            )
            for number, each in enumerate(d.targets)
        )  # fmt: skip
        publication = Publication(
            id=d.id, tenant=event.tenant, title=d.title, labels=d.labels, publish_at=d.publish_at,
            local_at=d.occurrence, time_zone=d.time_zone, at=d.publish_at, authors=d.authors, created_by=d.created_by,
            created_at=event.occurred_at, series_id=d.series_id, occurrence=d.occurrence,
            version=known.version if known else 0,
        )  # fmt: skip
        return commands.occurred(settled(publication, targets=targets), event.occurred_at)


HANDLERS = (ReconcilePublication(), AddOccurrence())
