"""The order of arrival: numbers of which none becomes visible behind a reader's back.

A number is reserved before the document that bears it is written, so documents become visible in another order than
their numbers have. Each reservation is noted as open, with a number that is below all of its own, and closed when
the documents are there; readers go no further than the lowest open one. A writer that was killed leaves its
reservation open; readers give it up after a while, by their own clocks. A writer that was only slow finds that out
when it closes, and gives its documents new numbers.
"""

import time
from collections.abc import Callable, Collection
from typing import Any, NamedTuple
from uuid import uuid4

import structlog
from pymongo import ReturnDocument, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from chorally_core.adapters.mongo.shape import Shape

log = structlog.get_logger(__name__)

COUNTERS = "chorally_counters"
ABANDONED_S = 15.0
"""After so long a reader no longer waits for whoever reserved numbers."""


class Reserved(NamedTuple):
    """Numbers that are this process's, until they are closed."""

    token: str
    numbers: range


class Arrivals:
    """Numbers documents of one kind in the order of their arrival."""

    def __init__(
        self,
        database: AsyncDatabase[dict[str, Any]],
        shape: Shape,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        abandoned_s: float = ABANDONED_S,
    ) -> None:
        self._counters = database[COUNTERS]
        self._collection = database[shape.name]
        self._name = f"arrived/{shape.name}"
        self._monotonic = monotonic
        self._abandoned_s = abandoned_s
        self._last = 0
        self._open_since: dict[str, float] = {}

    async def reserve(self, count: int) -> Reserved:
        """Return numbers, which readers wait for until they are closed."""
        token = uuid4().hex
        change = {"$inc": {"last": count}, "$set": {f"open.{token}": self._last}}
        stored = await self._counters.find_one_and_update(
            {"_id": self._name}, change, upsert=True, return_document=ReturnDocument.AFTER
        )
        if stored is None:
            raise RuntimeError(f"the counter {self._name} could not be read")
        self._last = int(stored["last"])
        return Reserved(token, range(self._last - count + 1, self._last + 1))

    async def close(self, reserved: Reserved, ids: Collection[str]) -> None:
        """Let readers go on: the documents are stored, or will not be.

        Where readers have given the reservation up, the documents get new numbers, as they may have been passed by.
        """
        while not await self._closed(reserved.token):
            log.warning("documents became visible late and arrive anew", counter=self._name, count=len(ids))
            late = await self._collection.find(
                {"_id": {"$in": list(ids)}, "arrived": {"$in": list(reserved.numbers)}}, {"_id": 1}
            ).to_list()
            if not late:
                return
            reserved = await self.reserve(len(late))
            changes = [
                UpdateOne({"_id": stored["_id"]}, {"$set": {"arrived": number}})
                for stored, number in zip(late, reserved.numbers, strict=True)
            ]
            await self._collection.bulk_write(changes)

    async def _closed(self, token: str) -> bool:
        place = f"open.{token}"
        done = await self._counters.update_one({"_id": self._name, place: {"$gte": 0}}, {"$unset": {place: ""}})
        return done.matched_count > 0

    async def horizon(self) -> int:
        """Return the highest number that may be read: no document below it becomes visible later."""
        while True:
            stored = await self._counters.find_one({"_id": self._name})
            if stored is None:
                return 0
            waited: dict[str, int] = stored.get("open", {})
            now = self._monotonic()
            self._open_since = {token: self._open_since.get(token, now) for token in waited}
            gone = [token for token, since in self._open_since.items() if now - since >= self._abandoned_s]
            if not gone:
                return min([int(stored["last"]), *waited.values()])
            log.warning("numbers were reserved and never used", counter=self._name, count=len(gone))
            for token in gone:
                await self._closed(token)
