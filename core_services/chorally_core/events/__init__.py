"""Events: the envelope, what each says, where each travels, and how ids are made."""

from chorally_core.events.catalogue import Unknown, Unreadable, decode, said
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
from chorally_core.events.event import Data, Event, Raw, carrying, envelope, headers, to_raw
from chorally_core.events.publications import PublicationAdd, PublicationTarget
from chorally_core.events.records import (
    Attached,
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
    Templated,
    TicketUpdate,
    TriggerEvaluate,
)
from chorally_core.events.rules import RuleOutcome, TicketHeld, TicketShare

__all__ = [
    "RuleOutcome", "TicketHeld", "TicketShare",
    "MessageMove", "Send", "TicketAbsorb", "TicketAnswered", "TicketMerge", "TicketRelease", "TicketSplit",
    "TicketUnmerge",
    "Attached", "AuthorAdd", "AuthorDelete", "Data", "DeadLetterAdd", "Event", "LogAdd", "MessageAdd", "MessageDelete",
    "MessageModerate", "MessageReconcile", "MessageUpdate", "Moderate", "PublicationReconcile", "Publish", "Raw",
    "Reply", "Templated", "TicketUpdate", "TriggerEvaluate", "Unknown", "Unreadable", "carrying", "decode", "envelope",
    "headers", "said", "to_raw",
    "PublicationAdd", "PublicationTarget",
]  # fmt: skip
