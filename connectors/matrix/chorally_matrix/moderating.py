"""What is done to what is there already: edits, redactions, reactions, receipts."""

from datetime import datetime
from typing import Any

import chorally_sdk as sdk
from chorally_matrix import faults, ids
from chorally_matrix.sending import edited, transaction

LIKE = "\N{THUMBS UP SIGN}"
"""The reaction that a like is; Matrix has any number of others."""


async def moderate(http: sdk.Http, base: str, action: sdk.Action, now: datetime) -> None:
    """Do it; already so is success.

    Args:
        http: Calls the homeserver.
        base: Where it is.
        action: What to do.
        now: Goes into the keys of what may be done once more on purpose, such as an edit back to an earlier text.

    Raises:
        Rejected: The homeserver refuses it, or there is no such action.
    """
    room, event = ids.room_and_event(action.external_id)
    once = transaction(action.verb, event, action.body, now.isoformat())
    match action.verb:
        case "edit":
            content = {**edited(action.body, action.route), "m.relates_to": _to(event, "m.replace")}
            await http.put(base + ids.path("rooms", room, "send", "m.room.message", once), json=content)
        case "like":
            content = {"m.relates_to": {**_to(event, "m.annotation"), "key": LIKE}}
            await _unless(faults.Duplicate, http, base + ids.path("rooms", room, "send", "m.reaction", once), content)
        case "delete":
            key = transaction("delete", event)
            await _unless(sdk.Rejected, http, base + ids.path("rooms", room, "redact", event, key), {})
        case "read":
            await http.post(base + ids.path("rooms", room, "receipt", "m.read", event), json={})
        case _:
            raise sdk.Rejected(f"messages of Matrix take no {action.verb!r}")


def _to(event: str, kind: str) -> dict[str, str]:
    return {"rel_type": kind, "event_id": event}


async def _unless(done: type[sdk.Rejected], http: sdk.Http, url: str, content: dict[str, Any]) -> None:
    """Call, where a refusal may say that it is so already: such a reaction is there, or the event is gone."""
    try:
        await http.put(url, json=content)
    except done as error:
        if not isinstance(error, faults.Duplicate) and error.reason is not sdk.Reason.GONE:
            raise
