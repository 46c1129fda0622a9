"""What is done with webhooks: add, change, rotate the secret, disable, remove. Pure decisions."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec

from chorally_core.events import Event, LogAdd, topics
from chorally_core.events.ids import derived
from chorally_core.events.records import ActorKind
from chorally_core.ports.audit import audited
from chorally_core.ports.handlers import NOTHING, Change
from chorally_core.ports.refused import Refused
from chorally_core.ports.webhooks import Webhook
from chorally_core.services.log.webhooks.model import WebhookDelivery, WebhookFeed, WebhookHealth, WebhookReplay

SERVICE = "log-service"
MOST = 20
"""Webhooks of a tenant."""

Actor = tuple[ActorKind, str]


def add(webhook: Webhook, *, read: str, actor: Actor) -> Change:
    """Return a new webhook, and from where the history is read where the tenant has none yet.

    Args:
        webhook: The new one.
        read: The newest entry of the history; empty where there is none.
        actor: Who adds it.
    """
    feed = WebhookFeed(id=webhook.tenant, tenant=webhook.tenant, read=read)
    return Change((feed, webhook), (_told("webhook_created", None, webhook, actor, webhook.created_at, ""),))


def change(known: Webhook, new: Mapping[str, Any], *, actor: Actor, at: datetime, cause: str) -> Change:
    """Return a webhook with some fields changed; nothing where they are so already."""
    changes = {name: value for name, value in new.items() if value != getattr(known, name)}
    if not changes:
        return NOTHING
    if changes.get("enabled"):
        changes |= {"since": at, "disabled_why": ""}
    changed = msgspec.structs.replace(known, **changes, changed_at=at)
    return Change((changed,), (_told("webhook_changed", known, changed, actor, at, cause, sorted(new)),))


def rotate(known: Webhook, sealed: str, *, actor: Actor, at: datetime, cause: str) -> Change:
    """Return a webhook with another secret."""
    changed = msgspec.structs.replace(known, sealed=sealed, changed_at=at)
    return Change((changed,), (_told("webhook_secret_rotated", known, changed, actor, at, cause),))


def disable(known: Webhook, why: str, *, at: datetime, cause: str) -> Change:
    """Return a webhook that nothing is sent to any more, for a reason of its receiver's."""
    if not known.enabled:
        return NOTHING
    changed = msgspec.structs.replace(known, enabled=False, disabled_why=why, changed_at=at)
    return Change((changed,), (_told("webhook_disabled", known, changed, ("service", SERVICE), at, cause),))


def remove(known: Webhook, *, actor: Actor, at: datetime) -> Change:
    """Return the removal of a webhook; its deliveries go with time."""
    health = WebhookHealth(id=known.id, tenant=known.tenant)
    return Change((), (_told("webhook_removed", known, None, actor, at, ""),), (known, health))


def again(known: WebhookDelivery, *, at: datetime, replay: str = "", place: int | None = None) -> WebhookDelivery:
    """Return a delivery that is tried anew."""
    return msgspec.structs.replace(
        known, state="waiting", due_at=at, begun_at=at, attempts=0, replay=replay or known.replay,
        place=known.place if place is None else place,
    )  # fmt: skip


def replay(wanted: WebhookReplay, open_ones: int) -> Change:
    """Return the replay of a part of the history.

    Raises:
        Refused: One is under way for the webhook.
    """
    if open_ones:
        raise Refused("conflict", "replay-under-way", "a replay of this webhook is under way; wait until it is done")
    return Change((wanted,))


def _told(
    what: str,
    before: Webhook | None,
    after: Webhook | None,
    actor: Actor,
    at: datetime,
    cause: str,
    fields: list[str] | None = None,
) -> Event[LogAdd]:
    """A fact about a webhook. Its URL may hold what is secret, so only its host is told."""
    webhook = after or before
    if webhook is None:
        raise ValueError("nothing was there, and nothing is")
    snapshot: dict[str, Any] = {
        "host": urlsplit(webhook.url).hostname or "",
        "description": webhook.description[:200],
        "events": list(webhook.events),
        "enabled": webhook.enabled,
        "disabled_why": webhook.disabled_why,
    }
    if fields is not None:
        snapshot["changed"] = fields
    cause = cause or derived(what, webhook.id)
    data = LogAdd(
        kind=what, subject_type="webhook", subject_id=webhook.id, version=webhook.version + 1, actor_kind=actor[0],
        actor_id=actor[1], snapshot=snapshot,
    )  # fmt: skip
    secrets = [
        name
        for name, field in (("secret", "sealed"), ("url", "url"))
        if getattr(before, field, "") != getattr(after, field, "")
    ]
    return Event(
        topic=topics.LOGS,
        issuer=SERVICE,
        name="add",
        data=audited(data, _plain(before), _plain(after), secrets=secrets),
        id=derived(cause, topics.LOGS, what),
        tenant=webhook.tenant,
        key=f"{webhook.tenant}/{webhook.id}",
        occurred_at=at,
        caused_by=cause,
    )


def _plain(webhook: Webhook | None) -> dict[str, Any] | None:
    """What of a webhook is no secret; of its URL only the host."""
    if webhook is None:
        return None
    fields = msgspec.structs.asdict(webhook)
    return {name: fields[name] for name in ("events", "description", "enabled", "disabled_why", "previous_until")
            if name in fields} | {"host": urlsplit(webhook.url).hostname or ""}  # fmt: skip


def overlap(hours: float, at: datetime) -> datetime:
    """Return until when the secret before a new one signs too."""
    return at + timedelta(hours=hours)
