"""The facts that the outbound service tells."""

from datetime import datetime
from typing import Any

import msgspec

from chorally_core.events import Event, LogAdd, topics
from chorally_core.events.ids import derived
from chorally_core.events.records import ActorKind
from chorally_core.ports.audit import audited
from chorally_core.services.outbound.model import Consent, Mailing, Opening, OutboundSettings

SERVICE = "outbound-service"

Actor = tuple[ActorKind, str]
US: Actor = ("service", SERVICE)


def about_opening(what: str, opening: Opening, actor: Actor, at: datetime, cause: str) -> Event[LogAdd]:
    """Return a fact about a conversation that we begin."""
    return _fact(what, "opening", opening, actor, at, cause, opening.snapshot(), opening.author_id, opening.account_id)


def about_consent(what: str, consent: Consent, actor: Actor, at: datetime, cause: str) -> Event[LogAdd]:
    """Return a fact about what a person wishes."""
    told = {"channel": consent.channel, "state": consent.state, "source": consent.source}
    return _fact(what, "consent", consent, actor, at, cause, told, consent.author_id)


def about_mailing(what: str, mailing: Mailing, actor: Actor, at: datetime, cause: str) -> Event[LogAdd]:
    """Return a fact about a list."""
    return _fact(what, "mailing", mailing, actor, at, cause, mailing.snapshot(), None, mailing.account_id)


def about_settings(
    before: OutboundSettings, settings: OutboundSettings, actor: Actor, at: datetime, cause: str
) -> Event[LogAdd]:
    """Return the fact that the tenant's settings were changed."""
    told = {"consent_required": settings.consent_required, "per_minute": settings.per_minute}
    fact = _fact("outbound_settings_changed", "outbound_settings", settings, actor, at, cause, told)
    return msgspec.structs.replace(fact, data=audited(fact.data, before, settings))


def _fact(
    what: str,
    kind: str,
    of: Opening | Consent | Mailing | OutboundSettings,
    actor: Actor,
    at: datetime,
    cause: str,
    snapshot: dict[str, Any],
    author_id: str | None = None,
    account_id: str | None = None,
) -> Event[LogAdd]:
    return Event(
        topic=topics.LOGS,
        issuer=SERVICE,
        name="add",
        data=LogAdd(
            kind=what, subject_type=kind, subject_id=of.id, version=of.version + 1, author_id=author_id,
            account_id=account_id, actor_kind=actor[0], actor_id=actor[1], snapshot=snapshot,
        ),
        id=derived(cause, topics.LOGS, what, of.id),
        tenant=of.tenant,
        key=f"{of.tenant}/{author_id or of.id}",
        occurred_at=at,
        caused_by=cause,
    )  # fmt: skip
