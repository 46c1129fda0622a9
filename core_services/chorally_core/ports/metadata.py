"""What the tenant says of tags and fields, asked wherever they are written."""

from collections.abc import Collection, Mapping
from typing import Any

from chorally_core.ports.custom_fields import Entity, FieldSet, InvalidValue
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import Found
from chorally_core.ports.tags import TagSet, UnknownTag


def keys(tenant: str) -> tuple[Key, ...]:
    """Return what a decision that writes tags or fields needs."""
    return (Key.by_id(TagSet, tenant), Key.by_id(FieldSet, tenant))


def settled(
    found: Found,
    tenant: str,
    of: Entity,
    changes: Mapping[str, Any],
    *,
    tags: Collection[str] = (),
    fields: Mapping[str, Any],
    complete: bool = False,
) -> dict[str, Any]:
    """Return changes of a record with its tags and fields as they are stored.

    Args:
        found: What ``keys`` named.
        tenant: Whose record it is.
        of: What it is.
        changes: What shall change; ``tags`` replaces them all, ``custom_fields`` is merged.
        tags: Those that it bears.
        fields: Those that it has.
        complete: Whether what is required must be there in the end.

    Raises:
        InvalidValue: A tag or field does not go; ``field`` is its place within the changes.
    """
    new = dict(changes)
    tag_set, field_set = found.get(TagSet, tenant), found.get(FieldSet, tenant)
    wanted, given = new.get("tags"), new.get("custom_fields", {})
    if tag_set is not None and isinstance(wanted, list | tuple) and all(isinstance(tag, str) for tag in wanted):
        try:
            new["tags"] = tag_set.settled(wanted, tags)
        except UnknownTag as error:
            raise InvalidValue("tags", str(error)) from None
    if field_set is not None and ("custom_fields" in new or complete) and isinstance(given, Mapping):
        try:
            written = field_set.settled(of, given, fields, complete=complete)
        except InvalidValue as error:
            raise InvalidValue(f"custom_fields/{error.field}", error.why) from None
        if written:
            new["custom_fields"] = written
    return new
