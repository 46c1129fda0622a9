"""What is done with posts: publish, now or at a time; hand over when that has come; cancel. Pure decisions."""

from datetime import datetime
from typing import Any

import msgspec

from chorally_core.events import Event, LogAdd, Publish, topics
from chorally_core.events.ids import derived
from chorally_core.events.records import ActorKind, Attached
from chorally_core.ports.handlers import NOTHING, Change
from chorally_core.services.publishing.model import Publication

SERVICE = "publishing-service"

Actor = tuple[ActorKind, str]


class NotPossible(Exception):
    """The publication's state does not allow this; the message says what to do."""


def publish(
    *,
    publication_id: str,
    tenant: str,
    account_id: str,
    platform: str,
    channel: str,
    body: str,
    attachments: tuple[Attached, ...],
    options: dict[str, Any],
    publish_at: datetime | None,
    actor: Actor,
    at: datetime,
    known: Publication | None,
) -> Change:
    """Return a post that goes out, now or at a time; nothing where it is there already.

    Args:
        publication_id: Its id; the same request has the same.
        tenant: Whose it is.
        account_id: In whose name it is published.
        platform: Where.
        channel: On which channel.
        body: The text.
        attachments: Its files.
        options: What the channel takes besides.
        publish_at: When people shall see it; at once where None, or past.
        actor: Who publishes it.
        at: Now.
        known: The publication of that id, where there is one.
    """
    if known is not None:
        return NOTHING
    waits = publish_at is not None and publish_at > at
    publication = Publication(
        id=publication_id, tenant=tenant, account_id=account_id, platform=platform, channel=channel, body=body,
        attachments=attachments, options=options, state="scheduled" if waits else "queued", publish_at=publish_at,
        due_at=publish_at if waits else None, created_by=actor[1], created_at=at,
    )  # fmt: skip
    cause = derived("publish", publication_id)
    told = fact("publication_scheduled" if waits else "publication_queued", publication, actor, at, cause)
    return Change((publication,), (told,) if waits else (_command(publication, at, cause), told))


def hand_over(publication: Publication, *, at: datetime) -> Change:
    """Return a scheduled post whose time has come, on its way to its channel."""
    if publication.due_at is None or publication.due_at > at or publication.state != "scheduled":
        return NOTHING
    cause = derived("due", publication.id)
    queued = msgspec.structs.replace(publication, state="queued", due_at=None)
    told = fact("publication_queued", queued, ("service", SERVICE), at, cause)
    return Change((queued,), (_command(queued, at, cause), told))


def cancel(publication: Publication, *, actor: Actor, at: datetime) -> Change:
    """Return a scheduled post that is not published after all; nothing where it was cancelled before.

    Raises:
        NotPossible: It is on its way, or out.
    """
    if publication.state == "cancelled":
        return NOTHING
    if publication.state != "scheduled":
        raise NotPossible(f"the post is {publication.state}; only one that waits for its time can be cancelled")
    cancelled = msgspec.structs.replace(publication, state="cancelled", due_at=None)
    cause = derived("cancel", publication.id)
    return Change((cancelled,), (fact("publication_cancelled", cancelled, actor, at, cause),))


def _command(publication: Publication, at: datetime, cause: str) -> Event[Publish]:
    return Event(
        topic=publication.channel,
        issuer=SERVICE,
        name="publish",
        data=Publish(
            publication_id=publication.id, account_id=publication.account_id, channel=publication.channel,
            body=publication.body, attachments=publication.attachments, options=publication.options,
            written_by=publication.created_by,
        ),
        id=derived(cause, "command"),
        tenant=publication.tenant,
        key=publication.key,
        occurred_at=at,
        caused_by=cause,
    )  # fmt: skip


def fact(what: str, publication: Publication, actor: Actor, at: datetime, cause: str) -> Event[LogAdd]:
    """Return a fact about a post; ``cause`` makes its id."""
    return Event(
        topic=topics.LOGS,
        issuer=SERVICE,
        name="add",
        data=LogAdd(
            kind=what,
            subject_type="publication",
            subject_id=publication.id,
            version=publication.version + 1,
            account_id=publication.account_id,
            actor_kind=actor[0],
            actor_id=actor[1],
            snapshot=publication.snapshot(),
        ),
        id=derived(cause, topics.LOGS, what),
        tenant=publication.tenant,
        key=publication.key,
        occurred_at=at,
        caused_by=cause,
    )
