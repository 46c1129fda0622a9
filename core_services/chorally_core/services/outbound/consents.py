"""Who may be written to, and what people wish: pure decisions."""

from collections.abc import Iterable
from datetime import datetime

from chorally_core.events.ids import derived
from chorally_core.ports.documents import Documents, Key
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.reaching import Unwanted
from chorally_core.services.outbound.facts import Actor, about_consent
from chorally_core.services.outbound.model import EVERYWHERE, Consent, Opening, OutboundSettings, Wish


def keys(tenant: str, author_id: str, channel: str) -> Iterable[Key]:
    """Name what tells whether somebody may be written to."""
    yield Key.by_id(OutboundSettings, tenant)
    yield Key.by_id(Consent, Consent.id_of(tenant, author_id, channel))
    yield Key.by_id(Consent, Consent.id_of(tenant, author_id, EVERYWHERE))


def why_not(found: Found, tenant: str, author_id: str, channel: str) -> str:
    """Say why somebody may not be written to, given what ``keys`` named; empty where they may.

    Who declined on the channel, or everywhere, is never written to; the word that came last counts.
    """
    said = [
        consent
        for place in (channel, EVERYWHERE)
        if (consent := found.get(Consent, Consent.id_of(tenant, author_id, place))) is not None
    ]
    latest = max(said, key=lambda consent: consent.at, default=None)
    if latest is not None and latest.state == "out":
        return "the person does not want to hear from us; write again only once they agree"
    settings = found.get(OutboundSettings, tenant)
    if latest is None and settings is not None and settings.consent_required:
        return "the person has not agreed to hear from us; record their consent first"
    return ""


def unwanted(documents: Documents) -> Unwanted:
    """Return what is asked right before a message goes out: people change their minds while it waits."""

    async def ask(message_id: str) -> str:
        opening = await documents.get(Opening, message_id)
        if opening is None or opening.author_id is None:
            return ""
        found = await documents.load(list(keys(opening.tenant, opening.author_id, opening.channel)))
        known = {(key.of, key.field, key.value): document for key, document in found.items()}
        return why_not(Found(known, lambda of, tenant: 0), opening.tenant, opening.author_id, opening.channel)

    return ask


def recorded(
    known: Consent | None,
    *,
    tenant: str,
    author_id: str,
    channel: str,
    state: Wish,
    source: str,
    at: datetime,
    actor: Actor,
    now: datetime,
) -> Change:
    """Return what a person wishes, as it is written down; nothing where it is known, or older than what is."""
    if known is not None and (known.at > at or (known.at, known.state, known.source) == (at, state, source)):
        return NOTHING
    if known is None:
        consent = Consent(
            id=Consent.id_of(tenant, author_id, channel), tenant=tenant, author_id=author_id, channel=channel,
            state=state, source=source, at=at, by=actor[1], changed_at=now,
        )  # fmt: skip
    else:
        consent = known.said_anew(state, source, at, actor[1], now)
    what = "consent_given" if state == "in" else "consent_withdrawn"
    cause = derived("consent", consent.id, state, at.isoformat(), str(consent.version))
    return Change((consent,), (about_consent(what, consent, actor, now, cause),))
