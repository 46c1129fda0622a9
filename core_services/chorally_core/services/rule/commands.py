"""What administrators do with calendars and replies. Pure decisions: given what was found, each returns one change."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from chorally_core.events import Event, LogAdd, topics
from chorally_core.events.ids import derived
from chorally_core.events.records import ActorKind
from chorally_core.ports.audit import audited
from chorally_core.ports.calendars import Calendar, Calendars, Hours, Listed
from chorally_core.ports.documents import Document, Key
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.refused import Refused
from chorally_core.ports.turns import RULE, SOURCES, Order, source
from chorally_core.services.rule.handlers import SERVICE
from chorally_core.services.rule.model import Reply

MOST_CALENDARS = 100
"""Calendars of a tenant."""
MOST_REPLIES = 500
"""Replies of a tenant."""

Actor = tuple[ActorKind, str]


class By(NamedTuple):
    """Who asks for a change, and what tells this request apart from every other."""

    actor: Actor
    cause: str


def key(tenant: str) -> Key:
    """Return what every decision about a tenant's calendars and replies needs."""
    return Key.by_id(Calendars, tenant)


def put_calendar(found: Found, calendar: Calendar, by: By, before: Calendar | None = None) -> Change:
    """Return a calendar added behind the others, or in place of its earlier version.

    Args:
        found: What ``key`` named.
        calendar: As it shall be, with the number that follows the one it replaces; 1 adds it.
        by: Who asks.
        before: The one that it replaces.

    Raises:
        Refused: There are too many, or somebody else changed it meanwhile.
    """
    listed = _listed(found, calendar.tenant)
    stored = msgspec.structs.replace(calendar, id=_stored_id(calendar.calendar_id, calendar.number, by), version=0)
    calendars, gone = _placed(listed.calendars, calendar.calendar_id, calendar.number, stored.id, MOST_CALENDARS)
    told = _told("calendar", stored.calendar_id, (before, stored), by, {"time_zone": stored.hours.time_zone})
    return _changed(msgspec.structs.replace(listed, calendars=calendars), gone, told, (stored,))


def put_reply(found: Found, reply: Reply, by: By, before: Reply | None = None) -> Change:
    """Return a reply added behind the others, or in place of its earlier version, which is ``before``.

    Raises:
        Refused: There are too many, its calendar is not there, or somebody else changed it meanwhile.
    """
    listed = _listed(found, reply.tenant)
    if reply.calendar_id is not None and all(each.id != reply.calendar_id for each in listed.calendars):
        raise Refused("invalid", "invalid", f"there is no calendar {reply.calendar_id!r}", "calendar_id")
    stored = msgspec.structs.replace(reply, id=_stored_id(reply.reply_id, reply.number, by), version=0)
    replies, gone = _placed(listed.replies, reply.reply_id, reply.number, stored.id, MOST_REPLIES)
    snapshot = {"condition": reply.condition, "enabled": reply.enabled, "languages": sorted(reply.texts)}
    told = _told("calendar_reply", stored.reply_id, (before, stored), by, snapshot)
    answers = source(reply.tenant, RULE)
    return _changed(msgspec.structs.replace(listed, replies=replies), gone, told, (stored, answers))


def remove_calendar(found: Found, calendar: Calendar, replies: Sequence[Reply], by: By, at: datetime) -> Change:
    """Return the tenant's calendars without one; nothing where it is gone.

    Args:
        found: What ``key`` named.
        calendar: The calendar.
        replies: The tenant's replies.
        by: Who asks.
        at: Now.

    Raises:
        Refused: Replies name it.
    """
    listed = _listed(found, calendar.tenant)
    place = _place(listed.calendars, calendar.calendar_id)
    if place is None:
        return NOTHING
    if naming := [reply.name for reply in replies if reply.calendar_id == calendar.calendar_id]:
        why = f"replies are given by this calendar only; change or remove them first: {', '.join(naming[:5])}"
        raise Refused("conflict", "calendar-in-use", why)
    left = msgspec.structs.replace(listed, calendars=tuple(each for each in listed.calendars if each is not place))
    return _changed(left, (place.stored,), _told("calendar", calendar.calendar_id, (calendar, None), by, {}, at))


def remove_reply(found: Found, reply: Reply, by: By, at: datetime) -> Change:
    """Return the tenant's replies without one; nothing where it is gone."""
    listed = _listed(found, reply.tenant)
    place = _place(listed.replies, reply.reply_id)
    if place is None:
        return NOTHING
    left = msgspec.structs.replace(listed, replies=tuple(each for each in listed.replies if each is not place))
    return _changed(left, (place.stored,), _told("calendar_reply", reply.reply_id, (reply, None), by, {}, at))


