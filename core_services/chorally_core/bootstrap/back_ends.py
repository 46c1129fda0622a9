"""What is reached over a network, as the settings name it. A driver is imported only where its back end is named."""

import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from chorally_core.adapters.local import InProcess
from chorally_core.ports.bus import Bus
from chorally_core.ports.coordination import Coordination
from chorally_core.ports.documents import Documents
from chorally_core.ports.objects import Objects
from chorally_core.ports.search import Search
from chorally_core.ports.secrets import Vault
from chorally_core.settings import Settings

T = TypeVar("T")
Job = Callable[[], Awaitable[None]]


class Unreachable(Exception):
    """A back end that the process must have cannot be used now; the message says which, and why."""


class BackEnds:
    """Bus, documents, objects and coordination outside of this process; each None where no setting names it."""

    def __init__(self, settings: Settings) -> None:
        """Prepare what the settings name; nothing is connected yet. What is wrong is in ``mistakes``."""
        self._settings = settings
        self._begin: list[Job] = []
        self._end: list[Job] = []
        self._troubles: list[Callable[[], list[str]]] = []
        self._degraded: list[Callable[[], list[str]]] = []
        self._waiting: list[Callable[[], list[str]]] = []
        self._in_process = InProcess()
        self.mistakes: list[str] = []
        self.documents: Documents | None = self._opened("documents", self._mongo)
        self.bus: Bus | None = self._opened("bus", self._kafka)
        self.objects: Callable[[Documents, Vault], Objects] | None = self._opened("objects", self._s3)
        """Makes the store of objects, given where it is recorded what is whose; None where they lie in a folder."""
        self.coordination: Coordination = self._opened("coordination", self._redis) or self._in_process
        self.search: Search | None = self._opened("search", self._opensearch)

    def _opened(self, field: str, open_it: Callable[[str], T]) -> T | None:
        """What a setting names; None where it is empty. A mistake in it is added to the others."""
        url = getattr(self._settings, field).get_secret_value()
        if not url or (open_it == self._s3 and not url.startswith("s3:")):
            return None
        name = f"CHORALLY_{field.upper()}"
        try:
            return open_it(url)
        except ModuleNotFoundError as error:
            extra = open_it.__name__.removeprefix("_")
            self.mistakes.append(f"{name}: {error.name} is missing; pip install 'chorally-core[{extra}]'")
        except ValueError as error:
            self.mistakes.append(f"{name}: {error}")
        return None

    def _mongo(self, url: str) -> Documents:
        from chorally_core.adapters.mongo import MongoDocuments

        documents = MongoDocuments(url)
        self._end.append(documents.close)
        return documents

    def _opensearch(self, url: str) -> Search:
        from chorally_core.adapters.opensearch import OpenSearchIndex, parse

        index = OpenSearchIndex(parse(url))
        self._end.append(index.aclose)
        self._waiting.append(lambda: [f"search and indexing wait: {index.trouble}"] if index.trouble else [])
        return index

    def _kafka(self, url: str) -> Bus:
        from chorally_core.adapters.kafka import KafkaBus, parse

        bus = KafkaBus(parse(url))
        self._begin.append(bus.start)
        self._end.append(bus.stop)
        self._troubles.append(bus.troubles)
        return bus

    def _redis(self, url: str) -> Coordination:
        from chorally_core.adapters.redis import RedisCoordination, parse

        shared = RedisCoordination.of(parse(url), self._in_process)
        self._begin.append(shared.start)
        self._end.append(shared.close)

        def status() -> list[str]:
            found = shared.status()
            return [f"coordination goes without Redis: {found.reason}"] if found.degraded else []

        self._degraded.append(status)
        return shared

    def _s3(self, url: str) -> Callable[[Documents, Vault], Objects]:
        from chorally_core.adapters.s3.objects import S3Objects
        from chorally_core.adapters.s3.settings import parse

        settings = parse(url)

        def made(documents: Documents, vault: Vault) -> Objects:
            objects = S3Objects(
                settings, documents, vault, now=lambda: datetime.now(UTC), new_id=lambda: secrets.token_hex(16)
            )
            self._begin.append(objects.start)
            self._end.append(objects.close)
            self._degraded.append(lambda: [f"objects: {why}"] if (why := objects.trouble()) else [])
            return objects

        return made

    async def start(self) -> None:
        """Connect.

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
        return [reason for ask in (*self._degraded, *self._waiting) for reason in ask()]

    def unshared(self) -> list[str]:
        """Say why what it tells other processes in passing does not reach them at the moment."""
        return [reason for ask in self._degraded for reason in ask()]

    async def aclose(self) -> None:
        """Disconnect."""
        for job in reversed(self._end):
            await job()
        self._end.clear()
