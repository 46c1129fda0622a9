"""Declares the author service."""

from fastapi import FastAPI

from chorally_core.api import author as api
from chorally_core.bootstrap.service import Around, Reads, Service
from chorally_core.services.author import handlers
from chorally_core.services.author.erasure import EraseContacts


def _api(around: Around) -> FastAPI:
    return api.create_app(around.identity, api.Authors(around.documents, around.actions, around.now, around.ids))


SERVICE = Service(
    name="author",
    api=_api,
    reads=lambda around: Reads(handlers.GROUP, handlers.HANDLERS),
    erases=lambda around: [EraseContacts(around.ledger)],
)
