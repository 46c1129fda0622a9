"""What twins of Meta's platforms share, on the SDK's framework for sandboxes.

A twin inherits ``GraphTwin`` and marks its routes by ``chorally_sdk.sandbox.answers`` **without** the version, such as
``@answers("GET", "/{media_id}/comments")``; see ``twin``. Needs ``chorally-meta[sandbox]``; nothing in production
imports it.
"""

from chorally_meta.sandbox.errors import ERRORS, GraphError, graph_error
from chorally_meta.sandbox.fields import Field, parse
from chorally_meta.sandbox.hooks import MetaCourier, Told
from chorally_meta.sandbox.login import Login, Owned
from chorally_meta.sandbox.twin import GraphTwin

__all__ = [
    "ERRORS", "Field", "GraphError", "GraphTwin", "Login", "MetaCourier", "Owned", "Told", "graph_error", "parse",
]  # fmt: skip
