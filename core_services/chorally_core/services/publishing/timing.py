"""Hands posts over whose time has come."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

import structlog

from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import Condition, Documents, Key, Query
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.services.publishing.commands import hand_over
from chorally_core.services.publishing.model import Publication

log = structlog.get_logger(__name__)

_STEP = 500


async def publish_due(documents: Documents, actions: Actions, now: Callable[[], datetime]) -> int:
    """Hand over the posts that are due; return how many there were."""
    where = (Condition("due_at", "<=", now()),)
    done = 0
    after: tuple[None, str] | None = None
    while True:
        due: list[Publication] = await documents.find(Query(Publication, None, where, limit=_STEP, after=after))
        for publication in due:
            try:
                await actions.act([Key.by_id(Publication, publication.id)], partial(_due, publication.id, now()))
                done += 1
            except Exception as error:  # it holds up no other, and is tried again in the next round
                log.error("a post could not be handed over", publication_id=publication.id, exc_info=error)
        if len(due) < _STEP:
            return done
        after = (None, due[-1].id)


def _due(publication_id: str, at: datetime, found: Found) -> Change:
    publication = found.get(Publication, publication_id)
    return NOTHING if publication is None else hand_over(publication, at=at)
