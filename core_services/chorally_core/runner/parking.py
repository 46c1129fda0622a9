"""What happens to an event that cannot be handled: its key waits behind it, others go on.

After bounded attempts it becomes a dead letter, which a person can see and replay, and its key resumes.
"""

from datetime import datetime, timedelta
from typing import Any

from chorally_core.events import DeadLetterAdd, Event, Unreadable, envelope, headers, topics
from chorally_core.events.ids import derived
from chorally_core.ports.parking import DeadLetter, Parked

ATTEMPTS = 5
_SHOWN = 65_536


def lane(group: str, key: str) -> str:
    """Return the name of a group's queue for one key."""
    return f"{group}\x1f{key}"


def backoff(attempts: int) -> timedelta:
    """Return how long to wait after that many attempts: 1 s, doubling, at most 5 minutes."""
    return timedelta(seconds=min(2.0 ** (attempts - 1), 300.0))


def parked(event: Event[Any], group: str, position: str, *, attempts: int, next_at: datetime, error: str) -> Parked:
    """Return an event as it waits."""
    return Parked(
        id=f"{event.topic}/{position}/{derived('parked', group, event.topic, position, event.id)}",
        tenant=event.tenant,
        lane=lane(group, event.key),
        group=group,
        position=position,
        topic=event.topic,
        key=event.key,
        value=envelope(event).decode(),
        headers=headers(event),
        attempts=attempts,
        next_at=next_at,
        error=error,
    )


def dead(
    *, tenant: str, source: str, group: str, key: str, value: str, head: dict[str, str], error: str, attempts: int,
    at: datetime, of: str, subject: str = "",
) -> tuple[DeadLetter, Event[Any]]:  # fmt: skip
    """Return a dead letter and the event that tells of it; ``of`` makes its id."""
    letter = DeadLetter(
        id=derived("dead-letter", group, of),
        tenant=tenant,
        at=at,
        source=source,
        group=group,
        key=key,
        value=value,
        headers=head,
        error=error,
        attempts=attempts,
        subject=subject,
    )
    data = DeadLetterAdd(
        letter_id=letter.id, source=source, group=group, error=error, attempts=attempts, key=key, payload=value[:_SHOWN]
    )
    event = Event(
        topic=topics.DEAD_LETTERS,
        issuer="runner",
        name="add",
        data=data,
        id=derived("dead-letter-event", letter.id),
        tenant=tenant,
        key=key or letter.id,
        occurred_at=at,
        caused_by=head.get("id", ""),
    )
    return letter, event


def unreadable(found: Unreadable, group: str, position: str, at: datetime) -> tuple[DeadLetter, Event[Any]]:
    """Return the dead letter for something that is not a valid event."""
    raw = found.raw
    return dead(
        tenant=raw.headers.get("tenant", ""),
        source=raw.topic,
        group=group,
        key=raw.key,
        value=raw.value.decode("utf-8", errors="replace"),
        head=dict(raw.headers),
        error=found.error,
        attempts=1,
        at=at,
        of=f"{raw.topic}\x1f{position}",
    )
