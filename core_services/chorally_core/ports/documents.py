"""The documents port: typed records, single-document atomic writes, versions and unique fields.

Nothing here spans documents: a back end without transactions over several documents serves it as well
as one that has them. What must become durable together is the ledger's affair (``ledger``).
"""

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypeVar

import msgspec

from chorally_core.events import Event

DocT = TypeVar("DocT", bound="Document")


class Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stored record of one kind; immutable, changed by storing a replacement."""

    kind: ClassVar[str]
    """Name of the collection."""
    unique: ClassVar[tuple[str, ...]] = ()
    """Fields that no two documents share; None is shared freely."""
    indexes: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Fields that queries filter or order by; the tenant comes first in each by itself."""
    sparse: ClassVar[tuple[str, ...]] = ()
    """Fields that queries filter by and that few documents have."""
    numbered: ClassVar[str] = ""
    """Field that counts the documents of a tenant, given by ``reserve``."""
    followed: ClassVar[bool] = False
    """Whether queries may ask for the order of arrival: from the first release of the kind, or never.

    It costs each addition something in a cluster.
    """
    schema: ClassVar[int] = 1
    """Grows by one with each change of the fields that what is stored cannot be read through."""
    upgrades: ClassVar[tuple["Upgrade", ...]] = ()
    """From each schema to the next, the first from schema 1: pure, and kept for as long as such documents may lie."""

    id: str
    tenant: str
    version: int = 0
    """0 until stored, then one more at each change."""


Upgrade = Callable[[dict[str, Any]], dict[str, Any]]
"""Turns the fields of a stored document, as JSON types, into those of the next schema."""


class Key(NamedTuple):
    """Names one document: by its id, or by a unique field."""

    of: type[Document]
    field: str
    value: str

    @classmethod
    def by_id(cls, of: type[Document], value: str) -> "Key":
        """Name a document by its id."""
        return cls(of, "id", value)


class Write(NamedTuple):
    """A document as it shall be stored, bearing the version it will have.

    ``expected`` 0 adds it; if its id is there already, nothing happens. Otherwise the stored version
    must be ``expected``.
    """

    document: Document
    expected: int
    outbox: Sequence[Event[Any]] = ()
    """Events that the write causes, kept with the document until they are relayed."""


class Unsent(NamedTuple):
    """Events that lie with their documents because nobody has said that they were relayed."""

    events: Sequence[Event[Any]]
    """In the order in which they were caused."""
    token: Any
    """The adapter's own note of which they are."""


class Condition(NamedTuple):
    """One thing that must hold of a document found."""

    field: str
    test: Literal["is", "in", "has", "<", "<=", ">", ">=", "absent", "present", "contains"]
    """``has`` asks a list for a member; ``contains`` a text for a part of it, whatever its case."""
    value: Any = None


ARRIVAL = "arrival"
"""The order in which documents were first stored, whatever their ids say."""


class Query(NamedTuple):
    """What to find, in which order, how much of it.

    In the order ``ARRIVAL`` a document that becomes visible later never comes before one that a query has given,
    so whoever resumes behind the last one misses none; a change does not move a document. ``after`` then is
    ``(None, id)`` of a document that is still stored, of whichever tenant. Only for kinds that are ``followed``.
    """

    of: type[Document]
    tenant: str | None
    """None looks across tenants: only for work that serves all of them."""
    where: tuple[Condition, ...] = ()
    order: str = "id"
    descending: bool = False
    limit: int = 100
    after: tuple[Any, str] | None = None
    """Resumes behind the document with this value of ``order`` and this id."""


class Conflict(Exception):
    """A version was not the expected one, or a unique field was taken: read again and decide again."""

    def __init__(self, kind: str, document_id: str) -> None:
        super().__init__(f"{kind} {document_id} was changed meanwhile")
        self.kind = kind
        self.document_id = document_id


class Documents(Protocol):
    """Stores documents."""

    async def load(self, keys: Collection[Key]) -> dict[Key, Document]:
        """Return the documents that exist of those named."""

    async def get(self, of: type[DocT], value: str, field: str = "id") -> DocT | None:
        """Return one document, by id or by a unique field."""

    async def write(self, writes: Sequence[Write]) -> Unsent:
        """Store documents, in order; each becomes durable by itself, together with its outbox.

        Returns the events of the outboxes, which lie with their documents until they are ``relayed``. Where
        others lay with a document that is changed, they come before its own: somebody has not relayed them yet,
        and the order is theirs.

        Raises:
            Conflict: A document was not as expected; others of the call may be stored.
        """

    async def find(self, query: Query) -> list[Any]:
        """Return the documents that a query asks for.

        Raises:
            LookupError: In the order of arrival, the document to resume behind is not stored any more.
        """

    async def count(self, query: Query) -> int:
        """Return how many documents a query would find, whatever its limit."""

    async def delete(self, of: type[Document], ids: Collection[str]) -> int:
        """Remove documents and return how many there were."""

    async def reserve(self, of: type[Document], tenant: str, count: int) -> range:
        """Return numbers that no other document of the kind and tenant will be given."""

    async def unsent(self, limit: int, older_than: timedelta = timedelta(0)) -> Unsent:
        """Return events that were stored with documents and not relayed, those of one document in order.

        Args:
            limit: About how many.
            older_than: How long ago a document's oldest was stored at least, by the clocks of who stores and asks.
        """

    async def carried(self, of: type[Document], ids: Collection[str]) -> Unsent:
        """Return the events that lie with some documents, those of one document in order."""

    async def relayed(self, sent: Unsent) -> None:
        """Forget events that were relayed."""
