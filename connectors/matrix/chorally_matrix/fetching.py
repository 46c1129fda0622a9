"""Reads one message, where a transaction only says that it was edited."""

from collections.abc import Sequence

import chorally_sdk as sdk
from chorally_matrix.syncing import Place, surroundings
from chorally_matrix.translate import Scene, is_edit, names_in, to_events


async def message(place: Place, room: str, event: str) -> Sequence[sdk.Event]:
    """Return a message as its latest edit left it, or what else an event becomes.

    Raises:
        Rejected: It was redacted, or may not be seen.
    """
    around = await surroundings(place, room, event)
    found = around.event
    if "redacted_because" in found.unsigned:
        raise sdk.Rejected("the message was redacted", reason=sdk.Reason.GONE)
    scene = Scene(room, place.us, names_in(around.state))
    if is_edit(found):
        return []  # told of itself; what it edits is told of by its own id
    events = to_events(found, scene)
    return [event for event in events if not isinstance(event, sdk.Ping)]
