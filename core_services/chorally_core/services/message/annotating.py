"""Fields of the tenant's own on messages: what people note of what was said."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from chorally_core.ports import metadata
from chorally_core.ports.custom_fields import InvalidValue
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.storable import mistake_in
from chorally_core.services.message.changes import Actor, InvalidChange
from chorally_core.services.message.facts import about_message, asked
from chorally_core.services.message.model import Message, Ticket

_FIELDS = 100


def annotate(
    message: Message,
    ticket: Ticket | None,
    values: Mapping[str, Any],
    found: Found,
    *,
    actor: Actor,
    at: datetime,
    cause: str,
) -> Change:
    """Return a message with fields filled in; nothing where they are so.

    Args:
        message: As it is.
        ticket: Its ticket.
        values: By key; merged into those there are, None empties one.
        found: What ``metadata.keys`` named.
        actor: Who fills them in.
        at: Now.
        cause: Tells this request apart from every other.

    Raises:
        InvalidChange: A field does not take its value.
    """
    if why := mistake_in(values):
        raise InvalidChange("custom_fields", why)
    wanted = {"custom_fields": dict(values)}
    try:
        new = metadata.settled(found, message.tenant, "message", wanted, fields=message.custom_fields)
    except InvalidValue as error:
        raise InvalidChange(error.field, error.why) from None
    fields = {**message.custom_fields, **new["custom_fields"]}
    if len(fields) > _FIELDS:
        raise InvalidChange("custom_fields", f"may be at most {_FIELDS} in all")
    if fields == message.custom_fields:
        return NOTHING
    changed = msgspec.structs.replace(message, custom_fields=fields)
    told = about_message("message_annotated", changed, actor)
    told = msgspec.structs.replace(told, snapshot={**told.snapshot, "custom": fields})
    conversation = ticket.conversation_key if ticket is not None else message.author_id or message.id
    return Change((changed,), (asked(told, tenant=message.tenant, conversation=conversation, at=at, cause=cause),))
