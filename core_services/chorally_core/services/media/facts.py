"""What becomes of files, told in ``logs``."""

from datetime import datetime
from typing import Any, NamedTuple

from chorally_core.events import Event, LogAdd, topics
from chorally_core.events.ids import derived
from chorally_core.events.records import ActorKind
from chorally_core.ports.files import File

SERVICE = "media-service"


class Actor(NamedTuple):
    """Who does something with a file."""

    kind: ActorKind
    id: str


def told(what: str, file: File, actor: Actor, at: datetime, *cause: str, **more: Any) -> Event[LogAdd]:
    """Return a fact about a file, by its state before that is stored; its name is no part of it.

    Args:
        what: What happened, in the past tense.
        file: The file.
        actor: Who did it.
        at: When.
        cause: What makes it this fact, besides what happened and the file.
        more: Further parts of the snapshot.
    """
    snapshot = {"media_type": file.media_type, "size_bytes": file.size_bytes, "sha256": file.sha256, **more}
    return Event(
        topic=topics.LOGS,
        issuer=SERVICE,
        name="add",
        data=LogAdd(
            kind=what, subject_type="file", subject_id=file.id, version=file.version, actor_kind=actor.kind,
            actor_id=actor.id, snapshot=snapshot,
        ),
        id=derived(SERVICE, what, file.id, *cause),
        tenant=file.tenant,
        key=f"{file.tenant}/file/{file.id}",
        occurred_at=at,
    )  # fmt: skip
