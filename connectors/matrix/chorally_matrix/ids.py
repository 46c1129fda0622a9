"""Ids as the host knows them, and paths in which an id is one segment.

The host's id of a message is ``<room id>/<event id>``: event ids are unique, but no call takes one without its room.
"""

import re
from urllib.parse import quote

import chorally_sdk as sdk

CLIENT = "/_matrix/client/v3"
JOIN = "join"
"""Stands for an event id where the thing to look at is an invitation."""

_MXC = re.compile(r"mxc://((?!\.+/)[A-Za-z0-9.\-:\[\]]+)/([A-Za-z0-9_\-]+)")


def external_id(room: str, event: str) -> str:
    """Return the host's id of an event."""
    return f"{room}/{event}"


def room_and_event(known: str) -> tuple[str, str]:
    """Return the room and the event that a host's id is made of.

    Raises:
        Rejected: It is none of ours.
    """
    room, slash, event = known.rpartition("/$")
    if slash and room:
        return room, f"${event}"
    room, slash, event = known.rpartition("/")
    if slash and room and event == JOIN:
        return room, event
    raise sdk.Rejected(f"{known!r} names no room and event")


def path(*parts: str, base: str = CLIENT) -> str:
    """Return a path below the client API in which each part is one segment, whatever is in it.

    Raises:
        Rejected: A part would lead to another path, for it is nothing but dots.
    """
    if any(part in ("", ".", "..") for part in parts):
        raise sdk.Rejected("an id of Matrix is never empty, nor one or two dots")
    return base + "".join(f"/{quote(part, safe='')}" for part in parts)


def mxc(uri: object) -> tuple[str, str] | None:
    """Return the server and the media id of a content URI; None for what is none."""
    found = _MXC.fullmatch(uri) if isinstance(uri, str) else None
    return (found[1], found[2]) if found else None


def link(room: str, event: str) -> str:
    """Return a URL by which people find an event (Matrix 1.16, "matrix.to navigation")."""
    return f"https://matrix.to/#/{quote(room, safe='!:')}/{quote(event, safe='$:')}"
