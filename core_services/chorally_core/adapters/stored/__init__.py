"""Adapters over the documents port, for what has no back end of its own among several processes."""

from chorally_core.adapters.stored.search import StoredSearch

__all__ = ["StoredSearch"]
