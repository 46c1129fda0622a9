"""What a service has that is searched: which of its documents a fact touches, and how each of them is found."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from chorally_core.events import Event, LogAdd
from chorally_core.ports.documents import Document
from chorally_core.ports.search import Entry, EntryKind


class Touched(NamedTuple):
    """A document that a fact touches."""

    document_id: str
    entry_id: str = ""
    """Which of its entries, where it has several."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One kind of documents that are searched."""

    kind: EntryKind
    of: type[Document]
    touched: Callable[[Event[LogAdd]], Iterable[Touched]]
    """Documents that a fact is about."""
    entries: Callable[[Any], Sequence[Entry]]
    """A document as it is found; pure. The fields that are its ticket's are added to it."""
    document_of: Callable[[str, str], str] = lambda tenant, entry_id: entry_id
    """The document that an entry of a tenant is in."""
    within: str = ""
    """Field of the document that names its ticket; empty where it has none."""
    moved: Callable[[Event[LogAdd]], Iterable[str]] = lambda fact: ()
    """Tickets whose documents of this kind go with another ticket from a fact on."""
