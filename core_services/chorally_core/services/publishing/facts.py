"""What the publishing service tells: facts of posts, and commands to channels."""

from datetime import datetime

from chorally_core.events import Event, LogAdd, Moderate, Publish, topics
from chorally_core.events.ids import derived
from chorally_core.events.records import ActorKind
from chorally_core.services.publishing.model import Publication, Target

SERVICE = "publishing-service"

Actor = tuple[ActorKind, str]
US: Actor = ("service", SERVICE)


def name_of(actor: Actor) -> str:
    """Return somebody as a post remembers them: a person by id, a program with its kind before it."""
    kind, name = actor
    return name if kind == "agent" else f"{kind}:{name}"


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
            account_id=publication.targets[0].account_id if len(publication.targets) == 1 else None,
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


def told(what: str, publication: Publication, actor: Actor, at: datetime) -> Event[LogAdd]:
    """Return a fact about a change of a post, named after the version that it makes."""
    cause = derived(what, publication.id, str(publication.version + 1))
    return fact(what, publication, actor, at, cause)


def command(publication: Publication, target: Target, at: datetime) -> Event[Publish]:
    """Return the command to publish on one target; the same again is the same event."""
    cause = derived("publish", target.id, *([str(target.retries)] if target.retries else []))
    return Event(
        topic=target.channel,
        issuer=SERVICE,
        name="publish",
        data=Publish(
            publication_id=target.id, account_id=target.account_id, channel=target.channel,
            body=publication.text_for(target), attachments=publication.files_for(target), options=target.options,
            written_by=publication.created_by, retry=target.retries,
        ),
        id=derived(cause, "command"),
        tenant=publication.tenant,
        key=publication.key_of(target),
        occurred_at=at,
        caused_by=cause,
    )  # fmt: skip


def moderation(
    publication: Publication, target: Target, verb: str, *, asked: str, body: str, actor: Actor, at: datetime
) -> Event[Moderate]:
    """Return the command to edit or delete what people see on one target."""
    return Event(
        topic=target.channel,
        issuer=SERVICE,
        name=verb,
        data=Moderate(
            id=asked, message_id=target.id, account_id=target.account_id, channel=target.channel,
            external_id=target.external_id or "", body=body, asked_by=actor[1], of="publication",
        ),
        id=derived("moderate", asked),
        tenant=publication.tenant,
        key=publication.key_of(target),
        occurred_at=at,
        caused_by=asked,
    )  # fmt: skip
