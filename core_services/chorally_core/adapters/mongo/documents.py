"""Documents in MongoDB: a collection for each kind, majority-written, each document atomic by itself."""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import structlog
from pymongo import AsyncMongoClient, ReturnDocument, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from chorally_core.adapters.mongo.arrivals import COUNTERS, Arrivals
from chorally_core.adapters.mongo.migration import SCHEMAS, Migration
from chorally_core.adapters.mongo.pending import Pending
from chorally_core.adapters.mongo.query import conditions, order_of
from chorally_core.adapters.mongo.shape import Shape, from_outbox, micros, to_outbox
from chorally_core.adapters.mongo.where import place_of
from chorally_core.events import Event
from chorally_core.ports.documents import ARRIVAL, Conflict, DocT, Document, Key, Query, Unsent, Write

log = structlog.get_logger(__name__)

_DUPLICATE = 11000
_OUR_OWN = (COUNTERS, SCHEMAS)
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)
_AT_ONCE = 1000

Stored = dict[str, Any]


class MongoDocuments:
    """Serves the documents port from one database."""

    def __init__(
        self,
        url: str,
        *,
        timeout_ms: int = 10_000,
        silent_ms: int = 30_000,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to connect; nothing is opened before the first call.

        Args:
            url: ``mongodb://…/DATABASE``.
            timeout_ms: Milliseconds to look for a server before a call fails.
            silent_ms: Milliseconds to wait for an answer before a call fails, which then may have been done.
            now: The clock that outboxes are dated by.
            monotonic: Seconds that only grow.

        Raises:
            InvalidUrl: The URL cannot be used.
        """
        place = place_of(url)
        self._client: AsyncMongoClient[Stored] = AsyncMongoClient(
            place.url,
            serverSelectionTimeoutMS=timeout_ms,
            connectTimeoutMS=timeout_ms,
            socketTimeoutMS=silent_ms,
            tz_aware=True,
            retryWrites=False,
            appname="chorally",
        )
        self._database = self._client.get_database(
            place.database, write_concern=WriteConcern(w="majority", j=True), read_concern=ReadConcern("majority")
        )
        self._shapes: dict[type[Document], Shape] = {}
        self._arrivals: dict[type[Document], Arrivals] = {}
        self._migration = Migration(self._database)
        self._pending = Pending()
        self._now = now
        self._monotonic = monotonic

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def lacking(self, kinds: Iterable[type[Document]]) -> list[str]:
        """Say what ``migrate`` would make or rewrite.

        Raises:
            TooNew: A later release has stored documents.
        """
        return await self._migration.lacking(kinds)

    async def migrate(self, kinds: Iterable[type[Document]]) -> list[str]:
        """Make indexes and unique constraints, rewrite what is stored in an earlier schema, and say what was done.

        Raises:
            TooNew: A later release has stored documents.
        """
        return await self._migration.migrate(kinds)

    def _shaped(self, of: type[Document]) -> Shape:
        shape = self._shapes.get(of)
        if shape is None:
            shape = self._shapes[of] = Shape(of)
            if of.followed:
                self._arrivals[of] = Arrivals(self._database, shape, monotonic=self._monotonic)
        return shape

    def _collection(self, shape: Shape) -> AsyncCollection[Stored]:
        return self._database[shape.name]

    async def load(self, keys: Collection[Key]) -> dict[Key, Document]:
        """Return the documents that exist of those named, with one query for each kind and field."""
        wanted: dict[tuple[type[Document], str], list[str]] = defaultdict(list)
        for of, field, value in keys:
            wanted[of, field].append(value)
        found: dict[Key, Document] = {}
        for (of, field), values in wanted.items():
            if field != "id" and field not in of.unique:
                raise ValueError(f"{of.__name__} cannot be loaded by {field!r}: it is not unique")
            shape = self._shaped(of)
            async for stored in self._collection(shape).find({shape.path(field): {"$in": values}}):
                document = shape.document(stored)
                self._pending.learn(document, stored.get("outbox"))
                found[Key(of, field, getattr(document, field))] = document
        return found

    async def get(self, of: type[DocT], value: str, field: str = "id") -> DocT | None:
        """Return one document, by id or by a unique field."""
        found = await self.load((Key(of, field, value),))
        return cast("DocT | None", next(iter(found.values()), None))

    async def write(self, writes: Sequence[Write]) -> Unsent:
        """Store documents one by one, each together with its outbox, in one round trip for each kind.

        Raises:
            Conflict: A document was not as expected; others of the call may be stored.
        """
        by_kind: dict[type[Document], list[Write]] = {}
        for write in writes:
            by_kind.setdefault(type(write.document), []).append(write)
        at = micros(self._now())
        for of, group in by_kind.items():
            await self._write_kind(self._shaped(of), group, at)
        events: list[Event[Any]] = []
        token = []
        for document, _, outbox in writes:
            if outbox:
                earlier = self._pending.take(type(document), document.id)
                told = [*earlier.events, *outbox]
                events += told
                token.append((document.kind, document.id, [*earlier.token, *(event.id for event in outbox)]))
        return Unsent(events, token)

    async def _write_kind(self, shape: Shape, writes: Sequence[Write], at: int) -> None:
        added = [w for w in writes if not w.expected]
        changed = [w for w in writes if w.expected]
        arrivals = self._arrivals.get(shape.of) if added else None
        if arrivals is None:
            operations = [_addition(shape, w, at) for w in added] + [_change(shape, w, at) for w in changed]
            await self._write_all(shape, operations, len(added), changed)
            return
        reserved = await arrivals.reserve(len(added))
        operations = [_addition(shape, w, at, n) for w, n in zip(added, reserved.numbers, strict=True)]
        operations += [_change(shape, w, at) for w in changed]
        names = [w.document.id for w in added]
        try:
            await self._write_all(shape, operations, len(added), changed)
        except (Conflict, BulkWriteError):  # after any other error they may still come: readers wait for a while
            await arrivals.close(reserved, names)
            raise
        await arrivals.close(reserved, names)

    async def _write_all(
        self, shape: Shape, operations: Sequence[UpdateOne], added: int, changed: Sequence[Write]
    ) -> None:
        """Carry out the operations, the additions first."""
        only = changed[0].document.id if len(changed) == len(operations) == 1 else ""
        try:
            done = await self._collection(shape).bulk_write(operations, ordered=True)
        except BulkWriteError as error:
            if any(e.get("code") == _DUPLICATE for e in error.details.get("writeErrors", ())):
                raise Conflict(shape.name, only) from error
            raise
        except DuplicateKeyError as error:
            raise Conflict(shape.name, only) from error
        present = added - done.upserted_count
        if done.matched_count - present != len(changed):
            raise Conflict(shape.name, only)

    async def _counted(self, name: str, count: int) -> int:
        stored = await self._database[COUNTERS].find_one_and_update(
            {"_id": name}, {"$inc": {"last": count}}, upsert=True, return_document=ReturnDocument.AFTER
        )
        if stored is None:
            raise RuntimeError(f"the counter {name} could not be read")
        return int(stored["last"])

    async def find(self, query: Query) -> list[Any]:
        """Return the documents that a query asks for.

        Raises:
            LookupError: In the order of arrival, the document to resume behind is not stored any more.
        """
        shape = self._shaped(query.of)
        parts = [conditions(shape, query)]
        after: Any = query.after
        if query.order == ARRIVAL:
            parts.append({"arrived": {"$lte": await self._horizon(shape)}})
            if after is not None:
                after = (await self._arrived(shape, after[1]), after[1])
        sort, beyond = order_of(shape, query, after)
        parts = [part for part in (*parts, beyond) if part]
        where = {"$and": parts} if len(parts) > 1 else parts[0] if parts else {}
        cursor = self._collection(shape).find(where, {"outbox": 0}).sort(sort).limit(query.limit)
        return [shape.document(stored) async for stored in cursor]

    async def _horizon(self, shape: Shape) -> int:
        arrivals = self._arrivals.get(shape.of)
        if arrivals is None:
            raise ValueError(f"{shape.of.__name__} is not followed in the order of arrival")
        return await arrivals.horizon()

    async def _arrived(self, shape: Shape, document_id: str) -> int:
        last = await self._collection(shape).find_one({"_id": document_id}, {"arrived": 1})
        if last is None:
            raise LookupError(f"{shape.name} {document_id} is not stored, so nothing can be resumed behind it")
        return int(last["arrived"])

    async def count(self, query: Query) -> int:
        """Return how many documents a query would find, whatever its limit."""
        shape = self._shaped(query.of)
        return await self._collection(shape).count_documents(conditions(shape, query))

    async def delete(self, of: type[Document], ids: Collection[str]) -> int:
        """Remove documents and return how many there were; their outboxes must have been relayed."""
        shape = self._shaped(of)
        done = await self._collection(shape).delete_many({"_id": {"$in": list(ids)}})
        return done.deleted_count

    async def reserve(self, of: type[Document], tenant: str, count: int) -> range:
        """Return numbers that no other process is given; those not used are never used."""
        if not of.numbered:
            raise ValueError(f"{of.__name__} is not numbered")
        last = await self._counted(f"number/{of.kind}/{tenant}", count)
        return range(last - count + 1, last + 1)

    async def unsent(self, limit: int, older_than: timedelta = timedelta(0)) -> Unsent:
        """Return events that lie with documents, of every collection there is."""
        until = micros(self._now() - older_than) if older_than else micros(_NEVER)
        found = Unsent([], [])
        for name in await self._collections():
            cursor = self._database[name].find({"outbox.at": {"$lte": until}}, {"outbox": 1}).limit(limit)
            found = _joined(found, name, await cursor.to_list())
            if len(found.events) >= limit:
                break
        return found

    async def carried(self, of: type[Document], ids: Collection[str]) -> Unsent:
        """Return the events that lie with some documents, those of one document in order."""
        collection = self._collection(self._shaped(of))
        cursor = collection.find({"_id": {"$in": list(ids)}, "outbox.at": {"$gt": 0}}, {"outbox": 1})
        return _joined(Unsent([], []), of.kind, await cursor.to_list())

    async def _collections(self) -> list[str]:
        try:
            names = await self._database.list_collection_names()
        except OperationFailure:
            log.warning("collections cannot be listed; only those in use are looked at")
            names = [shape.name for shape in self._shapes.values()]
        return sorted(name for name in names if name not in _OUR_OWN and not name.startswith("system."))

    async def relayed(self, sent: Unsent) -> None:
        """Forget events that were relayed; what was added behind them meanwhile stays."""
        by_kind: dict[str, list[UpdateOne]] = defaultdict(list)
        for name, document_id, event_ids in sent.token:
            pull = {"$pull": {"outbox": {"id": {"$in": event_ids}}}}
            by_kind[name].append(UpdateOne({"_id": document_id}, pull))
        for name, operations in by_kind.items():
            for start in range(0, len(operations), _AT_ONCE):
                await self._database[name].bulk_write(operations[start : start + _AT_ONCE], ordered=False)


def _addition(shape: Shape, write: Write, at: int, arrived: int | None = None) -> UpdateOne:
    """Add a document unless its id is there; its events are kept either way, as they may have been lost."""
    fields = shape.fields(write.document)
    if arrived is not None:
        fields["arrived"] = arrived
    return UpdateOne({"_id": write.document.id}, {"$setOnInsert": fields, **_pushed(write, at)}, upsert=True)


def _change(shape: Shape, write: Write, at: int) -> UpdateOne:
    change = {"$set": shape.fields(write.document), **_pushed(write, at)}
    return UpdateOne({"_id": write.document.id, "version": write.expected}, change)


def _pushed(write: Write, at: int) -> Stored:
    """The part of an operation that adds the events to the outbox."""
    return {"$push": {"outbox": {"$each": [to_outbox(e, at) for e in write.outbox]}}} if write.outbox else {}


def _joined(found: Unsent, name: str, carrying: Sequence[Stored]) -> Unsent:
    """What was found, and what the documents of one more collection carry.

    Events of a later release, which this one cannot read, stay for one that can.
    """
    events, token = list(found.events), list(found.token)
    for stored in carrying:
        carried = [event for entry in stored["outbox"] if (event := from_outbox(entry)) is not None]
        events += carried
        if carried:
            token.append((name, stored["_id"], [event.id for event in carried]))
    return Unsent(events, token)
