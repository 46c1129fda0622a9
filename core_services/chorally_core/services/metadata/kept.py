"""What is done with canned replies, views and macros, which are for everybody, a team, or one person."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from chorally_core.ports.canned import CannedReply
from chorally_core.ports.handlers import NOTHING, Change
from chorally_core.services.metadata.facts import Actor, told
from chorally_core.services.metadata.model import Macro, SavedView

Kept = CannedReply | SavedView | Macro
K = TypeVar("K", CannedReply, SavedView, Macro)


def add(known: Kept | None, new: Kept, *, actor: Actor, cause: str) -> Change:
    """Return one more; nothing where it was added before."""
    return NOTHING if known is not None else Change((new,), (_fact("added", None, new, actor, new.created_at, cause),))


def revised(known: K, changes: Mapping[str, Any], by: str, at: datetime) -> K:
    """Return one with changes; the same object where nothing changes."""
    if all(getattr(known, name) == value for name, value in changes.items()):
        return known
    return msgspec.structs.replace(known, **changes, changed_at=at, changed_by=by)


def change(known: Kept, new: Kept, *, actor: Actor, cause: str) -> Change:
    """Return one as it shall be; nothing where it is so."""
    return NOTHING if new is known else Change((new,), (_fact("changed", known, new, actor, new.changed_at, cause),))


def remove(known: Kept, *, actor: Actor, at: datetime, cause: str) -> Change:
    """Return the end of one."""
    return Change((), (_fact("removed", known, None, actor, at, cause),), remove=(known,))


def _fact(what: str, before: Kept | None, after: Kept | None, actor: Actor, at: datetime, cause: str) -> Any:
    kept = after or before
    if kept is None:
        raise ValueError("nothing was there, and nothing is")
    return told(
        f"{kept.kind}_{what}", (kept.kind, kept.id), {"name": kept.name, "audience": kept.audience},
        tenant=kept.tenant, version=kept.version + 1, actor=actor, at=at, cause=cause, changed=(before, after),
    )  # fmt: skip