def set_order(
    found: Found, tenant: str, sources: Sequence[str], by: By, at: datetime, check: Callable[[int], None]
) -> Change:
    """Return the order in which those who answer by machine are asked; nothing where it is so.

    Args:
        found: With the tenant's ``Order``.
        tenant: Whose.
        sources: Each of ``SOURCES`` once.
        by: Who asks.
        at: Now.
        check: Is told the version that is replaced, 0 where there is none yet; raises to refuse the change.

    Raises:
        Refused: A source is missing, or unknown.
    """
    known = found.get(Order, tenant) or Order(id=tenant, tenant=tenant)
    check(known.version)
    if sorted(sources) != sorted(SOURCES):
        raise Refused("invalid", "invalid", f"name each of {', '.join(SOURCES)} once, in their order", "order")
    if tuple(sources) == known.sources:
        return NOTHING
    data = LogAdd(
        kind="answering_order_changed", subject_type="answering_order", subject_id=tenant, version=known.version + 1,
        actor_kind=by.actor[0], actor_id=by.actor[1],
        snapshot={"order": list(sources), "was": list(known.sources)},
    )  # fmt: skip
    data = audited(data, {"order": known.sources}, {"order": sources})
    return Change((msgspec.structs.replace(known, sources=tuple(sources)),), (_fact(data, tenant, at, by),))


def _listed(found: Found, tenant: str) -> Calendars:
    return found.get(Calendars, tenant) or Calendars(id=tenant, tenant=tenant)


def _place(places: Sequence[Listed], name: str) -> Listed | None:
    return next((listed for listed in places if listed.id == name), None)


def _stored_id(name: str, number: int, by: By) -> str:
    return derived("calendar", name, str(number), by.cause)


def _placed(
    places: tuple[Listed, ...], name: str, number: int, stored: str, most: int
) -> tuple[tuple[Listed, ...], tuple[str, ...]]:
    """The places with a new version in its own, and what it replaces."""
    known = _place(places, name)
    if (known.number if known is not None else 0) != number - 1:
        raise Refused("conflict", "changed-meanwhile", "it was changed meanwhile; read it again")
    if known is None and len(places) >= most:
        raise Refused("conflict", "too-many", f"a tenant has at most {most} of them; remove one first")
    new = Listed(name, number, stored)
    if known is None:
        return (*places, new), ()
    return tuple(new if each is known else each for each in places), (known.stored,)


def _changed(
    listed: Calendars, replaced: tuple[str, ...], told: Event[Any], added: tuple[Document, ...] = ()
) -> Change:
    """The list as it is now; what the change before replaced is forgotten, as nobody reads it any more."""
    gone = tuple(stand_in for name in listed.replaced for stand_in in _stand_ins(listed.tenant, name))
    return Change((*added, msgspec.structs.replace(listed, replaced=replaced)), (told,), remove=gone)


def _stand_ins(tenant: str, name: str) -> tuple[Document, ...]:
    """What stands for a stored calendar or reply where only its id matters; their ids are apart."""
    never = datetime.min.replace(tzinfo=UTC)
    about: dict[str, Any] = {
        "id": name, "tenant": tenant, "number": 0, "name": "", "created_at": never, "created_by": "",
        "changed_at": never, "changed_by": "",
    }  # fmt: skip
    return (
        Calendar(calendar_id="", hours=Hours(time_zone="UTC"), **about),
        Reply(reply_id="", condition="always", language="", texts={}, **about),
    )


def _told(
    what: str,
    name: str,
    pair: tuple[Calendar | Reply | None, Calendar | Reply | None],
    by: By,
    snapshot: dict[str, Any],
    removed_at: datetime | None = None,
) -> Event[LogAdd]:
    told = pair[1] or pair[0]
    if told is None:
        raise ValueError("nothing was there, and nothing is")
    verb = "removed" if removed_at is not None else "added" if told.number == 1 else "changed"
    data = LogAdd(
        kind=f"{what}_{verb}", subject_type=what, subject_id=name, version=told.number, actor_kind=by.actor[0],
        actor_id=by.actor[1], snapshot={"name": told.name, **snapshot},
    )  # fmt: skip
    data = audited(data, *pair, without=("calendar_id" if what == "calendar" else "reply_id",))
    return _fact(data, told.tenant, removed_at or told.changed_at, by)


def _fact(data: LogAdd, tenant: str, at: datetime, by: By) -> Event[LogAdd]:
    return Event(
        topic=topics.LOGS, issuer=SERVICE, name="add", data=data, id=derived(by.cause, topics.LOGS, data.kind),
        tenant=tenant, key=f"{tenant}/calendars", occurred_at=at, caused_by=by.cause,
    )  # fmt: skip
