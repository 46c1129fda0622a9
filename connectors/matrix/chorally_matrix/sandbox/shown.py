"""How the homeserver shows what happened: events with their latest edit, syncs, pages of a room, tokens."""

from collections.abc import Sequence
from typing import Any

from chorally_matrix.sandbox.world import US, World

_WITHOUT_ROOM = "room_id"


class Unknown(ValueError):
    """A token that the homeserver does not know, or no longer knows."""


def shown(world: World, event: dict[str, Any], *, with_room: bool = True, us: str = US) -> dict[str, Any]:
    """Return an event as clients see it: with its latest edit, and with our transaction where we sent it."""
    told = {name: value for name, value in event.items() if not name.startswith("_")}
    unsigned = dict(event["unsigned"])
    if event["content"] and (edits := world.edits(event)):
        unsigned["m.relations"] = {"m.replace": shown(world, edits[-1], with_room=with_room)}
    if event["sender"] == us and event.get("_transaction"):
        unsigned["transaction_id"] = event["_transaction"]
    told["unsigned"] = unsigned
    if not with_room:
        del told[_WITHOUT_ROOM]
    return told


def members_of(world: World, room: str, events: Sequence[dict[str, Any]], *, with_room: bool = True) -> list[Any]:
    """Return the memberships of those who did something."""
    who = {event["sender"] for event in events}
    latest = {
        event["state_key"]: event
        for event in world.events
        if event["room_id"] == room and event["type"] == "m.room.member" and event["state_key"] in who
    }
    return [shown(world, event, with_room=with_room) for event in latest.values()]


def token(epoch: int, place: int, kind: str = "s") -> str:
    """Return the token of a place in the stream."""
    return f"{kind}{epoch}_{place}"


def place_of(word: str, epoch: int) -> int:
    """Return the place that a token stands for.

    Raises:
        Unknown: It is none of ours, or of an age that was forgotten.
    """
    of, _, place = word[1:].partition("_")
    if word[:1] not in {"s", "t"} or not place.isdecimal() or of != str(epoch):
        raise Unknown("Invalid stream token")
    return int(place)


def synced(world: World, since: str, limit: int, epoch: int, us: str = US) -> dict[str, Any]:
    """Return the answer to a sync."""
    floor = place_of(since, epoch) if since else 0
    rooms: dict[str, dict[str, Any]] = {"join": {}, "invite": {}, "leave": {}}
    for room_id, room in world.rooms.items():
        membership = room.members.get(us, "")
        news = [(at, each) for at, each in enumerate(world.events, 1) if at > floor and each["room_id"] == room_id]
        if membership == "invite" and news:
            rooms["invite"][room_id] = {"invite_state": {"events": [_stripped(each) for _, each in news[-1:]]}}
        elif membership == "join" and (joined := _room(world, room_id, news, limit, epoch, floor)):
            rooms["join"][room_id] = joined
        elif membership in {"leave", "ban"} and news and since:
            left = max(at for at, each in news if each.get("state_key") == us) if news else 0
            until = [(at, each) for at, each in news if at <= left]
            rooms["leave"][room_id] = _room(world, room_id, until, limit, epoch, floor)
    return {"next_batch": token(epoch, world.place), "rooms": {name: told for name, told in rooms.items() if told}}


def _room(
    world: World, room_id: str, news: list[tuple[int, dict[str, Any]]], limit: int, epoch: int, floor: int
) -> dict[str, Any]:
    receipts = [each for each in world.receipts if each[1] == room_id and each[0] > floor]
    if not news and not receipts:
        return {}
    last = news[-limit:]
    prev = last[0][0] - 1 if last else floor
    events = [each for _, each in last]
    told: dict[str, Any] = {
        "state": {"events": members_of(world, room_id, events, with_room=False)},
        "timeline": {
            "events": [shown(world, each, with_room=False) for each in events],
            "limited": len(news) > len(last),
            "prev_batch": token(epoch, prev, "t"),
        },
    }
    if receipts:
        content: dict[str, Any] = {}
        for _, _, who, event, at in receipts:
            content.setdefault(event, {"m.read": {}})["m.read"][who] = {"ts": at}
        told["ephemeral"] = {"events": [{"type": "m.receipt", "content": content}]}
    return told


def _stripped(event: dict[str, Any]) -> dict[str, Any]:
    return {name: event.get(name, "") for name in ("type", "sender", "state_key", "content")}


def listed(world: World, room_id: str, asked: dict[str, str], limit: int, epoch: int) -> dict[str, Any]:
    """Return a page of what happened in a room, backwards or forwards."""
    backwards = asked.get("dir") == "b"
    begin = place_of(asked["from"], epoch) if asked.get("from") else (world.place if backwards else 0)
    end = place_of(asked["to"], epoch) if asked.get("to") else (0 if backwards else world.place)
    places = range(begin, end, -1) if backwards else range(begin + 1, end + 1)
    found = [at for at in places if world.events[at - 1]["room_id"] == room_id]
    page = found[:limit]
    events = [world.events[at - 1] for at in page]
    told: dict[str, Any] = {
        "start": token(epoch, begin, "t"),
        "chunk": [shown(world, event) for event in events],
        "state": members_of(world, room_id, events),
    }
    if page and (len(found) > len(page) or not backwards):
        told["end"] = token(epoch, page[-1] - (1 if backwards else 0), "t")
    return told
