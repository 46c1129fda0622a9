"""A delivery's states, as pure functions: what may follow what, and what is told of it.

``queued`` → claimed as ``sending`` → ``sent``, ``accepted``, ``failed`` or ``unconfirmed``. A claim is
durable before the visible call; what is ``unconfirmed`` is resolved by an echo, a mark, the same call
under a native key, a search, or a person, never by a blind resend.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec

import chorally_sdk as sdk
from chorally_core.events import Event, LogAdd, MessageReconcile, PublicationReconcile, Publish, Reply, Send, topics
from chorally_core.events.ids import derived
from chorally_core.events.records import ActorKind
from chorally_core.services.io.model import Delivery

SERVICE = "io-service"

_FORWARD = {"sent": 3, "delivered": 4, "read": 5}


def taken(event: Event[Reply], platform: str) -> Delivery:
    """Return the delivery that a command becomes."""
    d = event.data
    return Delivery(
        id=d.message_id,
        tenant=event.tenant,
        account_id=d.account_id,
        platform=platform,
        channel=d.channel,
        key=event.key,
        client_ref=Delivery.client_ref_of(d.message_id),
        body=d.body,
        attachments=d.attachments,
        template=d.template,
        options=d.options,
        in_reply_to=d.in_reply_to,
        conversation_id=d.conversation_id,
        to=d.to,
        route=d.route,
        automatic=d.automatic,
        answers_at=d.answers_at,
        created_at=event.occurred_at,
        next_at=event.occurred_at,
        traceparent=event.traceparent,
    )


def begun(event: Event[Send], platform: str) -> Delivery:
    """Return the delivery that a command to begin a conversation becomes."""
    d = event.data
    return Delivery(
        id=d.message_id, tenant=event.tenant, account_id=d.account_id, platform=platform, channel=d.channel,
        key=event.key, client_ref=Delivery.client_ref_of(d.message_id), verb="send", body=d.body,
        attachments=d.attachments, template=d.template, options=d.options, to=d.to,
        conversation_id=d.conversation_id, automatic=d.automatic,
        answers_at=d.answers_at, created_at=event.occurred_at, next_at=event.occurred_at,
        traceparent=event.traceparent,
    )  # fmt: skip


def posted(event: Event[Publish], platform: str) -> Delivery:
    """Return the delivery that a command to publish becomes."""
    d = event.data
    return Delivery(
        id=d.publication_id, tenant=event.tenant, account_id=d.account_id, platform=platform, channel=d.channel,
        key=event.key, client_ref=Delivery.client_ref_of(d.publication_id), verb="publish", body=d.body,
        attachments=d.attachments, options=d.options, created_at=event.occurred_at, next_at=event.occurred_at,
        traceparent=event.traceparent,
    )  # fmt: skip


def claimed(delivery: Delivery, at: datetime) -> Delivery:
    """Return the delivery as it must be stored before the visible call.

    The same call again, under a native key, keeps the time of the first.
    """
    tried = delivery.tried_at if delivery.state == "unconfirmed" else None
    return msgspec.structs.replace(
        delivery, state="sending", tried_at=tried or at, attempts=delivery.attempts + 1, error=""
    )


def released(delivery: Delivery, at: datetime, wait: timedelta | None, why: str) -> Delivery:
    """Return the delivery of which it is certain that nothing was made visible: it waits for its next try."""
    pause = wait if wait is not None else timedelta(seconds=min(2.0**delivery.attempts, 900.0))
    return msgspec.structs.replace(delivery, state="queued", next_at=at + pause, error=why)


def held_up(delivery: Delivery, at: datetime, wait: timedelta | None, why: str) -> Delivery:
    """Return the delivery whose call was repeated under a native key and was not made this time.

    What became of the first call is as little known as before.
    """
    pause = wait if wait is not None else timedelta(seconds=min(2.0**delivery.attempts, 900.0))
    return msgspec.structs.replace(delivery, state="unconfirmed", next_at=at + pause, error=why)


def received(
    delivery: Delivery, receipt: sdk.Receipt, at: datetime, *, look_after: timedelta, shared: bool = False
) -> Delivery:
    """Return the delivery after the platform's answer to the visible call.

    Args:
        delivery: As it was claimed.
        receipt: What the platform answered.
        at: Now.
        look_after: How long to wait for a mark of what was only accepted, before it is looked for.
        shared: Another delivery bears the same external id, as where a new answer takes the place of the old one.
    """
    sent = receipt.state == "sent"
    return msgspec.structs.replace(
        delivery,
        state="sent" if sent else "accepted",
        external_id=receipt.external_id,
        external_key=None if shared else _external_key(delivery, receipt.external_id),
        external_url=receipt.url,
        conversation_id=receipt.conversation_id or delivery.conversation_id,
        receipt=dict(receipt.data),
        next_at=None if sent else at + look_after,
        settled_at=at if sent else None,
        searches=0,
        error="",
        needs_person=False,
    )


def identified(delivery: Delivery, receipt: sdk.Receipt, *, shared: bool = False) -> Delivery:
    """Return the delivery that a mark settled before the platform's own answer came, with what that answer says."""
    return msgspec.structs.replace(
        delivery,
        external_id=receipt.external_id,
        external_key=None if shared else _external_key(delivery, receipt.external_id),
        external_url=delivery.external_url or receipt.url,
        conversation_id=receipt.conversation_id or delivery.conversation_id,
        receipt=dict(receipt.data),
    )


