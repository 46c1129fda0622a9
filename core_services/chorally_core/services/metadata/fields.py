"""What is done with the tenant's own fields. Pure decisions: given what was found, each returns one change."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from chorally_core.events.ids import derived
from chorally_core.ports.custom_fields import IDENTIFY, MOST, CustomField, FieldSet
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.jobs import Actor as Asker
from chorally_core.ports.jobs import queued
from chorally_core.ports.refused import Refused
from chorally_core.ports.storable import mistake_in
from chorally_core.services.metadata.facts import SERVICE, Actor, told

_CHOICES = ("select", "multi_select")


def key(tenant: str) -> Key:
    """Return what every decision about a tenant's fields needs."""
    return Key.by_id(FieldSet, tenant)


def of(found: Found, tenant: str) -> FieldSet:
    """Return the tenant's fields as they are."""
    return found.get(FieldSet, tenant) or FieldSet(id=tenant, tenant=tenant)


def add(found: Found, tenant: str, field: CustomField, *, actor: Actor, cause: str) -> Change:
    """Return the fields with one more; nothing where it was added before.

    Raises:
        Refused: It makes no sense, there is one with that key, or there are too many.
    """
    fields = of(found, tenant)
    if fields.find(field.id) is not None:
        return NOTHING
    _check(field)
    declared = fields.declared(field.of)
    if field.key in declared:
        raise Refused(
            "conflict",
            "field-exists",
            f"a {field.of} has a field {field.key!r} already; change that one, or take it up again",
        )
    if len(declared) >= MOST:
        raise Refused(
            "conflict", "too-many-fields", f"a {field.of} has at most {MOST} fields, archived ones among them"
        )
    changed = msgspec.structs.replace(fields, fields=(*fields.fields, field))
    return _changed("field_added", changed, None, field, actor, cause, reads=field.identifies is not None)


def change(found: Found, tenant: str, field: CustomField, *, actor: Actor, cause: str) -> Change:
    """Return the fields with one as it shall be, given the number that follows the one it replaces.

    Raises:
        Refused: It is gone, was changed meanwhile, or makes no sense.
    """
    fields = of(found, tenant)
    known = fields.find(field.id)
    if known is None:
        raise Refused("missing", "unknown-field", "there is no such field")
    if known.number != field.number - 1:
        raise Refused("conflict", "changed-meanwhile", "the field was changed meanwhile; read it again")
    _check(field)
    new = tuple(field if each is known else each for each in fields.fields)
    reads = field.identifies != known.identifies
    fields = msgspec.structs.replace(fields, fields=new)
    return _changed("field_changed", fields, known, field, actor, cause, reads=reads)


def allow(found: Found, tenant: str, *, free: bool, actor: Actor, at: datetime, cause: str) -> Change:
    """Return the fields with undeclared ones allowed, or not; nothing where it is so."""
    fields = of(found, tenant)
    if fields.free == free:
        return NOTHING
    fact = told(
        "field_policy_changed", ("custom_field_set", tenant), {"free": free}, tenant=tenant,
        version=fields.version + 1, actor=actor, at=at, cause=cause,
        changed=({"free": fields.free}, {"free": free}),
    )  # fmt: skip
    return Change((msgspec.structs.replace(fields, free=free),), (fact,))


def revised(known: CustomField, changes: Mapping[str, Any], by: str, at: datetime) -> CustomField:
    """Return the next version of a field; the same object where nothing changes."""
    if all(getattr(known, name) == value for name, value in changes.items()):
        return known
    return msgspec.structs.replace(known, **changes, number=known.number + 1, changed_at=at, changed_by=by)


def _check(field: CustomField) -> None:
    """Refuse a field whose parts do not go together."""
    values = [option.value for option in field.options]
    if (field.type in _CHOICES) != bool(values):
        raise _wrong("options", "give options to a select or multi_select, and to no other type")
    if len(set(values)) != len(values):
        raise _wrong("options", "must differ from each other")
    for name in ("minimum", "maximum"):
        if getattr(field, name) is not None and field.type != "number":
            raise _wrong(name, "is for numbers only")
    if field.minimum is not None and field.maximum is not None and field.minimum > field.maximum:
        raise _wrong("maximum", "must not be below the minimum")
    if field.identifies is not None and (field.of != "author" or field.type not in ("text", "url")):
        raise _wrong("identifies", "is for texts and links of authors only")
    if why := mistake_in(msgspec.to_builtins(field)):
        raise _wrong("default", why)
    if field.default is not None and not field.archived:
        try:
            field.settled(field.default)
        except ValueError as error:
            raise _wrong("default", str(error)) from None


def _wrong(field: str, why: str) -> Refused:
    return Refused("invalid", "invalid", why, field)


def _changed(
    what: str, fields: FieldSet, known: CustomField | None, field: CustomField, actor: Actor, cause: str, *,
    reads: bool,
) -> Change:  # fmt: skip
    """The fields as they are now; where they ``reads`` otherwise who people are, all of them are read again."""
    snapshot = {"key": field.key, "of": field.of, "type": field.type, "title": field.title, "archived": field.archived}
    fact = told(
        what, ("custom_field", field.id), snapshot, tenant=fields.tenant, version=field.number, actor=actor,
        at=field.changed_at, cause=derived(cause, what), changed=(known, field),
    )  # fmt: skip
    if not reads:
        return Change((fields,), (fact,))
    asker, name = Asker(*actor), derived("job", IDENTIFY, cause)
    job = queued(IDENTIFY, SERVICE, fields.tenant, {}, field.changed_at, created_by=asker, job_id=name)
    return Change((job, fields), (fact,))
