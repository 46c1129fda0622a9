"""Makes a database ready for a release: indexes and unique constraints, then documents of earlier schemas.

``chorally_schemas`` notes for each kind the schema in which its documents are stored, and how far the rewriting
came, so that any process can tell at little cost whether all is ready, and go on where another was ended.
"""

from collections.abc import Iterable
from typing import Any

import structlog
from pymongo import UpdateOne
from pymongo.asynchronous.database import AsyncDatabase

from chorally_core.adapters.mongo.indexes import create, missing
from chorally_core.adapters.mongo.shape import Shape
from chorally_core.ports.documents import Document
from chorally_core.ports.schemas import TooNew, check

log = structlog.get_logger(__name__)

SCHEMAS = "chorally_schemas"
_STEP = 500


class Migration:
    """Looks at a database, and brings it up to date."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._database = database

    async def lacking(self, kinds: Iterable[type[Document]]) -> list[str]:
        """Say what ``migrate`` would make or rewrite.

        Raises:
            TooNew: A later release has stored documents.
        """
        shapes = _shapes(kinds)
        noted = await self._noted(shapes)
        found = []
        for shape in shapes:
            made = await missing(self._database[shape.name], shape)
            found += [f"{shape.name}: {index} is missing" for index in made]
            if noted.get(shape.name, {}).get("done") != _goal(shape):
                found.append(f"{shape.name}: documents may be in an earlier schema than {shape.of.schema}")
        return found

    async def _noted(self, shapes: Iterable[Shape]) -> dict[str, dict[str, Any]]:
        noted = {stored["_id"]: stored async for stored in self._database[SCHEMAS].find({})}
        for shape in shapes:
            schema = int(noted.get(shape.name, {}).get("schema", 0))
            if schema > shape.of.schema:
                raise TooNew(shape.of, schema)
        return noted

    async def migrate(self, kinds: Iterable[type[Document]]) -> list[str]:
        """Make what is missing, rewrite what is stored in an earlier schema, and say what was done.

        Raises:
            TooNew: A later release has stored documents.
        """
        shapes = _shapes(kinds)
        noted = await self._noted(shapes)
        told = []
        for shape in shapes:
            told += await self._index(shape)
            note = noted.get(shape.name, {})
            if note.get("done") != _goal(shape):
                count = await self._rewrite(shape, note)
                told += [f"{shape.name}: {count} documents rewritten in schema {shape.of.schema}"] if count else []
        return told

    async def _index(self, shape: Shape) -> list[str]:
        """Make the indexes; what is unique is so before a document can be stored."""
        collection = self._database[shape.name]
        made = await missing(collection, shape)
        for index in made:
            await create(collection, index)
        return [f"{shape.name}: {index} made" for index in made]

    async def _rewrite(self, shape: Shape, note: dict[str, Any]) -> int:
        """Rewrite what is not as this release stores it, in the order of the ids; return how many documents.

        A document that somebody changes meanwhile is as it shall be: this release's processes store no other.
        """
        goal, schemas = _goal(shape), self._database[SCHEMAS]
        after = str(note.get("upto", "")) if note.get("goal") == goal else ""
        start = {"$max": {"schema": shape.of.schema}, "$set": {"goal": goal, "upto": after}}
        await schemas.update_one({"_id": shape.name}, start, upsert=True)
        collection, count = self._database[shape.name], 0
        while found := await collection.find({"_id": {"$gt": after}}).sort("_id", 1).limit(_STEP).to_list():
            changes = [change for stored in found if (change := _anew(shape, stored)) is not None]
            if changes:
                count += (await collection.bulk_write(changes, ordered=False)).modified_count
            after = found[-1]["_id"]
            await schemas.update_one({"_id": shape.name, "goal": goal}, {"$set": {"upto": after}})
        await schemas.update_one({"_id": shape.name, "goal": goal}, {"$set": {"done": goal}})
        return count


def _shapes(kinds: Iterable[type[Document]]) -> list[Shape]:
    kinds = list(kinds)
    check(kinds)
    return [Shape(of) for of in kinds]


def _goal(shape: Shape) -> str:
    """What tells how a kind's documents shall lie: the schema, and the instants that stand beside the record."""
    return f"{shape.of.schema}:{','.join(sorted(shape.instants))}"


def _anew(shape: Shape, stored: dict[str, Any]) -> UpdateOne | None:
    """The change that stores a document as this release does; None where it is so."""
    fields = shape.fields(shape.document(stored))
    if all(stored.get(name) == value for name, value in fields.items()):
        return None
    return UpdateOne({"_id": stored["_id"], "version": stored["version"]}, {"$set": fields})
