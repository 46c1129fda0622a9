"""The search port: finds tickets, messages, authors and tags by their words and by what is known of them.

An index holds what can be made anew from the documents. It gives names; whoever shows something reads the document,
so that nothing is shown that is not there any more.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple, Protocol, get_args

import msgspec

from chorally_core.ports.words import Wanted

EntryKind = Literal["ticket", "message", "author", "tag"]
KINDS: tuple[EntryKind, ...] = get_args(EntryKind)

Sort = Literal["relevance", "newest", "oldest"]

OF_TICKET = ("status", "priority", "assignee_id", "team_id", "tags")
"""What a message is found by that is its ticket's."""
FIELDS = (
    "channel", "platform", "account_id", "author_id", "ticket_id", "direction", "language", "content", *OF_TICKET,
)  # fmt: skip
"""What entries are filtered and counted by; ``tags`` holds several."""


class SearchUnavailable(Exception):
    """The index cannot be reached now; the message says why, without secrets."""


class NotOffered(ValueError):
    """This index cannot do what was asked; the message says what can be done."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing as it is searched."""

    kind: EntryKind
    id: str
    tenant: str
    version: int
    """Of the document; an older one never takes the place of a newer one."""
    at: datetime
    """What newest and oldest go by."""
    gone: bool = False
    """It is not to be found any more."""
    title: str = ""
    body: str = ""
    names: str = ""
    """Searched by its words only, never by stems."""
    language: str = ""
    """By which it is stemmed; empty for none."""
    channel: str = ""
    platform: str = ""
    account_id: str = ""
    author_id: str = ""
    ticket_id: str = ""
    """Its ticket; a ticket's is its own."""
    direction: str = ""
    content: str = ""
    """What a message is: ``text``, ``review``, ``mail`` …"""
    status: str = ""
    priority: str = ""
    assignee_id: str = ""
    team_id: str = ""
    tags: tuple[str, ...] = ()
    read_ms: int = 0
    """When the document was read: what was read later is newer, as its ticket may be another."""

    def within(self, ticket: "Entry") -> "Entry":
        """Return a message with what is its ticket's."""
        theirs = {field: getattr(ticket, field) for field in OF_TICKET}
        return msgspec.structs.replace(self, **theirs, ticket_id=ticket.id)


class Behind(NamedTuple):
    """The last hit of the page before."""

    score: float
    at: datetime
    name: str


class Asked(NamedTuple):
    """What to find, whichever tenant asks."""

    wanted: Wanted = Wanted()
    kinds: Sequence[EntryKind] = KINDS
    where: Mapping[str, Sequence[str]] = {}  # never changed
    """By field of ``FIELDS``, the values of which one must hold; an empty text stands for none."""
    since: datetime | None = None
    until: datetime | None = None
    """The first instant that is too late."""
    sort: Sort = "relevance"
    limit: int = 20
    behind: Behind | None = None
    facets: Sequence[str] = ()
    """Fields whose values are to be counted."""


class Hit(NamedTuple):
    """One thing found."""

    kind: EntryKind
    id: str
    at: datetime
    score: float
    """How well it fits, more is better; comparable within one answer only. 0 without words."""

    @property
    def name(self) -> str:
        """What tells it from all others."""
        return f"{self.kind}/{self.id}"


class Hits(NamedTuple):
    """What was found."""

    hits: Sequence[Hit]
    total: int | None
    """How many there are on all pages; None where the index does not count."""
    facets: Mapping[str, Sequence[tuple[str, int]]] = {}  # never changed
    """By field, its most frequent values with their counts, the most frequent first."""


INDEX_SCHEMA = 1
"""Grows by one with each change of what is indexed, or how: an index that was made otherwise is made anew."""

FACET_VALUES = 50
"""Values of a field that are counted at most."""


class Search(Protocol):
    """An index. The tenant comes first in each question, and nobody's else is ever given."""

    in_turns: bool
    """Whether ``put`` is part of an open turn of the ledger and never waits; otherwise it waits and comes before."""
    bears_tickets: bool
    """Whether messages must be put again when what is their ticket's has changed."""

    async def start(self) -> bool:
        """Prepare the index; return whether it is to be made from all documents, as it never was by ``INDEX_SCHEMA``.

        Raises:
            SearchUnavailable: It cannot be reached; it is prepared when it can be.
        """

    async def put(self, entries: Sequence[Entry]) -> None:
        """Index entries; one that is there already is replaced, unless what is there is newer.

        Raises:
            SearchUnavailable: Some may be indexed; put all of them again.
        """

    async def find(self, tenant: str, asked: Asked) -> Hits:
        """Return a page of what is found.

        Raises:
            NotOffered: This index cannot do that.
            SearchUnavailable: It cannot be reached.
        """

    async def tickets(self, tenant: str, wanted: Wanted, *, limit: int) -> list[str]:
        """Return the tickets in which a message, or the ticket itself, is found, the newest hits first."""

    async def bear(self, tickets: Sequence[Entry]) -> set[str]:
        """Return the tickets of which the index knows something else than ``OF_TICKET`` says now, or nothing."""

    async def forget(self, tenant: str, author_id: str, until: datetime) -> None:
        """Remove what an author said until then, and the author."""

    async def begin_rebuild(self, name: str) -> None:
        """Have a new index beside the one that serves, which from now on gets what is put; none where it is there."""

    async def fill(self, name: str, entries: Sequence[Entry]) -> None:
        """Index entries in the new one only, unless what is there is newer."""

    async def end_rebuild(self, name: str) -> None:
        """Have the new index serve in place of the old one, at once, and remove that."""

    async def aclose(self) -> None:
        """Let go of what is held open."""
