"""Hands posts over whose time has come, and occurrences of series."""

from collections.abc import Callable
from datetime import datetime
from functools import partial

import structlog

from chorally_core.ports.actions import Actions
from chorally_core.ports.documents import Condition, Document, Documents, Key, Query
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.services.publishing.commands import hand_over
from chorally_core.services.publishing.model import Publication
from chorally_core.services.publishing.series import Series, advance

log = structlog.get_logger(__name__)

_STEP = 500


async def publish_due(documents: Documents, actions: Actions, now: Callable[[], datetime]) -> int:
    """Hand over the posts and occurrences that are due; return how many records there were."""
    posts = await _each(documents, actions, now, Publication, "due_at", _post)
    return posts + await _each(documents, actions, now, Series, "next_at", _series)


async def _each(
    documents: Documents,
    actions: Actions,
    now: Callable[[], datetime],
    of: type[Document],
    field: str,
    decide: Callable[[str, datetime, Found], Change],
) -> int:
    where = (Condition(field, "<=", now()),)
    done = 0
    after: tuple[None, str] | None = None
    while True:
        due: list[Document] = await documents.find(Query(of, None, where, limit=_STEP, after=after))
        for one in due:
            try:
                await actions.act([Key.by_id(of, one.id)], partial(decide, one.id, now()))
                done += 1
            except Exception as error:  # it holds up no other, and is tried again in the next round
                log.error("a post could not be handed over", record=one.id, kind=of.kind, exc_info=error)
        if len(due) < _STEP:
            return done
        after = (None, due[-1].id)


def _post(name: str, at: datetime, found: Found) -> Change:
    publication = found.get(Publication, name)
    return NOTHING if publication is None else hand_over(publication, at=at)


def _series(name: str, at: datetime, found: Found) -> Change:
    series = found.get(Series, name)
    return NOTHING if series is None else advance(series, at=at)
