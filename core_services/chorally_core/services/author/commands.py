"""What administrators do about authors. Pure decisions, as the handlers' are."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from chorally_core.events import AuthorDelete, Event, LogAdd, topics
from chorally_core.events.ids import derived
from chorally_core.events.records import ActorKind
from chorally_core.ports import metadata
from chorally_core.ports.custom_fields import FieldSet, InvalidValue
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.refused import Refused
from chorally_core.ports.storable import mistake_in
from chorally_core.services.author.handlers import SERVICE
from chorally_core.services.author.identifying import filled_in
from chorally_core.services.author.model import Author

_FIELDS = 100


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


def change(
    author: Author, changes: Mapping[str, Any], found: Found, *, actor: tuple[ActorKind, str], at: datetime, cause: str
) -> Change:
    """Return a person with other tags or fields; nothing where they are so.

    Args:
        author: As they are.
        changes: ``tags`` replaces them all, ``custom_fields`` is merged.
        found: What ``metadata.keys`` named.
        actor: Who changes them.
        at: Now.
        cause: Tells this request apart from every other.

    Raises:
        Refused: The person was erased, or a tag or field does not go.
    """
    if author.erased_at is not None:
        raise Refused("conflict", "erased", "the author was erased; nothing can be noted of them")
    try:
        new = metadata.settled(
            found, author.tenant, "author", changes, tags=author.tags, fields=author.custom_fields
        )  # fmt: skip
    except InvalidValue as error:
        raise Refused("invalid", "invalid", error.why, error.field) from None
    if why := mistake_in(new):
        raise Refused("invalid", "invalid", why, "custom_fields")
    fields = {**author.custom_fields, **new.get("custom_fields", {})}
    if len(fields) > _FIELDS:
        raise Refused("invalid", "invalid", f"may be at most {_FIELDS} in all", "custom_fields")
    tags = tuple(dict.fromkeys(new.get("tags", author.tags)))
    if (tags, fields) == (author.tags, author.custom_fields):
        return NOTHING
    changed = msgspec.structs.replace(author, tags=tags, custom_fields=fields)
    changed = changed.identified(filled_in(author.tenant, fields, found.get(FieldSet, author.tenant)))
    return Change((changed,), (changed_fact(changed, actor=actor, at=at, cause=cause),))


def changed_fact(author: Author, *, actor: tuple[ActorKind, str], at: datetime, cause: str) -> Event[LogAdd]:
    """Return the fact that somebody changed what is noted of a person, by their state before that is stored."""
    data = LogAdd(
        kind="author_changed", subject_type="author", subject_id=author.id, version=author.version + 1,
        author_id=author.id, actor_kind=actor[0], actor_id=actor[1], snapshot=author.snapshot(),
    )  # fmt: skip
    return Event(
        topic=topics.LOGS, issuer=SERVICE, name="add", data=data, id=derived(cause, "author_changed", author.id),
        tenant=author.tenant, key=f"{author.tenant}/{author.id}", occurred_at=at, caused_by=cause,
    )  # fmt: skip
