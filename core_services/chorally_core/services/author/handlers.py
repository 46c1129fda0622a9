"""Keeps authors up to date.

Consumes ``authors``, produces ``logs``.
"""

from collections.abc import Iterable

from chorally_core.events import AuthorAdd, AuthorDelete, Event, LogAdd, topics
from chorally_core.ports.documents import Key
from chorally_core.ports.erasure import Erasure
from chorally_core.ports.handlers import NOTHING, Change, Found, Handler
from chorally_core.services.author.model import Author

SERVICE = "author-service"
GROUP = "author"


def _fact(event: Event[AuthorAdd] | Event[AuthorDelete], kind: str, author: Author) -> Event[LogAdd]:
    data = LogAdd(
        kind=kind,
        subject_type="author",
        subject_id=author.id,
        version=author.version + 1,
        author_id=author.id,
        snapshot=author.snapshot(),
    )
    return event.causes(data, topic=topics.LOGS, issuer=SERVICE, name="add", of=kind)


class KeepAuthor(Handler[AuthorAdd]):
    """Adds a person who was seen, or brings them up to date."""

    topic = topics.AUTHORS
    event = "add"

    def reads(self, event: Event[AuthorAdd]) -> Iterable[Key]:
        """Return the person's own record."""
        return (Key.by_id(Author, event.data.id),)

    def decide(self, event: Event[AuthorAdd], found: Found) -> Change:
        """Store what is new; nothing where nothing is."""
        known = found.get(Author, event.data.id)
        if known is None:
            author = Author.first_seen(event.tenant, event.data, event.occurred_at)
            return Change((author,), (_fact(event, "author_added", author),))
        if known.erased_at is not None:
            return NOTHING
        author = known.seen_again(event.data, event.occurred_at)
        if author is known:
            return NOTHING
        return Change((author,), (_fact(event, "author_changed", author),))


class EraseAuthor(Handler[AuthorDelete]):
    """Removes what identifies a person."""

    topic = topics.AUTHORS
    event = "delete"

    def reads(self, event: Event[AuthorDelete]) -> Iterable[Key]:
        """Return the person's own record, and an earlier erasure."""
        return (Key.by_id(Author, event.data.id), Key.by_id(Erasure, event.data.id))

    def decide(self, event: Event[AuthorDelete], found: Found) -> Change:
        """Leave the bare id, so that what arrives late does not bring the person back, and begin the job.

        The job goes through everything else that is kept of the person, in all services. Somebody who was
        erased and wrote again can be erased again.
        """
        known = found.get(Author, event.data.id)
        if known is None or known.tenant != event.tenant:
            return NOTHING
        earlier = found.get(Erasure, event.data.id)
        if earlier is not None:
            if event.occurred_at <= earlier.at:
                return NOTHING
            anew = earlier.again(event.occurred_at)
            return Change((anew.job(), anew), (_fact(event, "author_erased", known),))
        erasure = Erasure(
            id=known.id,
            tenant=known.tenant,
            platform=known.platform,
            external_id=known.external_id,
            since=known.first_seen_at,
            at=event.occurred_at,
            next_at=event.occurred_at,
        )
        author = known.erased(event.occurred_at)
        return Change((erasure, erasure.job(), author), (_fact(event, "author_erased", author),))


HANDLERS = (KeepAuthor(), EraseAuthor())
