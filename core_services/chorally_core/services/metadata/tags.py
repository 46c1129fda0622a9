"""What is done with the list of tags. Pure decisions: given what was found, each returns one change."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from chorally_core.events.ids import derived
from chorally_core.ports.documents import Document, Key
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.refused import Refused
from chorally_core.ports.tags import MOST, Tag, TagSet, label
from chorally_core.services.metadata.facts import Actor, told
from chorally_core.services.metadata.retagging import renaming


def key(tenant: str) -> Key:
    """Return what every decision about a tenant's tags needs."""
    return Key.by_id(TagSet, tenant)


def of(found: Found, tenant: str) -> TagSet:
    """Return the tenant's tags as they are."""
    return found.get(TagSet, tenant) or TagSet(id=tenant, tenant=tenant)


def add(found: Found, tenant: str, tag: Tag, *, actor: Actor, cause: str) -> Change:
    """Return the tags with one more; nothing where it was added before.

    A name that another tag had before means the new tag from now on.

    Raises:
        Refused: There is one of that name, or there are too many.
    """
    tags = of(found, tenant)
    if tags.find(tag.id) is not None:
        return NOTHING
    _check_free(tags, tag)
    if len(tags.tags) >= MOST:
        raise Refused("conflict", "too-many-tags", f"a tenant has at most {MOST} tags; merge some first")
    former = {name: tag_id for name, tag_id in tags.former.items() if name != label(tag.name)}
    changed = msgspec.structs.replace(tags, tags=(*tags.tags, tag), former=former)
    return _changed("tag_added", changed, (None, tag), actor, tag.changed_at, cause)


def change(found: Found, tenant: str, tag: Tag, *, actor: Actor, cause: str) -> Change:
    """Return the tags with one as it shall be, given the number that follows the one it replaces.

    A new name reaches what is tagged by a job; until then, and for ever, the old name means the tag too.

    Raises:
        Refused: It is gone, was changed meanwhile, or another one has the name.
    """
    tags = of(found, tenant)
    known = _known(tags, tag.id)
    if known.number != tag.number - 1:
        raise Refused("conflict", "changed-meanwhile", "the tag was changed meanwhile; read it again")
    _check_free(tags, tag)
    former, added = tags.former, tuple[Document, ...]()
    if known.name != tag.name:
        former = tags.without_name(known.name, tag.id) if label(known.name) != label(tag.name) else former
        former = {name: tag_id for name, tag_id in former.items() if name != label(tag.name)}
        added = (renaming(tenant, known.name, actor, tag.changed_at, cause),)
    changed = msgspec.structs.replace(
        tags, tags=tuple(tag if each is known else each for each in tags.tags), former=former
    )
    was = {"was": known.name} if known.name != tag.name else {}
    return _changed("tag_changed", changed, (known, tag), actor, tag.changed_at, cause, added, was)


def merge(found: Found, tenant: str, tag_id: str, into_id: str, *, actor: Actor, at: datetime, cause: str) -> Change:
    """Return the tags without one, whose names mean another from now on; a job puts that one in its place.

    Raises:
        Refused: One of them is not there, or both are the same.
    """
    tags = of(found, tenant)
    gone, kept = _known(tags, tag_id), tags.find(into_id)
    if kept is None:
        raise Refused("invalid", "unknown-tag", "there is no such tag to merge into", "into")
    if gone is kept:
        raise Refused("invalid", "same-tag", "a tag cannot be merged into itself; name another", "into")
    former = {name: kept.id if tag == gone.id else tag for name, tag in tags.without_name(gone.name, kept.id).items()}
    changed = msgspec.structs.replace(tags, tags=tuple(each for each in tags.tags if each is not gone), former=former)
    added = (renaming(tenant, gone.name, actor, at, cause),)
    return _changed("tag_merged", changed, (gone, None), actor, at, cause, added, {"into": kept.name})


def allow(found: Found, tenant: str, *, free: bool, actor: Actor, at: datetime, cause: str) -> Change:
    """Return the tags with free ones allowed, or not; nothing where it is so."""
    tags = of(found, tenant)
    if tags.free == free:
        return NOTHING
    changed = msgspec.structs.replace(tags, free=free)
    fact = told(
        "tag_policy_changed", ("tag_set", tenant), {"free": free}, tenant=tenant, version=tags.version + 1,
        actor=actor, at=at, cause=cause, changed=({"free": tags.free}, {"free": free}),
    )  # fmt: skip
    return Change((changed,), (fact,))


def revised(known: Tag, changes: Mapping[str, Any], by: str, at: datetime) -> Tag:
    """Return the next version of a tag; the same object where nothing changes."""
    if all(getattr(known, name) == value for name, value in changes.items()):
        return known
    return msgspec.structs.replace(known, **changes, number=known.number + 1, changed_at=at, changed_by=by)


def _known(tags: TagSet, tag_id: str) -> Tag:
    tag = tags.find(tag_id)
    if tag is None:
        raise Refused("missing", "unknown-tag", "there is no such tag; it may have been merged into another")
    return tag


def _check_free(tags: TagSet, tag: Tag) -> None:
    wanted = label(tag.name)
    if any(label(each.name) == wanted and each.id != tag.id for each in tags.tags):
        raise Refused("conflict", "tag-exists", f"there is a tag {tag.name!r} already; change or merge that one")


def _changed(
    what: str,
    tags: TagSet,
    pair: tuple[Tag | None, Tag | None],
    actor: Actor,
    at: datetime,
    cause: str,
    added: tuple[Document, ...] = (),
    more: Mapping[str, Any] | None = None,
) -> Change:
    tag = pair[1] or pair[0]
    if tag is None:
        raise ValueError("nothing was there, and nothing is")
    snapshot = {"name": tag.name, "group": tag.group, "archived": tag.archived, **(more or {})}
    fact = told(
        what, ("tag", tag.id), snapshot, tenant=tags.tenant, version=tag.number, actor=actor, at=at,
        cause=derived(cause, what), changed=pair,
    )  # fmt: skip
    return Change((*added, tags), (fact,))