def confirmed(
    delivery: Delivery, external_id: str, at: datetime, *, url: str | None = None, shared: bool = False
) -> Delivery:
    """Return the delivery after its echo came, or a search or a person found it; ``shared`` as for ``received``."""
    later = delivery.state in ("delivered", "read")
    return msgspec.structs.replace(
        delivery,
        state=delivery.state if later else "sent",
        external_id=delivery.external_id or external_id,
        external_key=delivery.external_key or (None if shared else _external_key(delivery, external_id)),
        external_url=delivery.external_url or url,
        settled_at=delivery.settled_at or at,
        next_at=None,
        error="",
        needs_person=False,
    )


def marked(delivery: Delivery, mark: sdk.Mark, at: datetime, *, shared: bool = False) -> Delivery | None:
    """Return the delivery after a mark; None where the mark says nothing new. States only go forward."""
    external_id = mark.external_id or delivery.external_id
    if mark.state == "failed":
        if delivery.state in ("failed", "delivered", "read"):
            return None
        return failed(delivery, mark.reason or "the platform reports that it could not deliver", at)
    if _FORWARD[mark.state] <= _FORWARD.get(delivery.state, 0):
        return None
    moved = confirmed(delivery, external_id, at, shared=shared) if external_id else delivery
    return msgspec.structs.replace(
        moved, state=mark.state, settled_at=moved.settled_at or at, next_at=None, error="", needs_person=False
    )


def failed(delivery: Delivery, why: str, at: datetime, *, reason: str = "") -> Delivery:
    """Return the delivery that will never be made."""
    return msgspec.structs.replace(
        delivery, state="failed", error=why, reason=reason, settled_at=at, next_at=None, needs_person=False
    )


def requeued(delivery: Delivery, at: datetime) -> Delivery:
    """Return the failed delivery as it is tried anew because a person asks for it.

    It keeps its id and our own reference, so a platform that takes a native key still knows it.
    """
    return msgspec.structs.replace(
        delivery, state="queued", next_at=at, tried_at=None, settled_at=None, attempts=0, searches=0, error="",
        reason="", needs_person=False, external_id=None, external_key=None, external_url=None, receipt={},
        prepared={}, is_ready=False, steps=0,
    )  # fmt: skip


def tried_again(delivery: Delivery, at: datetime, retry: int) -> Delivery:
    """Return the failed delivery as it is tried anew because its post is, for the ``retry``-th time."""
    return msgspec.structs.replace(requeued(delivery, at), retries=retry)


def unknown(delivery: Delivery, why: str, at: datetime, settles: timedelta) -> Delivery:
    """Return the delivery whose visible call may or may not have happened; it is searched after ``settles``.

    The same call under a native key, which is as good as a search, is repeated less and less often.
    """
    tried = delivery.tried_at or at
    pause = timedelta(seconds=min(2.0 ** (delivery.attempts - 1), 900.0) if delivery.attempts > 1 else 0.0)
    return msgspec.structs.replace(delivery, state="unconfirmed", error=why, next_at=max(tried + settles, at + pause))


def stepped(delivery: Delivery, prepared: sdk.Prepared, at: datetime) -> Delivery:
    """Return the delivery after one unseen step."""
    return msgspec.structs.replace(
        delivery, prepared=dict(prepared.state), is_ready=prepared.ready, steps=delivery.steps + 1, error="",
        next_at=at if prepared.ready else at + max(prepared.wait, timedelta(0)),
    )  # fmt: skip


