"""The indexes and unique constraints of a kind, and what of them is missing."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pymongo import ASCENDING
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import NetworkTimeout, OperationFailure

from chorally_core.adapters.mongo.shape import Shape
from chorally_core.ports.schemas import CannotMigrate

_NO_SUCH_COLLECTION = 26
_REFUSALS = {
    11000: "two documents have the same value; change one of them",
    85: "there is another one on these fields; remove it",
    86: "there is another one of its name; remove it",
}


class Index(NamedTuple):
    """One index that a kind needs."""

    fields: tuple[str, ...]
    unique: bool = False
    sparse: bool = False

    def __str__(self) -> str:
        return f"{'unique ' if self.unique else ''}index on {', '.join(self.fields)}"

    def is_served_by(self, found: Mapping[str, Any]) -> bool:
        """Whether an index that is there does."""
        fields = tuple(str(field) for field, _ in found["key"])
        same = bool(found.get("unique", False)) == self.unique and bool(found.get("sparse", False)) == self.sparse
        return fields == self.fields and same and "partialFilterExpression" not in found


def needed(shape: Shape) -> list[Index]:
    """Return the indexes of a kind."""
    of = shape.of
    found = [Index((shape.path(field),), unique=True, sparse=True) for field in of.unique]
    found += [Index((shape.path(field),), sparse=True) for field in of.sparse]
    found += [Index(("tenant", *(shape.path(field) for field in index))) for index in of.indexes]
    if of.followed:
        found.append(Index(("arrived",)))
    found.append(Index(("outbox.at",), sparse=True))
    return list(dict.fromkeys(found))


async def missing(collection: AsyncCollection[Any], shape: Shape) -> list[Index]:
    """Return the indexes that are not there."""
    try:
        there = list((await collection.index_information()).values())
    except OperationFailure as error:
        if error.code != _NO_SUCH_COLLECTION:
            raise
        there = []
    return [index for index in needed(shape) if not any(index.is_served_by(found) for found in there)]


async def create(collection: AsyncCollection[Any], index: Index) -> None:
    """Make an index, however long that takes; documents may be written meanwhile.

    Raises:
        CannotMigrate: What is there does not allow it.
    """
    keys = [(field, ASCENDING) for field in index.fields]
    while True:
        try:
            await collection.create_index(keys, unique=index.unique, sparse=index.sparse)
        except NetworkTimeout:  # the server goes on, and the same call again waits for it
            continue
        except OperationFailure as error:
            if error.code not in _REFUSALS:
                raise
            raise CannotMigrate(f"{collection.name}: {index} cannot be made: {_REFUSALS[error.code]}") from error
        return
