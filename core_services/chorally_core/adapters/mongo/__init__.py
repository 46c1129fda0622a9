"""Documents in MongoDB 6 or newer; single-document atomic, no transactions over several."""

from chorally_core.adapters.mongo.documents import MongoDocuments
from chorally_core.adapters.mongo.where import InvalidUrl, Place, place_of

__all__ = ["InvalidUrl", "MongoDocuments", "Place", "place_of"]
