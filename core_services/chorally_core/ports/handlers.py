"""How a service decides: handlers, which say what they read and return one change.

A handler does no I/O, so the same event and the same documents always give the same change.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Generic, TypeVar, cast

import msgspec

from chorally_core.events import Data, Event
from chorally_core.ports.documents import DocT, Document, Key

D = TypeVar("D", bound=Data)


class Change(msgspec.Struct, frozen=True):
    """What a handler wants done.

    All writes but the last only add documents, which repeats harmlessly. The last one may change a
    document: it owns the order of what happened, and in a cluster it carries the events.
    """

    writes: tuple[Document, ...] = ()
    events: tuple[Event[Any], ...] = ()
    remove: tuple[Document, ...] = ()
    """Documents that are used up; only for what may vanish twice."""
    mended: tuple[Document, ...] = ()
    """Documents that are changed before the writes, as a kill left them without what the last write adds to them.

    Until that one is stored nothing rests on them, so they may be mended any number of times.
    """

    def __post_init__(self) -> None:
        """Refuse a change that would need a transaction over several documents."""
        for document in self.writes[:-1]:
            if document.version:
                raise ValueError(f"only the last write may change a document, but {document.kind} comes earlier")


NOTHING = Change()


class Found:
    """The documents that a handler asked for."""

    __slots__ = ("_documents", "_number")

    def __init__(
        self,
        documents: Mapping[tuple[type[Document], str, str], Document | None],
        number: Callable[[type[Document], str], int],
    ) -> None:
        self._documents = documents
        self._number = number

    def get(self, of: type[DocT], value: str | None, field: str = "id") -> DocT | None:
        """Return a document that was asked for; None where there is none."""
        if value is None:
            return None
        return cast("DocT | None", self._documents.get((of, field, value)))

    def number(self, of: type[Document], tenant: str) -> int:
        """Return the next number of the tenant's documents of that kind."""
        return self._number(of, tenant)


class Handler(ABC, Generic[D]):
    """Handles one event of one topic for one service."""

    topic: ClassVar[str]
    event: ClassVar[str]
    numbers: ClassVar[type[Document] | None] = None
    """Documents that the decision may take a number for."""

    @abstractmethod
    def reads(self, event: Event[D]) -> Iterable[Key]:
        """Name the documents that the decision needs."""

    def follows(self, event: Event[D], found: Found) -> Iterable[Key]:
        """Name further documents that those found lead to; asked until it names nothing new."""
        return ()

    @abstractmethod
    def decide(self, event: Event[D], found: Found) -> Change:
        """Return what the event changes; the same event again changes nothing."""
