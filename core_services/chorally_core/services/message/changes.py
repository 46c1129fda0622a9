"""What may be changed of a ticket, by whomever, and what follows from it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from chorally_core.events.records import ActorKind
from chorally_core.ports import metadata
from chorally_core.ports.custom_fields import InvalidValue
from chorally_core.ports.handlers import Found
from chorally_core.ports.storable import mistake_in
from chorally_core.services.message.model import Ticket


class Actor(NamedTuple):
    """Who does something."""

    kind: ActorKind
    id: str


SYSTEM = Actor("service", "")


class InvalidChange(ValueError):
    """A change that cannot be made; ``field`` says which part of it."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why


_STATUSES = ("open", "waiting", "resolved")
_PRIORITIES = ("low", "normal", "high", "urgent")
_TAGS = 50
_FIELDS = 100


def _one_of(field: str, allowed: tuple[str, ...]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if value not in allowed:
            raise InvalidChange(field, f"must be one of {', '.join(allowed)}")
        return value

    return check


def _name_or_none(field: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if value is not None and (not isinstance(value, str) or not 0 < len(value) <= 200):
            raise InvalidChange(field, "must be an id, or null to clear it")
        return value

    return check


def _tags(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(tag, str) and 0 < len(tag) <= 100 for tag in value):
        raise InvalidChange("tags", "must be a list of texts of 1 to 100 characters")
    if len(value) > _TAGS:
        raise InvalidChange("tags", f"must be at most {_TAGS}")
    if why := mistake_in(value):
        raise InvalidChange("tags", why)
    return tuple(dict.fromkeys(value))


def _instant(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            value = ""
    if value is not None and (not isinstance(value, datetime) or value.tzinfo is None):
        raise InvalidChange("snoozed_until", "must be an instant with a time zone, or null to wake it")
    return value


def _fields(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or len(value) > _FIELDS:
        raise InvalidChange("custom_fields", f"must be an object of at most {_FIELDS} fields")
    if why := mistake_in(value):
        raise InvalidChange("custom_fields", why)
    return dict(value)


def _subject(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 500:
        raise InvalidChange("subject", "must be a text of at most 500 characters")
    return value


_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "status": _one_of("status", _STATUSES),
    "priority": _one_of("priority", _PRIORITIES),
    "assignee_id": _name_or_none("assignee_id"),
    "team_id": _name_or_none("team_id"),
    "tags": _tags,
    "snoozed_until": _instant,
    "custom_fields": _fields,
    "subject": _subject,
}

CHANGEABLE = tuple(_CHECKS)
"""Fields of a ticket that may be changed from outside."""


def settled(ticket: Ticket, changes: Mapping[str, Any], found: Found) -> dict[str, Any]:
    """Return changes with tags and fields as the tenant has them, given what ``metadata.keys`` named.

    Raises:
        InvalidChange: A tag or field may not be written, or one that is required is missing.
    """
    resolves = changes.get("status") == "resolved" and ticket.status != "resolved"
    try:
        return metadata.settled(
            found, ticket.tenant, "ticket", changes, tags=ticket.tags, fields=ticket.custom_fields, complete=resolves
        )
    except InvalidValue as error:
        raise InvalidChange(error.field, error.why) from None


def changed_ticket(ticket: Ticket, changes: Mapping[str, Any], at: datetime) -> Ticket:
    """Return the ticket with the changes and what follows from them.

    Resolving gives up the conversation's key, so that the next message opens a new ticket; reopening
    takes it again, which fails at the store while another ticket holds it.

    Raises:
        InvalidChange: A field may not be changed, or not to this.
    """
    unknown = sorted(set(changes) - set(_CHECKS))
    if unknown:
        raise InvalidChange(unknown[0], f"cannot be changed; changeable are {', '.join(CHANGEABLE)}")
    new: dict[str, Any] = {field: _CHECKS[field](value) for field, value in changes.items()}
    new = {field: value for field, value in new.items() if value != getattr(ticket, field)}
    if not new:
        return ticket
    if ticket.merged_into is not None:
        raise InvalidChange(next(iter(new)), "the ticket was merged into another one; change that one, or undo it")
    if "custom_fields" in new:
        new["custom_fields"] = {**ticket.custom_fields, **new["custom_fields"]}
        if len(new["custom_fields"]) > _FIELDS:
            raise InvalidChange("custom_fields", f"may be at most {_FIELDS} in all")
    status = new.get("status", ticket.status)
    if status == "resolved" and ticket.status != "resolved":
        new |= {"resolved_at": at, "open_key": None, "waiting_since": None, "snoozed_until": None, "unread_count": 0}
    if status != "resolved" and ticket.status == "resolved":
        key = Ticket.key_of(ticket.tenant, ticket.account_id, ticket.conversation_key)
        new |= {"resolved_at": None, "open_key": key, "reopened_count": ticket.reopened_count + 1}
    snoozed = new.get("snoozed_until")
    if snoozed is not None:
        if status == "resolved":
            raise InvalidChange("snoozed_until", "a resolved ticket cannot be snoozed; reopen it first")
        if snoozed <= at:
            raise InvalidChange("snoozed_until", "must be in the future")
    return msgspec.structs.replace(
        ticket, **new, updated_at=max(at, ticket.updated_at), decided_version=ticket.version + 1
    )
