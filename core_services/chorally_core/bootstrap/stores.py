"""Everything that is kept or shared, chosen by setting, and the data folder that one process owns.

Whatever no setting names lies in the folder, where one process does everything. Several processes have no folder:
the settings must name all that they share.
"""

import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from pathlib import Path

from pydantic import SecretStr

from chorally_core.adapters.local import Folder
from chorally_core.adapters.sqlite import SqliteBus, SqliteDocuments
from chorally_core.adapters.sqlite.database import Database, Unusable
from chorally_core.adapters.sqlite.ledger import SqliteLedger
from chorally_core.adapters.sqlite.search import SqliteSearch
from chorally_core.adapters.stored import StoredSearch
from chorally_core.bootstrap.back_ends import BackEnds, Unreachable
from chorally_core.bootstrap.kinds import make_ready
from chorally_core.bootstrap.parts import PARTS, Parts, Role
from chorally_core.bootstrap.vault import open_vault
from chorally_core.ports.documents import Documents
from chorally_core.ports.ledger import Ledger
from chorally_core.ports.objects import Objects
from chorally_core.ports.schemas import NotMigrated, TooNew
from chorally_core.ports.search import Search
from chorally_core.runner import InOrder
from chorally_core.settings import InvalidSettings, Settings, objects_folder


class InUse(Exception):
    """Another process owns the data folder."""


class Stores:
    """Everything that is kept or shared, for as long as the process lives."""

    def __init__(self, settings: Settings, parts: Parts | None = None) -> None:
        """Prepare what the settings name, and take the data folder; nothing is connected yet.

        Args:
            settings: Which back ends.
            parts: What the process consists of; everything where None. One that is alone owns the data folder, and
                what no setting names lies there. Of several, each shares everything, and touches no folder but that of
                the objects.

        Raises:
            InUse: Another process owns the folder.
            InvalidSettings: A back end cannot be used as it is named, or is not named and must be; all at once.
            Unreachable: The file in the folder is no database, or cannot be written.
        """
        parts = parts or Parts()
        self._database: Database | None = None
        self._lock: int | None = None
        self.back_ends = BackEnds(settings if parts.alone else used(settings, parts))
        mistakes = self.back_ends.mistakes + ([] if parts.alone else missing(settings, parts))
        if mistakes:
            raise InvalidSettings("\n".join(mistakes))
        documents, bus = self.back_ends.documents, self.back_ends.bus
        self.coordination = self.back_ends.coordination
        self.shares_documents = documents is not None
        """Whether other processes may use the same documents."""
        self.objects_in = objects_folder(settings)
        """Folder of the objects; None where they lie on S3."""
        self.search: Search
        self.ledger: Ledger
        if documents is None or bus is None or parts.alone:
            database = self._own(settings)
            self.search = self.back_ends.search or SqliteSearch(database)
            self.ledger = SqliteLedger(database)
            if documents is not None or bus is not None:
                self.ledger = InOrder(documents or SqliteDocuments(database), bus or SqliteBus(database))
        else:
            if keeps_objects(parts) and self.objects_in is not None:
                self.objects_in.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.search = self.back_ends.search or StoredSearch(documents)
            self.ledger = InOrder(documents, bus)
        self.objects = self._objects(settings)

    def _objects(self, settings: Settings) -> Objects:
        if self.back_ends.objects is not None:
            return self.back_ends.objects(self.ledger.documents, open_vault(settings))
        return Folder(objects_folder(settings) or settings.data / "objects")

    def _own(self, settings: Settings) -> Database:
        """Take the data folder, and open the database in it."""
        folder = settings.data
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _locked(folder)
        try:
            self._database = Database(folder / "chorally.db", cache_mib=settings.cache_mib)
        except Unusable as error:
            raise Unreachable(str(error)) from error
        return self._database

    async def start(self) -> None:
        """Connect to what is reached over a network, and see that documents are as this release stores them.

        Raises:
            NotMigrated: They are not, and lie where other processes use them.
            TooNew: A later release has stored some.
            Unreachable: Something cannot be used now.
        """
        await self.back_ends.start()
        try:
            await make_ready(self.ledger.documents)
        except (NotMigrated, TooNew):
            raise
        except Exception as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from error

    def troubles(self) -> list[str]:
        """Say what keeps the back ends from doing their work at the moment."""
        return self.back_ends.troubles()

    def degraded(self) -> list[str]:
        """Say what the process does without at the moment, while it goes on."""
        return self.back_ends.degraded()

    def unshared(self) -> list[str]:
        """Say why what it tells other processes in passing does not reach them at the moment."""
        return self.back_ends.unshared()

    async def aclose(self) -> None:
        """Close what is reached over a network, then the folder."""
        await self.back_ends.aclose()
        self.close()

    def close(self) -> None:
        """Close the folder, where there is one."""
        if self._database is not None:
            self._database.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def keeps_objects(parts: Parts) -> bool:
    """Whether the process reads or writes objects."""
    return parts.has("io", Role.API, Role.WORKER) or parts.has("media", Role.API, Role.WORKER)


def searches(parts: Parts) -> bool:
    """Whether the process asks or feeds the index: the search itself, lists of tickets, erasures."""
    return parts.has("search", *Role) or parts.has("message", Role.API) or parts.has("io", Role.WORKER)


def used(settings: Settings, parts: Parts) -> Settings:
    """Return the settings without back ends that one of several processes has no use for: drivers take long to load."""
    if any(name not in PARTS for name in parts.services):
        return settings  # what an installed package adds may use everything
    unused = [name for name, uses in (("objects", keeps_objects), ("search", searches)) if not uses(parts)]
    return settings.model_copy(update=dict.fromkeys(unused, SecretStr("")))


def missing(settings: Settings, parts: Parts) -> list[str]:
    """Say what several processes cannot do without and is not set."""
    said = []
    if not settings.bus.get_secret_value():
        said.append("CHORALLY_BUS: not set; events go from process to process by kafka://host:port,…/")
    if not settings.documents.get_secret_value():
        said.append("CHORALLY_DOCUMENTS: not set; what processes share is kept at mongodb://…/DATABASE")
    if not settings.secret_keys:
        said.append(
            "CHORALLY_SECRET_KEYS: not set; every process needs the same keys, each 32 bytes in URL-safe base64"
        )
    if not settings.objects.get_secret_value() and keeps_objects(parts):
        said.append(
            "CHORALLY_OBJECTS: not set; files and large webhook bodies go from process to process by a shared folder, "
            "or by s3://…"
        )
    return said


@contextlib.asynccontextmanager
async def shared_documents(settings: Settings) -> AsyncIterator[Documents | None]:
    """Give the documents that other processes may use, without the data folder; None where they lie in it.

    Raises:
        InvalidSettings: They cannot be used as they are named.
    """
    nothing = SecretStr("")
    unused = dict.fromkeys(("bus", "coordination", "objects", "search"), nothing)
    back_ends = BackEnds(settings.model_copy(update=unused))
    if back_ends.mistakes:
        raise InvalidSettings("\n".join(back_ends.mistakes))
    try:
        yield back_ends.documents
    finally:
        await back_ends.aclose()


def _locked(folder: Path) -> int:
    """Take the folder for this process, for as long as it lives."""
    descriptor = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        detail = f"another chorally process owns {folder}; stop it, or use another folder (CHORALLY_DATA)"
        raise InUse(detail) from None
    return descriptor
