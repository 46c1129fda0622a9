"""What the system knows in the end: in its documents, on the bus, and by its API."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, TypeVar

from chorally_core.adapters.mongo import MongoDocuments
from chorally_core.events import topics
from chorally_core.ports.documents import Document, Query
from chorally_core.ports.parking import DeadLetter, Parked
from chorally_core.services.author.model import Author
from chorally_core.services.io.model import Delivery, Held, Hook, Nudge
from chorally_core.services.log.model import LogEntry
from chorally_core.services.message.model import Message, Ticket

from tests.crash.evidence import Evidence, _arrivals
from tests.soak.tap import Tap

DocT = TypeVar("DocT", bound=Document)

_PAGE = 1000


async def read(url: str, tap: Tap, shown: Mapping[str, dict[str, Any]]) -> tuple[Evidence, Counter[str]]:
    """Return everything that is stored and was told, and what came twice on the bus, which its readers pass by."""
    documents = MongoDocuments(url)
    try:
        hooks = await every(documents, Hook)
        triggers = {trigger.id: trigger for trigger in tap.events(topics.RULE_TRIGGERS)}
        said = [event.data.id for event in tap.events(topics.MESSAGES) if event.name == "add"]
        unsent = await documents.unsent(10_000)
        repeated = Counter(
            {
                "triggers published again": len(tap.events(topics.RULE_TRIGGERS)) - len(triggers),
                "events stored and not told": len(unsent.events),
            }
        )
        left_over = [one for of in (Parked, DeadLetter, Held, Nudge) for one in await every(documents, of)]
        evidence = Evidence(
            integrity="ok",
            tickets=await every(documents, Ticket),
            messages=await every(documents, Message),
            authors=await every(documents, Author),
            deliveries=await every(documents, Delivery),
            log=await every(documents, LogEntry),
            said=said,
            triggers=list(triggers.values()),
            journal=list(_arrivals(hooks)),
            hooks=Counter(hook.body for hook in hooks),
            left_over=left_over,
            shown=dict(shown),
        )
        return evidence, repeated
    finally:
        await documents.close()


async def every(documents: MongoDocuments, of: type[DocT]) -> list[DocT]:
    """Return all documents of a kind."""
    found: list[DocT] = []
    after: tuple[Any, str] | None = None
    while page := await documents.find(Query(of, None, limit=_PAGE, after=after)):
        found += page
        after = (page[-1].id, page[-1].id)
    return found
