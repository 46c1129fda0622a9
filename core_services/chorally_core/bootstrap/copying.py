"""Copies objects from a folder to where the settings say that they are now."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple

from chorally_core.adapters.local import Folder
from chorally_core.bootstrap.stores import Stores
from chorally_core.ports.documents import Document, Documents, Query
from chorally_core.ports.files import File
from chorally_core.ports.objects import Objects
from chorally_core.services.io.model import Hook
from chorally_core.settings import Settings

_STEP = 200


class Copied(NamedTuple):
    """What a run has done."""

    copied: int = 0
    there: int = 0
    """Objects that were there already, such as from a run that was broken off."""
    lost: tuple[str, ...] = ()
    """Objects that are in neither place."""


async def copy_objects(settings: Settings, source: Path) -> Copied:
    """Copy every object that a record names, and return what was done; the same again goes on where it ended.

    Nothing is removed, and nothing that is there is replaced.

    Raises:
        InUse: A process owns the data folder in which the records are.
        Unavailable: The objects' new place cannot be reached; what was copied stays.
    """
    stores = Stores(settings)
    try:
        await stores.start()
        folder, done = Folder(source), Copied()
        async for tenant, name in _named(stores.ledger.documents):
            done = await _copied(folder, stores.objects, tenant, name, done)
        return done
    finally:
        await stores.aclose()


async def _copied(source: Objects, target: Objects, tenant: str, name: str, done: Copied) -> Copied:
    if await _is_there(target, tenant, name):
        return done._replace(there=done.there + 1)
    if not await _is_there(source, tenant, name):
        return done._replace(lost=(*done.lost, name))
    async with aclosing(source.pieces(tenant, name)) as pieces:
        await target.keep(tenant, name, pieces)
    return done._replace(copied=done.copied + 1)


async def _is_there(objects: Objects, tenant: str, name: str) -> bool:
    """Whether there is such an object; one that is there is whole."""
    async with aclosing(objects.pieces(tenant, name, last=0)) as pieces:
        try:
            await anext(pieces, b"")
        except LookupError:
            return False
    return True


async def _named(documents: Documents) -> AsyncIterator[tuple[str, str]]:
    """Yield tenant and name of every object that a record names."""
    async for file in _all(documents, File):
        if isinstance(file, File) and file.is_whole:
            yield file.tenant, file.place
            if file.thumbnail == "made":
                yield file.tenant, file.thumbnail_place
    async for hook in _all(documents, Hook):
        if isinstance(hook, Hook) and hook.body_object:
            yield hook.tenant, hook.body_object


async def _all(documents: Documents, of: type[Document]) -> AsyncIterator[Document]:
    after = None
    while found := await documents.find(Query(of, None, limit=_STEP, after=after)):
        for document in found:
            yield document
        after = (None, found[-1].id)
