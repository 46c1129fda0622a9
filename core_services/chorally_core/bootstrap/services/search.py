"""Declares the search service, and what of other services is searched."""

from fastapi import FastAPI

from chorally_core.api import search as api
from chorally_core.api.idempotency import Once
from chorally_core.api.search_rebuilds import rebuilds_router
from chorally_core.bootstrap.service import Around, Round, Service
from chorally_core.ports.indexing import Source
from chorally_core.services.author.searched import SOURCES as AUTHORS
from chorally_core.services.message.searched import SOURCES as TICKETS_AND_MESSAGES
from chorally_core.services.metadata.searched import SOURCES as TAGS
from chorally_core.services.search.indexer import Indexer
from chorally_core.services.search.rebuilding import EraseFromIndex, Rebuilding
from chorally_core.services.search.searching import Searching

SOURCES: tuple[Source, ...] = (*TICKETS_AND_MESSAGES, *AUTHORS, *TAGS)

_INDEXED = 400  # facts that are indexed at once: each commit costs
_SEEING_S = 30.0


def _rebuilding(around: Around) -> Rebuilding:
    return Rebuilding(around.ledger, around.search, SOURCES, now=around.now, new_id=around.ids)


def _api(around: Around) -> FastAPI:
    once = Once(around.documents, now=around.now, new_id=around.ids)
    parts = api.SearchParts(searching=Searching(around.documents, around.search, SOURCES))
    return api.create_app(around.identity, parts, rebuilds_router(_rebuilding(around), around.documents, once))


SERVICE = Service(
    name="search",
    api=_api,
    behind=lambda around: [Indexer(around.ledger, around.search, SOURCES, batch=_INDEXED)],
    jobs=lambda around: [_rebuilding(around).kind],
    rounds=lambda around: [Round("search/made", _rebuilding(around).see_to_it, _SEEING_S)],
    erases=lambda around: [EraseFromIndex(around.search)],
)
