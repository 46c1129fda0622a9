"""Identifiers: derived from their cause, so that a repeat gives the same ones.

What is inserted often and read back rarely gets an id that begins with time, so that an index grows
at its end; what deduplicates gets a hash of what makes it the same thing.
"""

from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from uuid import NAMESPACE_URL, UUID, uuid5

_NAMESPACE: UUID = uuid5(NAMESPACE_URL, "https://chorally.example/authors")
_SEPARATOR = "\x1f"


def derived(*parts: str) -> str:
    """Return 32 hex digits that only these parts, in this order, give."""
    return blake2b(_SEPARATOR.join(parts).encode(), digest_size=16).hexdigest()


def timed(at: datetime, *parts: str) -> str:
    """Return 32 hex digits derived from the parts that sort by ``at``, to the millisecond."""
    return begins_with(at) + blake2b(_SEPARATOR.join(parts).encode(), digest_size=10).hexdigest()


def begins_with(at: datetime) -> str:
    """Return the 12 hex digits that ids of that time begin with."""
    return f"{int(at.timestamp() * 1000):012x}"


def entry_id(at: datetime, event_id: str) -> str:
    """Return the id of the entry of the history that a fact becomes; it begins with the time."""
    return f"{begins_with(at)}{event_id[:20]}"


def before(at: datetime) -> str:
    """Return what is no greater than any id that begins with ``at`` or a later time, and above all earlier ones."""
    return f"{int(at.timestamp() * 1000):012x}"


@lru_cache(maxsize=50_000)
def author_id(tenant: str, platform: str, scope: str, external_id: str) -> str:
    """Return the id of a person as one platform shows them to one tenant.

    Args:
        tenant: The customer organisation.
        platform: The connector's platform.
        scope: What the external id is unique in: an account's id, an app's id, or empty for the platform.
        external_id: The platform's id of the person.
    """
    return str(uuid5(_NAMESPACE, _SEPARATOR.join((tenant, platform, scope, external_id))))


def automatic_reply_id(tenant: str, answered: str) -> str:
    """Return the id of the one automatic reply that a message may get, whoever writes it."""
    return derived("automatic reply", tenant, answered)


def message_id(tenant: str, account_id: str, channel: str, external_id: str) -> str:
    """Return the id of a message that came in; the same message always has the same."""
    return derived("message", tenant, account_id, channel, external_id)
