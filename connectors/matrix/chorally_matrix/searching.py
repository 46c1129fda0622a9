"""Looks for a message whose sending was answered by silence."""

import json
from datetime import timedelta

import chorally_sdk as sdk
from chorally_matrix import ids
from chorally_matrix.content import reference
from chorally_matrix.sending import room_of
from chorally_matrix.shapes import Listing, read
from chorally_matrix.syncing import Place
from chorally_matrix.translate import instant

MARGIN = timedelta(minutes=15)
"""How far the homeserver's clock may be behind ours."""

_PAGE = 100
_MOST_PAGES = 50


async def find(place: Place, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
    """Return what was said under our reference; None where it is proven that nothing was.

    Raises:
        OutcomeUnknown: The attempt is too long ago to look through all that was said since, or has no time.
    """
    if not isinstance(outgoing, sdk.OutboundMessage) or outgoing.tried_at is None:
        raise sdk.OutcomeUnknown("only messages that were tried can be looked for")
    room, floor = room_of(outgoing), outgoing.tried_at - MARGIN
    params = {"dir": "b", "limit": str(_PAGE), "filter": json.dumps({"types": ["m.room.message"]})}
    for _ in range(_MOST_PAGES):
        answer = await place.http.get(place.base + ids.path("rooms", room, "messages"), params=params)
        listing = read(Listing, answer.content, "what was said in a room")
        for event in listing.chunk:
            if event.sender == place.us and reference(event.content, event.unsigned) == outgoing.client_ref:
                return sdk.Receipt(
                    external_id=ids.external_id(room, event.event_id),
                    conversation_id=room,
                    url=ids.link(room, event.event_id),
                )
        is_before = bool(listing.chunk) and all(instant(event.origin_server_ts) < floor for event in listing.chunk)
        if not listing.end or is_before:
            return None
        if listing.end == params.get("from"):
            raise sdk.OutcomeUnknown("what was said in the room leads back to itself")
        params["from"] = listing.end
    raise sdk.OutcomeUnknown("too much was said in the room since the attempt to look through all of it")
