"""Who may answer a message by machine, one after the other: at most one does, in the tenant's order.

The log says whose turn it is first, and everybody leaves a trigger alone that names another. Who is done with it hands
it on to the next, and tells whether it was answered. A tenant with one source has no turns, and pays nothing for them.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec

from chorally_core.events import Data, Event, LogAdd, MessageAdd, TriggerEvaluate, topics
from chorally_core.events.ids import derived
from chorally_core.ports.documents import Document, Key
from chorally_core.ports.handlers import Change, Found
from chorally_core.ports.triggers import FOR_BOTS

CHATBOT, RULE_ENGINE, RULE = "chatbot", "rule-engine", "rule"
SOURCES = (CHATBOT, RULE_ENGINE, RULE)
"""The services that answer by machine, in the order of a tenant that has set none."""


class Source(Document, frozen=True, kw_only=True):
    """Says that a service answers for a tenant, or has done so; only ever added, with the first thing that makes it."""

    kind = "answering_source"

    service: str

    @staticmethod
    def key_of(tenant: str, service: str) -> Key:
        """Name the document of a service, whether it is there or not."""
        return Key.by_id(Source, derived("answering source", tenant, service))


class Order(Document, frozen=True, kw_only=True):
    """The order in which a tenant's messages are offered to those who answer by machine; under the tenant's id."""

    kind = "answering_order"

    sources: tuple[str, ...] = SOURCES


def source(tenant: str, service: str) -> Source:
    """Return what says that a service answers; added, once more without effect, with whatever may lead to an answer."""
    return Source(id=Source.key_of(tenant, service).value, tenant=tenant, service=service)


@lru_cache(maxsize=10_000)
def asked_of(tenant: str) -> tuple[Key, ...]:
    """Name what tells whether there may be turns: those who answer besides the rule engine."""
    return tuple(Source.key_of(tenant, service) for service in SOURCES if service != RULE_ENGINE)


def asked_further(tenant: str, found: Found) -> tuple[Key, ...]:
    """Name what turns depend on besides, where somebody answers besides the rule engine."""
    if not any(found.get(Source, key.value) for key in asked_of(tenant)):
        return ()
    return Source.key_of(tenant, RULE_ENGINE), Key.by_id(Order, tenant)


def turns(tenant: str, found: Found) -> tuple[str, ...]:
    """Return the services that answer, in their order; nothing where there are fewer than two."""
    if not any(found.get(Source, key.value) for key in asked_of(tenant)):
        return ()
    order = found.get(Order, tenant)
    wanted = order.sources if order is not None else SOURCES
    there = tuple(name for name in wanted if found.get(Source, Source.key_of(tenant, name).value) is not None)
    return there if len(there) > 1 else ()


def has_turn(trigger: TriggerEvaluate, service: str) -> bool:
    """Whether a service may take up a trigger now."""
    return not trigger.turns or trigger.turns[0] == service


def handed_on(event: Event[TriggerEvaluate], service: str, change: Change) -> Change:
    """Return a service's decision, with the trigger for whoever's turn is next; the same where nobody's is.

    Args:
        event: The trigger that it decided about.
        service: Who has decided, whose turn it was.
        change: What it decided.
    """
    left = event.data.turns[1:]
    if not left:
        return change
    by = event.data.answered_by or (service if _answers(change.events) else "")
    data = msgspec.structs.replace(event.data, turns=left, answered_by=by)
    following = event.causes(
        data, topic=topics.RULE_TRIGGERS, issuer=f"{service}-service", name="evaluate", of=f"turn of {left[0]}"
    )
    return msgspec.structs.replace(change, events=(*change.events, following))


def _answers(events: Iterable[Event[Any]]) -> bool:
    """Whether a reply is asked for, or the message left to a bot, which is to find it unanswered."""
    return any(_is_reply(event.data) or _is_left_to_a_bot(event.data) for event in events)


def _is_reply(data: Data) -> bool:
    return isinstance(data, MessageAdd) and data.automatic and data.direction == "outbound"


def _is_left_to_a_bot(data: Data) -> bool:
    return isinstance(data, LogAdd) and data.kind in FOR_BOTS
