"""The search port on OpenSearch, for large installations."""

from chorally_core.adapters.opensearch.search import OpenSearchIndex
from chorally_core.adapters.opensearch.settings import OpenSearchSettings, parse

__all__ = ["OpenSearchIndex", "OpenSearchSettings", "parse"]
