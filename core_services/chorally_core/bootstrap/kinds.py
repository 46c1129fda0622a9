"""Every kind of document that the installed services store, and whether a store is ready for them."""

import importlib
import pkgutil
from collections.abc import Iterator

from chorally_core import ports, services
from chorally_core.adapters.sqlite import SqliteDocuments
from chorally_core.ports.documents import Document, Documents
from chorally_core.ports.schemas import Migrates, NotMigrated

_DECLARING = (ports, services)
_BESIDE = ("chorally_core.adapters.identity.shared_keyring", "chorally_core.adapters.stored.search",
           "chorally_core.api.idempotency")  # fmt: skip
"""Modules that declare kinds where not every module can be imported: some need a driver, or cost time."""


def kinds() -> tuple[type[Document], ...]:
    """Return every kind, by name; those of installed packages too.

    Raises:
        ValueError: A package has a kind of the name of another's.
    """
    from chorally_core.bootstrap.added import added  # what they import needs the stores, and those need this

    for package in _DECLARING:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    for name in _BESIDE:
        importlib.import_module(name)
    packages = {"chorally_core", *(one.module.partition(".")[0] for one in added().services.values())}
    ours = {of for of in _below(Document) if of.__module__.partition(".")[0] in packages}
    by_name: dict[str, type[Document]] = {}
    for of in sorted(ours, key=lambda of: (of.kind, not of.__module__.startswith("chorally_core."))):
        if (first := by_name.setdefault(of.kind, of)) is not of:
            raise ValueError(f"the kind {of.kind!r} of {of.__module__} is that of {first.__module__}; rename it")
    return tuple(by_name.values())


def _below(of: type[Document]) -> Iterator[type[Document]]:
    for below in of.__subclasses__():
        yield below
        yield from _below(below)


async def make_ready(documents: Documents) -> None:
    """Return when documents can be stored as this release stores them; called before anything is read.

    What lies in a folder has one owner, who brings it up to date at once. What processes share is left to ``chorally
    migrate``, so that none of them meets documents that another is about to change.

    Raises:
        NotMigrated: The store that is shared is not ready.
        TooNew: A later release has stored documents.
    """
    if isinstance(documents, SqliteDocuments):
        await documents.migrate(kinds())
    elif isinstance(documents, Migrates) and (lacking := await documents.lacking(kinds())):
        raise NotMigrated(lacking)
