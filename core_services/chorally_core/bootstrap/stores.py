"""The back ends, chosen by setting, and the data folder that one process owns."""

import fcntl
import os
from pathlib import Path

from chorally_core.adapters.local import Folder
from chorally_core.adapters.sqlite.bus import SqliteBus
from chorally_core.adapters.sqlite.database import Database
from chorally_core.adapters.sqlite.ledger import SqliteLedger
from chorally_core.adapters.sqlite.search import SqliteSearch
from chorally_core.ports.documents import Documents
from chorally_core.ports.ledger import Ledger
from chorally_core.runner import InOrder
from chorally_core.settings import InvalidSettings, Settings


class InUse(Exception):
    """Another process owns the data folder."""


class Stores:
    """Everything that is kept, open for as long as the process lives."""

    def __init__(self, settings: Settings) -> None:
        """Take the data folder and open what the settings name.

        Raises:
            InUse: Another process owns the folder.
            InvalidSettings: A back end cannot be used as it is named.
        """
        folder = settings.data
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _own(folder)
        self.database = Database(folder / "chorally.db", cache_mib=settings.cache_mib)
        self.objects = Folder(folder / "objects")
        self.search = SqliteSearch(self.database)
        self._remote = _documents(settings)
        self.ledger: Ledger = SqliteLedger(self.database)
        if self._remote is not None:
            self.ledger = InOrder(self._remote, SqliteBus(self.database))

    async def aclose(self) -> None:
        """Close what is reached over a network, then the folder."""
        close = getattr(self._remote, "close", None)
        if close is not None:
            await close()
        self.close()

    def close(self) -> None:
        """Close the folder."""
        self.database.close()
        os.close(self._lock)


def _documents(settings: Settings) -> Documents | None:
    """The documents' own back end; None where they lie in the data folder."""
    url = settings.documents.get_secret_value()
    if not url:
        return None
    try:
        from chorally_core.adapters.mongo import InvalidUrl, MongoDocuments
    except ImportError as error:
        raise InvalidSettings(
            f"CHORALLY_DOCUMENTS: {error.name} is missing; pip install 'chorally-core[mongo]'"
        ) from None
    try:
        return MongoDocuments(url)
    except InvalidUrl as error:
        raise InvalidSettings(f"CHORALLY_DOCUMENTS: {error}") from None


def _own(folder: Path) -> int:
    """Take the folder for this process, for as long as it lives."""
    descriptor = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        detail = f"another chorally process owns {folder}; stop it, or use another folder (CHORALLY_DATA)"
        raise InUse(detail) from None
    return descriptor
