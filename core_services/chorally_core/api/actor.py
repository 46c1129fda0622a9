"""Who does something through the API, as the log tells it."""

from chorally_core.events.records import ActorKind
from chorally_core.ports.identity import Caller


def actor(caller: Caller) -> tuple[ActorKind, str]:
    """Return the kind and id of whoever does something."""
    return ("agent" if caller.kind == "user" else "service", caller.subject)
