"""The back ends, chosen by setting, and the data folder that one process owns.

Whatever no setting names lies in the folder. A driver is imported only where its back end is named.
"""

import fcntl
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from chorally_core.adapters.local import Folder, InProcess
from chorally_core.adapters.sqlite import SqliteBus, SqliteDocuments
from chorally_core.adapters.sqlite.database import Database, Unusable
from chorally_core.adapters.sqlite.ledger import SqliteLedger
from chorally_core.adapters.sqlite.search import SqliteSearch
from chorally_core.ports.bus import Bus
from chorally_core.ports.coordination import Coordination
from chorally_core.ports.documents import Documents
from chorally_core.ports.ledger import Ledger
from chorally_core.runner import InOrder
from chorally_core.settings import InvalidSettings, Settings

T = TypeVar("T")
Job = Callable[[], Awaitable[None]]


class InUse(Exception):
    """Another process owns the data folder."""


class Unreachable(Exception):
    """A back end that the process must have cannot be used now; the message says which, and why."""


class Stores:
    """Everything that is kept or shared, for as long as the process lives."""

    def __init__(self, settings: Settings) -> None:
        """Take the data folder and prepare what the settings name; nothing is connected yet.

        Raises:
            InUse: Another process owns the folder.
            InvalidSettings: A back end cannot be used as it is named; every mistake at once.
            Unreachable: The file in the folder is no database, or cannot be written.
        """
        self._begin: list[Job] = []
        self._end: list[Job] = []
        self._troubles: list[Callable[[], list[str]]] = []
        self._degraded: list[Callable[[], list[str]]] = []
        self.coordination: Coordination = InProcess()
        mistakes: list[str] = []
        documents = self._opened(settings, "documents", self._mongo, mistakes)
        bus = self._opened(settings, "bus", self._kafka, mistakes)
        shared = self._opened(settings, "coordination", self._redis, mistakes)
        if mistakes:
            raise InvalidSettings("\n".join(mistakes))
        self.coordination = shared or self.coordination
        folder = settings.data
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _own(folder)
        try:
            self.database = Database(folder / "chorally.db", cache_mib=settings.cache_mib)
        except Unusable as error:
            raise Unreachable(str(error)) from error
        self.objects = Folder(folder / "objects")
        self.search = SqliteSearch(self.database)
        self.ledger: Ledger = SqliteLedger(self.database)
        if documents is not None or bus is not None:
            self.ledger = InOrder(documents or SqliteDocuments(self.database), bus or SqliteBus(self.database))

    def _opened(self, settings: Settings, field: str, open_it: Callable[[str], T], mistakes: list[str]) -> T | None:
        """What a setting names; None where it is empty. A mistake in it is added to the others."""
        url = getattr(settings, field).get_secret_value()
        if not url:
            return None
        name = f"CHORALLY_{field.upper()}"
        try:
            return open_it(url)
        except ModuleNotFoundError as error:
            extra = open_it.__name__.removeprefix("_")
            mistakes.append(f"{name}: {error.name} is missing; pip install 'chorally-core[{extra}]'")
        except ValueError as error:
            mistakes.append(f"{name}: {error}")
        return None

    def _mongo(self, url: str) -> Documents:
        from chorally_core.adapters.mongo import MongoDocuments

        documents = MongoDocuments(url)
        self._end.append(documents.close)
        return documents

    def _kafka(self, url: str) -> Bus:
        from chorally_core.adapters.kafka import KafkaBus, parse

        bus = KafkaBus(parse(url))
        self._begin.append(bus.start)
        self._end.append(bus.stop)
        self._troubles.append(bus.troubles)
        return bus

    def _redis(self, url: str) -> Coordination:
        from chorally_core.adapters.redis import RedisCoordination, parse

        shared = RedisCoordination.of(parse(url), self.coordination)
        self._begin.append(shared.start)
        self._end.append(shared.close)

        def status() -> list[str]:
            found = shared.status()
            return [f"coordination goes without Redis: {found.reason}"] if found.degraded else []

        self._degraded.append(status)
        return shared

    async def start(self) -> None:
        """Connect to what is reached over a network.

        Raises:
            Unreachable: Something cannot be used now.
        """
        for job in self._begin:
            try:
                await job()
            except Exception as error:
                raise Unreachable(f"{type(error).__name__}: {error}") from error

    def troubles(self) -> list[str]:
        """Say what keeps the back ends from doing their work at the moment."""
        return [trouble for ask in self._troubles for trouble in ask()]

    def degraded(self) -> list[str]:
        """Say what the process does without at the moment, while it goes on."""
        return [reason for ask in self._degraded for reason in ask()]

    async def aclose(self) -> None:
        """Close what is reached over a network, then the folder."""
        for job in reversed(self._end):
            await job()
        self.close()

    def close(self) -> None:
        """Close the folder."""
        self.database.close()
        os.close(self._lock)


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