def absent(delivery: Delivery, at: datetime) -> Delivery:
    """Return the delivery of which a search proved that nothing was made visible: it may be claimed anew."""
    return msgspec.structs.replace(delivery, state="queued", next_at=at, searches=delivery.searches + 1)


def in_doubt(delivery: Delivery, why: str) -> Delivery:
    """Return the delivery that only an echo or a person can settle."""
    return msgspec.structs.replace(delivery, state="unconfirmed", needs_person=True, next_at=None, error=why)


def later(delivery: Delivery, at: datetime, wait: timedelta | None, why: str) -> Delivery:
    """Return the delivery whose search could not be made now, or told nothing yet."""
    pause = wait if wait is not None else timedelta(seconds=min(2.0 ** (delivery.searches + 1), 900.0))
    return msgspec.structs.replace(delivery, next_at=at + pause, searches=delivery.searches + 1, error=why)


def reconcile(delivery: Delivery, at: datetime) -> Event[Any]:
    """Return the event that brings back what became of a message, or of a post of our own.

    What goes out in parts is known by its first, and is sent when its last is.
    """
    is_first, is_made = delivery.part == 1, delivery.state in _FORWARD
    state = (
        "sending" if delivery.state == "accepted" or (is_made and delivery.part < delivery.parts) else delivery.state
    )
    external_id, url = (delivery.external_id, delivery.external_url) if is_first else (None, None)
    if delivery.verb == "publish":
        return _reconciled(
            delivery, at, delivery.state,
            PublicationReconcile(
                publication_id=delivery.message_id, state=state, at=at, external_id=external_id, external_url=url,
                reason=_why(delivery), attempts=delivery.attempts,
            ),
        )  # fmt: skip
    data = MessageReconcile(
        message_id=delivery.message_id,
        state=state,
        at=at,
        external_id=external_id,
        external_url=url,
        conversation_id=delivery.conversation_id,
        reason=_why(delivery),
        attempts=delivery.attempts,
    )
    return _reconciled(delivery, at, delivery.state, data)


def removed(delivery: Delivery, at: datetime) -> Event[Any]:
    """Return the event that a post of our own was deleted on the platform."""
    data = PublicationReconcile(publication_id=delivery.message_id, state="deleted", at=at)
    return _reconciled(delivery, at, "deleted", data)


def _reconciled(
    delivery: Delivery, at: datetime, state: str, data: MessageReconcile | PublicationReconcile
) -> Event[Any]:
    return Event(
        topic=topics.PUBLICATIONS if isinstance(data, PublicationReconcile) else topics.MESSAGES,
        issuer=SERVICE,
        name="reconcile",
        data=data,
        id=derived("reconcile", delivery.id, state, str(delivery.version)),
        tenant=delivery.tenant,
        key=delivery.key,
        occurred_at=at,
        caused_by=delivery.message_id,
        traceparent=delivery.traceparent,
    )


def _why(delivery: Delivery) -> str:
    """Why it is in its state, and of a message in parts which one."""
    if not delivery.error or delivery.parts == 1:
        return delivery.error
    seen = "; the parts before it are visible" if delivery.part > 1 else ""
    return f"part {delivery.part} of {delivery.parts}: {delivery.error}{seen}"


def told(what: str, delivery: Delivery, actor: tuple[ActorKind, str], at: datetime) -> Event[LogAdd]:
    """Return the fact that a person decided about a delivery."""
    data = LogAdd(
        kind=what,
        subject_type="delivery",
        subject_id=delivery.id,
        version=delivery.version + 1,
        message_id=None if delivery.verb == "publish" else delivery.message_id,
        account_id=delivery.account_id,
        actor_kind=actor[0],
        actor_id=actor[1],
        snapshot={"state": delivery.state, "channel": delivery.channel, "external_id": delivery.external_id},
    )
    return Event(
        topic=topics.LOGS,
        issuer=SERVICE,
        name="add",
        data=data,
        id=derived(what, delivery.id, str(delivery.version)),
        tenant=delivery.tenant,
        key=delivery.key,
        occurred_at=at,
        caused_by=delivery.id,
        traceparent=delivery.traceparent,
    )


def _external_key(delivery: Delivery, external_id: str | None) -> str | None:
    if external_id is None:
        return None
    return Delivery.external_key_of(delivery.account_id, delivery.channel, external_id)
