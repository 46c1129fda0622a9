"""Saved views and macros as they are stored."""

from datetime import datetime
from typing import Any

from chorally_core.ports.canned import Audience
from chorally_core.ports.documents import Document


class SavedView(Document, frozen=True, kw_only=True):
    """A list of tickets that somebody looks at again and again: what it leaves out, and its order."""

    kind = "saved_view"
    indexes = (("name",), ("audience", "name"))

    name: str
    audience: Audience = "personal"
    team_id: str | None = None
    owner_id: str | None = None
    filters: dict[str, Any] = {}
    """As the list of tickets takes them."""
    sort: str = "-updated"
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str


class Macro(Document, frozen=True, kw_only=True):
    """Several things that are done to tickets at one go."""

    kind = "macro"
    indexes = (("name",), ("audience", "name"))

    name: str
    description: str = ""
    audience: Audience = "shared"
    team_id: str | None = None
    owner_id: str | None = None
    actions: tuple[dict[str, Any], ...] = ()
    created_at: datetime
    created_by: str
    changed_at: datetime
    changed_by: str
