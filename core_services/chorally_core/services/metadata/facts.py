"""The facts that the metadata service tells."""

from datetime import datetime
from typing import Any

from chorally_core.events import Event, LogAdd, topics
from chorally_core.events.ids import derived
from chorally_core.events.records import ActorKind
from chorally_core.ports.audit import Told, audited

SERVICE = "metadata-service"

Actor = tuple[ActorKind, str]


def told(
    what: str,
    subject: tuple[str, str],
    snapshot: dict[str, Any],
    *,
    tenant: str,
    version: int,
    actor: Actor,
    at: datetime,
    cause: str,
    changed: tuple[Told, Told],
) -> Event[LogAdd]:
    """Return a fact; ``cause`` makes its id, the subject is a kind and an id, and ``changed`` it before and after."""
    data = LogAdd(
        kind=what, subject_type=subject[0], subject_id=subject[1], version=version, actor_kind=actor[0],
        actor_id=actor[1], snapshot=snapshot,
    )  # fmt: skip
    return Event(
        topic=topics.LOGS, issuer=SERVICE, name="add", data=audited(data, *changed),
        id=derived(cause, topics.LOGS, what, subject[1]),
        tenant=tenant, key=f"{tenant}/metadata", occurred_at=at, caused_by=cause,
    )  # fmt: skip
