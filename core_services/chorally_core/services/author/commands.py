"""What administrators do about authors. Pure decisions, as the handlers' are."""

from datetime import datetime

from chorally_core.events import AuthorDelete, Event, LogAdd, topics
from chorally_core.events.ids import derived
from chorally_core.events.records import ActorKind
from chorally_core.ports.handlers import Change
from chorally_core.services.author.handlers import SERVICE
from chorally_core.services.author.model import Author


def erase(author: Author, *, actor: tuple[ActorKind, str], at: datetime) -> Change:
    """Return the request to erase a person, with all that is kept of them until now, and the fact of who made it."""
    cause = derived("erase", author.id, at.isoformat())
    key = f"{author.tenant}/{author.id}"
    request = Event(
        topic=topics.AUTHORS,
        issuer=SERVICE,
        name="delete",
        data=AuthorDelete(id=author.id),
        id=cause,
        tenant=author.tenant,
        key=key,
        occurred_at=at,
    )
    data = LogAdd(
        kind="author_erasure_requested",
        subject_type="author",
        subject_id=author.id,
        version=author.version,
        author_id=author.id,
        actor_kind=actor[0],
        actor_id=actor[1],
        snapshot={"platform": author.platform},
    )
    fact = Event(
        topic=topics.LOGS,
        issuer=SERVICE,
        name="add",
        data=data,
        id=derived(cause, "requested", actor[1]),
        tenant=author.tenant,
        key=key,
        occurred_at=at,
        caused_by=cause,
    )
    return Change((), (request, fact))
