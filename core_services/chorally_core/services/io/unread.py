"""Dead letters of what came in and could not be taken: webhooks, and events of a pull."""

import json
from datetime import datetime

import chorally_sdk as sdk
from chorally_core.events import DeadLetterAdd, Event, topics
from chorally_core.events.ids import author_id, derived
from chorally_core.ports.ledger import Step
from chorally_core.ports.parking import HOOKS, PULLS, DeadLetter
from chorally_core.ports.storable import shown
from chorally_core.services.io.handlers import GROUP
from chorally_core.services.io.inbound import SERVICE, scope_of
from chorally_core.services.io.model import Account, Hook

_SHOWN = 65_536  # characters of a payload that its dead letter shows


def unreadable_hook(hook: Hook, error: Exception, at: datetime) -> Step:
    """Return the dead letter of a webhook, and the event that tells of it."""
    payload = hook.body[:_SHOWN].decode("utf-8", errors="replace")
    return _dead(derived("dead-hook", hook.id), hook.tenant, HOOKS, hook.id, payload, error, at, subject=hook.id)


def unreadable_event(
    account: Account, manifest: sdk.Manifest, event: sdk.Event, error: Exception, at: datetime
) -> Step:
    """Return the dead letter of one event of a page, without what only its connector understands."""
    payload = json.dumps(event.model_dump(exclude={"route"}), default=str)[:_SHOWN]
    key = f"{account.tenant}/account/{account.id}"
    if isinstance(event, sdk.Message) and event.author is not None:
        scope = scope_of(account, manifest.channels[0].id_scope)
        person = author_id(account.tenant, account.platform, scope, event.author.external_id)
        key = f"{account.tenant}/{person}"
    name = derived("dead-event", account.id, payload)
    return _dead(name, account.tenant, PULLS, key, payload, error, at, subject=account.id)


def _dead(
    name: str, tenant: str, source: str, key: str, payload: str, error: Exception, at: datetime, *, subject: str
) -> Step:
    why = shown(error)
    letter = DeadLetter(
        id=name, tenant=tenant, at=at, source=source, group=GROUP, key=key, value=payload, error=why, attempts=1,
        subject=subject,
    )  # fmt: skip
    data = DeadLetterAdd(letter_id=name, source=source, group=GROUP, error=why, attempts=1, key=key, payload=payload)
    told = Event(
        topic=topics.DEAD_LETTERS, issuer=SERVICE, name="add", data=data, id=name, tenant=tenant, key=key,
        occurred_at=at,
    )  # fmt: skip
    return Step.of([letter], [told])
