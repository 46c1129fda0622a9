"""Which webhooks are told of what."""

from chorally_core.ports.webhooks import CALLED, Webhook
from chorally_core.services.log.model import LogEntry


def fits(webhook: Webhook, entry: LogEntry) -> bool:
    """Whether a webhook is told of an entry that comes now; imported history is told to none."""
    if entry.what == CALLED:
        return entry.subject_id == webhook.id
    return not entry.backfilled and entry.at >= webhook.since and is_asked_for(webhook, entry)


def is_asked_for(webhook: Webhook, entry: LogEntry) -> bool:
    """Whether an entry is of a kind that a webhook asks for."""
    if entry.what == CALLED:
        return entry.subject_id == webhook.id
    return any(_is_of(entry.what, pattern) for pattern in webhook.events)


def _is_of(what: str, pattern: str) -> bool:
    return what.startswith(pattern[:-1]) if pattern.endswith("*") else what == pattern
