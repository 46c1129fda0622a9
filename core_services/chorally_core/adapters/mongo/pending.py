"""What lay with documents when they were loaded: events that somebody stored and has not relayed yet.

A document is changed only as it was loaded, so what is added to its outbox comes right behind what lay there then.
Whoever changes it relays both, in this order, and so never overtakes whoever stored the earlier ones.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from chorally_core.adapters.mongo.shape import from_outbox
from chorally_core.ports.documents import Document, Unsent

_MOST = 10_000
_NOTHING = Unsent((), ())


class Pending:
    """Remembers them, of the documents that were loaded last."""

    def __init__(self) -> None:
        self._of: OrderedDict[tuple[type[Document], str], tuple[int, Sequence[dict[str, Any]]]] = OrderedDict()

    def learn(self, document: Document, outbox: Sequence[dict[str, Any]] | None) -> None:
        """Take in what lies with a document that was just loaded."""
        name = (type(document), document.id)
        if outbox:
            if self._of.get(name, (0, ()))[0] <= document.version:
                self._of[name] = (document.version, outbox)
            if len(self._of) > _MOST:
                self._of.popitem(last=False)
        elif self._of and name in self._of and self._of[name][0] <= document.version:
            del self._of[name]

    def take(self, of: type[Document], document_id: str) -> Unsent:
        """Return the events, as the document was changed; the token are their ids."""
        found = self._of.pop((of, document_id), None) if self._of else None
        if found is None:
            return _NOTHING
        events = [event for entry in found[1] if (event := from_outbox(entry)) is not None]
        return Unsent(events, [event.id for event in events])  # those of a later release wait for one that knows them
