"""The SQLite file: one writing connection, transactions that nest, reading beside it.

Everything that writes runs on the event loop's thread, in short steps, and never waits between the
beginning and the end of a transaction, so no two of them interleave. Long queries run in a thread of
their own on a second connection, which sees what is committed.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import apsw

_PRAGMAS = (
    "pragma page_size=8192",
    "pragma journal_mode=wal",
    "pragma synchronous=full",
    "pragma wal_autocheckpoint=16000",
    "pragma cache_size=-{cache_kib}",
    "pragma temp_store=memory",
    "pragma secure_delete=fast",
)


class Unusable(Exception):
    """The file is no database, or cannot be written; the message says which file and why."""


INSTANT = "instant"
"""Name of the function that makes microseconds, as columns have them, of an instant as documents write it."""


class Database:
    """An open SQLite file."""

    def __init__(self, path: Path, *, cache_mib: int = 64) -> None:
        """Open the file, making it where there is none.

        Args:
            path: The file.
            cache_mib: Page cache of the writing connection, in MiB.

        Raises:
            Unusable: It cannot be opened.
        """
        self.path = path
        try:
            self.writer = apsw.Connection(str(path))
            self.writer.set_busy_timeout(5_000)
            _teach(self.writer)
            for pragma in _PRAGMAS:
                self.writer.execute(pragma.format(cache_kib=cache_mib * 1024))
        except apsw.Error as error:
            raise Unusable(f"{path} cannot be used: {error}") from error
        self._depth = 0
        self._owner: object = None
        self._on_commit: list[Callable[[], None]] = []
        self._on_rollback: list[Callable[[], None]] = []
        self._reader: apsw.Connection | None = None
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite-read")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is written within, or nothing of it; an inner one joins the outer.

        Nothing within may await anything that suspends.
        """
        if self._depth:
            if _running() is not self._owner:
                raise RuntimeError("a transaction was left open across a wait; what is written within must not suspend")
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
            return
        self._on_commit, self._on_rollback = [], []
        self._owner = _running()
        self.writer.execute("begin immediate")
        self._depth = 1
        try:
            yield
            self.writer.execute("commit")
        except BaseException:
            self._depth = 0
            if not self.writer.get_autocommit():
                self.writer.execute("rollback")
            for undo in self._on_rollback:
                undo()
            raise
        self._depth = 0
        for follow in self._on_commit:
            follow()

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._depth > 0

    def after_commit(self, follow: Callable[[], None]) -> None:
        """Call ``follow`` once the open transaction is durable."""
        self._on_commit.append(follow)

    def after_rollback(self, undo: Callable[[], None]) -> None:
        """Call ``undo`` if the open transaction is given up."""
        self._on_rollback.append(undo)

    async def read(self, sql: str, bindings: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query that may take long, beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, sql, tuple(bindings))

    def _read(self, sql: str, bindings: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        if self._reader is None:
            self._reader = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READONLY)
            self._reader.set_busy_timeout(5_000)
            _teach(self._reader)
        return list(self._reader.execute(sql, bindings))

    def close(self) -> None:
        """Close the connections; the file is complete without its WAL afterwards."""
        self._threads.shutdown(wait=True)
        if self._reader is not None:
            self._reader.close()
        self.writer.close()


def _teach(connection: apsw.Connection) -> None:
    """Let a connection compare instants within documents."""
    connection.create_scalar_function(INSTANT, _microseconds, 1, deterministic=True)


def _microseconds(*values: Any) -> int | None:
    [text] = values
    return None if text is None else int(datetime.fromisoformat(text).timestamp() * 1_000_000)


def _running() -> object:
    """What runs now: the task, or None outside of a loop."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None
