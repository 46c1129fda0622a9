"""Every event, declared once: where it travels, who says it, what it means.

Decoding, the AsyncAPI document and the reference page all come from here.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from chorally_core.events import topics
from chorally_core.events.conversations import (
    MessageMove,
    Send,
    TicketAbsorb,
    TicketAnswered,
    TicketMerge,
    TicketRelease,
    TicketSplit,
    TicketUnmerge,
)
from chorally_core.events.event import Data, Envelope, Event, Raw
from chorally_core.events.publications import PublicationAdd
from chorally_core.events.records import (
    AuthorAdd,
    AuthorDelete,
    DeadLetterAdd,
    LogAdd,
    MessageAdd,
    MessageDelete,
    MessageModerate,
    MessageReconcile,
    MessageUpdate,
    Moderate,
    PublicationReconcile,
    Publish,
    Reply,
    TicketUpdate,
    TriggerEvaluate,
)
from chorally_core.events.rules import RuleOutcome, TicketHeld, TicketShare

CHANNEL = "<channel>"
"""Stands for the topic of any I/O channel, such as ``facebook_comment``."""


@dataclass(frozen=True)
class Declared:
    """One event: its topic, name, issuers and what it says."""

    topic: str
    name: str
    data: type[Data]
    issuers: tuple[str, ...]


LOGGING = (
    "io-service", "author-service", "message-service", "identity-service", "publishing-service", "rule-engine-service",
    "outbound-service", "rule-service", "log-service", "search-service", "metadata-service",
)  # fmt: skip
"""Services that tell facts."""

DECLARED: tuple[Declared, ...] = (
    Declared(topics.AUTHORS, "add", AuthorAdd, ("io-service", "outbound-service")),
    Declared(topics.AUTHORS, "delete", AuthorDelete, ("io-service", "author-service")),
    Declared(
        topics.MESSAGES, "add", MessageAdd, ("io-service", "rule-service", "rule-engine-service", "outbound-service")
    ),
    Declared(topics.MESSAGES, "update", MessageUpdate, ("io-service",)),
    Declared(topics.MESSAGES, "delete", MessageDelete, ("io-service",)),
    Declared(topics.MESSAGES, "moderate", MessageModerate, ("rule-engine-service",)),
    Declared(topics.MESSAGES, "reconcile", MessageReconcile, ("io-service",)),
    Declared(topics.TICKETS, "update", TicketUpdate, ("message-service", "rule-service", "rule-engine-service")),
    Declared(topics.TICKETS, "merge", TicketMerge, ("message-service",)),
    Declared(topics.TICKETS, "unmerge", TicketUnmerge, ("message-service",)),
    Declared(topics.TICKETS, "absorb", TicketAbsorb, ("message-service",)),
    Declared(topics.TICKETS, "release", TicketRelease, ("message-service",)),
    Declared(topics.TICKETS, "split", TicketSplit, ("message-service",)),
    Declared(topics.TICKETS, "answered", TicketAnswered, ("message-service",)),
    Declared(topics.MESSAGES, "move", MessageMove, ("message-service",)),
    Declared(topics.LOGS, "add", LogAdd, LOGGING),
    Declared(topics.RULE_TRIGGERS, "evaluate", TriggerEvaluate, ("log-service", "rule-service", "rule-engine-service")),
    Declared(topics.QUEUE_TRIGGERS, "watch", TriggerEvaluate, ("rule-engine-service",)),
    Declared(topics.QUEUE_TRIGGERS, "evaluate", TriggerEvaluate, ("rule-engine-service",)),
    Declared(topics.QUEUE_TRIGGERS, "share", TicketShare, ("rule-engine-service",)),
    Declared(topics.QUEUE_TRIGGERS, "held", TicketHeld, ("rule-engine-service",)),
    Declared(topics.QUEUE_TRIGGERS, "outcome", RuleOutcome, ("rule-engine-service",)),
    Declared(topics.DEAD_LETTERS, "add", DeadLetterAdd, ("runner", "io-service")),
    Declared(topics.PUBLICATIONS, "add", PublicationAdd, ("publishing-service",)),
    Declared(topics.PUBLICATIONS, "reconcile", PublicationReconcile, ("io-service",)),
    Declared(CHANNEL, "reply", Reply, ("message-service",)),
    Declared(CHANNEL, "send", Send, ("message-service",)),
    Declared(CHANNEL, "publish", Publish, ("publishing-service",)),
    *(Declared(CHANNEL, verb, Moderate, ("message-service", "publishing-service")) for verb in topics.MODERATIONS),
)

_decoders: dict[tuple[str, str], msgspec.json.Decoder[Any]] = {
    (declared.topic, declared.name): msgspec.json.Decoder(declared.data) for declared in DECLARED
}
_envelope = msgspec.json.Decoder(Envelope)


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """Something on a topic that is not a valid event; it goes to the dead letters with its payload."""

    raw: Raw
    error: str


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """A well-formed event that this version does not know; it is counted and skipped."""

    raw: Raw
    name: str


def declared_data(topic: str, name: str) -> type[Data] | None:
    """Return what the event of that topic and name says; None where it is not declared."""
    for declared in DECLARED:
        if declared.name == name and declared.topic in (topic, CHANNEL if topic not in topics.FIXED else topic):
            return declared.data
    return None


def said(topic: str, value: bytes) -> tuple[str, str, Any]:
    """Return who says an event, its name, and what it says; None for that where this version does not know it.

    Raises:
        msgspec.DecodeError: It is no envelope, or says something else than declared.
    """
    wrapped = _envelope.decode(value)
    decoder = _decoders.get((topic if topic in topics.FIXED else CHANNEL, wrapped.event))
    return wrapped.issuer, wrapped.event, None if decoder is None else decoder.decode(wrapped.data)


def decode(raw: Raw) -> Event[Any] | Unreadable | Unknown:
    """Return the event that lies on the bus, or why it cannot be one."""
    try:
        issuer, name, data = said(raw.topic, raw.value)
        if data is None:
            return Unknown(raw=raw, name=name)
        head = raw.headers
        at = datetime.fromisoformat(head["occurred_at"])
        if at.tzinfo is None:
            return Unreadable(raw=raw, error="header occurred_at has no time zone")
        return Event(
            topic=raw.topic,
            issuer=issuer,
            name=name,
            data=data,
            id=head["id"],
            tenant=head["tenant"],
            key=raw.key,
            occurred_at=at,
            caused_by=head.get("caused_by", ""),
            depth=int(head.get("depth", "0")),
            traceparent=head.get("traceparent", ""),
            schema=int(head.get("schema", "1")),
        )
    except KeyError as error:
        return Unreadable(raw=raw, error=f"header {error} is missing")
    except (msgspec.DecodeError, ValueError, TypeError, RecursionError) as error:
        return Unreadable(raw=raw, error=f"{type(error).__name__}: {error}")
