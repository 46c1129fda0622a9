"""The embedded back ends: one SQLite file in WAL mode, one writing connection."""

from chorally_core.adapters.sqlite.bus import SqliteBus
from chorally_core.adapters.sqlite.database import Database
from chorally_core.adapters.sqlite.documents import SqliteDocuments

__all__ = ["Database", "SqliteBus", "SqliteDocuments"]
