"""Documents in MongoDB: a collection for each kind, majority-written, each document atomic by itself."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, cast

import structlog
from pymongo import ASCENDING, AsyncMongoClient, InsertOne, ReturnDocument, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from chorally_core.adapters.mongo.query import conditions, order_of
from chorally_core.adapters.mongo.shape import Shape, from_outbox, to_outbox
from chorally_core.adapters.mongo.where import place_of
from chorally_core.ports.documents import ARRIVAL, Conflict, DocT, Document, Key, Query, Unsent, Write

log = structlog.get_logger(__name__)

_DUPLICATE = 11000
_COUNTERS = "chorally_counters"
_AT_ONCE = 1000

Stored = dict[str, Any]


class MongoDocuments:
    """Serves the documents port from one database."""

    def __init__(self, url: str, *, timeout_ms: int = 10_000) -> None:
        """Prepare to connect; nothing is opened before the first call.

        Args:
            url: ``mongodb://…/DATABASE``.
            timeout_ms: Milliseconds to look for a server before a call fails.

        Raises:
            InvalidUrl: The URL cannot be used.
        """
        place = place_of(url)
        self._client: AsyncMongoClient[Stored] = AsyncMongoClient(
            place.url, serverSelectionTimeoutMS=timeout_ms, tz_aware=True, retryWrites=False, appname="chorally"
        )
        self._database = self._client.get_database(
            place.database, write_concern=WriteConcern(w="majority", j=True), read_concern=ReadConcern("majority")
        )
        self._shapes: dict[type[Document], Shape] = {}

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def prepare(self, kinds: Iterable[type[Document]]) -> None:
        """Create the collections' indexes and unique constraints; those that are there stay."""
        for of in kinds:
            await self._shaped(of)

    async def _shaped(self, of: type[Document]) -> Shape:
        shape = self._shapes.get(of)
        if shape is None:
            shape = Shape(of)
            collection = self._database[shape.name]
            for field in of.unique:
                await collection.create_index([(shape.path(field), ASCENDING)], unique=True, sparse=True)
            for field in of.sparse:
                await collection.create_index([(shape.path(field), ASCENDING)], sparse=True)
            for index in of.indexes:
                await collection.create_index([("tenant", ASCENDING), *((shape.path(f), ASCENDING) for f in index)])
            await collection.create_index([("outbox.id", ASCENDING)], sparse=True)
            await collection.create_index([("arrived", ASCENDING)])
            self._shapes[of] = shape
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
            shape = await self._shaped(of)
            async for stored in self._collection(shape).find({shape.path(field): {"$in": values}}):
                document = shape.document(stored)
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
        for of, group in by_kind.items():
            await self._write_kind(await self._shaped(of), group)
        events = [event for write in writes for event in write.outbox]
        token = [(w.document.kind, w.document.id, [e.id for e in w.outbox]) for w in writes if w.outbox]
        return Unsent(events, token)

    async def _write_kind(self, shape: Shape, writes: Sequence[Write]) -> None:
        added = [w for w in writes if not w.expected]
        arrived = await self._arrivals(shape, len(added))
        operations = [self._addition(shape, w, number) for w, number in zip(added, arrived, strict=True)]
        changed = [w for w in writes if w.expected]
        operations += [self._change(shape, w) for w in changed]
        try:
            done = await self._collection(shape).bulk_write(operations, ordered=True)
        except BulkWriteError as error:
            if any(e.get("code") == _DUPLICATE for e in error.details.get("writeErrors", ())):
                raise Conflict(shape.name, writes[0].document.id if len(writes) == 1 else "") from error
            raise
        except DuplicateKeyError as error:
            raise Conflict(shape.name, writes[0].document.id if len(writes) == 1 else "") from error
        present = len(added) - done.upserted_count
        if done.matched_count - present != len(changed):
            raise Conflict(shape.name, changed[0].document.id if len(changed) == 1 else "")

    def _addition(self, shape: Shape, write: Write, arrived: int) -> UpdateOne | InsertOne[Stored]:
        """Add a document unless its id is there; its events are kept either way, as they may have been lost."""
        change: Stored = {"$setOnInsert": {**shape.fields(write.document), "arrived": arrived}}
        if write.outbox:
            change["$push"] = {"outbox": {"$each": [to_outbox(event) for event in write.outbox]}}
        return UpdateOne({"_id": write.document.id}, change, upsert=True)

    def _change(self, shape: Shape, write: Write) -> UpdateOne:
        change: Stored = {"$set": shape.fields(write.document)}
        if write.outbox:
            change["$push"] = {"outbox": {"$each": [to_outbox(event) for event in write.outbox]}}
        return UpdateOne({"_id": write.document.id, "version": write.expected}, change)

    async def _arrivals(self, shape: Shape, count: int) -> Sequence[int]:
        """Numbers in the order of arrival, for kinds that are followed in it."""
        if not count:
            return ()
        last = await self._counted(f"arrived/{shape.name}", count)
        return range(last - count + 1, last + 1)

    async def _counted(self, name: str, count: int) -> int:
        stored = await self._database[_COUNTERS].find_one_and_update(
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
        shape = await self._shaped(query.of)
        after: Any = query.after
        if query.order == ARRIVAL and query.after is not None:
            last = await self._collection(shape).find_one({"_id": query.after[1]}, {"arrived": 1})
            if last is None:
                raise LookupError(f"{shape.name} {query.after[1]} is not stored, so nothing can be resumed behind it")
            after = (last["arrived"], query.after[1])
        sort, beyond = order_of(shape, query, after)
        where = conditions(shape, query)
        if beyond:
            where = {"$and": [where, beyond]} if where else beyond
        cursor = self._collection(shape).find(where).sort(sort).limit(query.limit)
        return [shape.document(stored) async for stored in cursor]

    async def count(self, query: Query) -> int:
        """Return how many documents a query would find, whatever its limit."""
        shape = await self._shaped(query.of)
        return await self._collection(shape).count_documents(conditions(shape, query))

    async def delete(self, of: type[Document], ids: Collection[str]) -> int:
        """Remove documents and return how many there were; their outboxes must have been relayed."""
        shape = await self._shaped(of)
        done = await self._collection(shape).delete_many({"_id": {"$in": list(ids)}})
        return done.deleted_count

    async def reserve(self, of: type[Document], tenant: str, count: int) -> range:
        """Return numbers that no other process is given; those not used are never used."""
        if not of.numbered:
            raise ValueError(f"{of.__name__} is not numbered")
        last = await self._counted(f"number/{of.kind}/{tenant}", count)
        return range(last - count + 1, last + 1)

    async def unsent(self, limit: int) -> Unsent:
        """Return events that lie with documents, of every collection there is."""
        events: list[Any] = []
        token: list[Any] = []
        for name in await self._collections():
            async for stored in self._database[name].find({"outbox.id": {"$gt": ""}}, {"outbox": 1}).limit(limit):
                carried = stored["outbox"]
                token.append((name, stored["_id"], [entry["id"] for entry in carried]))
                events += [event for entry in carried if (event := from_outbox(entry)) is not None]
                if len(events) >= limit:
                    return Unsent(events, token)
        return Unsent(events, token)

    async def _collections(self) -> list[str]:
        try:
            names = await self._database.list_collection_names()
        except OperationFailure:
            log.warning("collections cannot be listed; only those in use are looked at")
            names = [shape.name for shape in self._shapes.values()]
        return sorted(name for name in names if name != _COUNTERS)

    async def relayed(self, sent: Unsent) -> None:
        """Forget events that were relayed; what was added behind them meanwhile stays."""
        by_kind: dict[str, list[UpdateOne]] = defaultdict(list)
        for name, document_id, event_ids in sent.token:
            pull = {"$pull": {"outbox": {"id": {"$in": event_ids}}}}
            by_kind[name].append(UpdateOne({"_id": document_id}, pull))
        for name, operations in by_kind.items():
            for start in range(0, len(operations), _AT_ONCE):
                await self._database[name].bulk_write(operations[start : start + _AT_ONCE], ordered=False)
