"""Turns events of rooms into ours; what is no matter of ours gives nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import chorally_sdk as sdk
from chorally_matrix import content as reading
from chorally_matrix.ids import JOIN, external_id, link
from chorally_matrix.shapes import LAST, Event

MESSAGE = "matrix_message"
SYNC = "sync"
"""The stream of a user that syncs."""
ROOMS = "rooms"
"""The stream of an application service's user."""

UNREADABLE = "encrypted from end to end: it can be read in a Matrix client that has the room's keys, not here"
SEALED_FILE = "the file is encrypted from end to end and cannot be read here"
_SAYS = frozenset({"m.room.message", "m.sticker"})
_AUTOMATIC = frozenset({"m.notice", "m.server_notice"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Scene:
    """Where events happen: the room, who we are, and what people are called there."""

    room: str
    us: str
    names: Mapping[str, str] = field(default_factory=dict)
    """Display names by user id."""
    is_told: bool = False
    """Whether a transaction told of it, where nothing can be looked up: what needs a look becomes a ping."""


def instant(milliseconds: int) -> datetime:
    """Return a time; one that no calendar has becomes the nearest that it has."""
    return _EPOCH + timedelta(milliseconds=min(max(milliseconds, 0), LAST))


def names_in(events: list[dict[str, Any]]) -> dict[str, str]:
    """Return display names by user id, of the memberships among some events."""
    found = {}
    for event in events:
        user, told = event.get("state_key"), event.get("content")
        if event.get("type") == "m.room.member" and isinstance(user, str) and isinstance(told, dict):
            found[user] = reading.text(told, "displayname")
    return found


def is_edit(event: Event) -> bool:
    """Whether an event replaces the content of another."""
    return event.type in _SAYS and reading.relation(event.content).kind == "m.replace"


def replaced(event: Event) -> str:
    """Return the id of the event that an edit is about."""
    return reading.relation(event.content).target


def to_events(event: Event, scene: Scene) -> list[sdk.Event]:
    """Return what an event becomes that is no edit; an edit becomes a ping of what it is about."""
    if is_edit(event):
        target = replaced(event)
        return [sdk.Ping(stream=ROOMS, external_id=external_id(scene.room, target))] if target else []
    if event.type == "m.room.redaction":
        return _redacted(event, scene)
    if "redacted_because" in event.unsigned and event.state_key is None:
        return [_deleted(event.event_id, _redacted_at(event), scene)]
    match event.type:
        case "m.room.member":
            return _membership(event, scene)
        case "m.room.tombstone":
            new = reading.text(event.content, "replacement_room")
            return [sdk.Notice(kind="moved", external_id=scene.room, new_id=new or None)]
        case "m.reaction":
            return _reaction(event, scene)
    if event.state_key is not None:
        return []
    if event.type in _SAYS or event.type == "m.room.encrypted" or reading.spoken(event.content):
        return [to_message(event, scene)]
    return [sdk.Ping(stream=event.type)]  # something was done that says nothing: its kind is told, and no more


def to_message(event: Event, scene: Scene, edit: Event | None = None) -> sdk.Message:
    """Return what was said, as its latest edit left it.

    Args:
        event: What was said first; its own record of its latest edit counts where ``edit`` is None.
        scene: Where.
        edit: An edit of it.
    """
    edit = edit or latest_edit(event)
    content = event.content
    if edit is not None and edit.sender == event.sender:
        content = reading.renewed(edit.content) or content
    else:
        edit = None
    relation = reading.relation(event.content)  # an edit cannot change what is answered
    kind = event.type if event.type != "m.room.message" else reading.text(content, "msgtype") or "m.text"
    is_ours = event.sender == scene.us
    return sdk.Message(
        external_id=external_id(scene.room, event.event_id),
        channel=MESSAGE,
        conversation_id=scene.room,
        parent_id=external_id(scene.room, relation.parent) if relation.parent else None,
        author=sdk.Author(
            external_id=event.sender,
            name=scene.names.get(event.sender, ""),
            handle=event.sender,
            url=f"https://matrix.to/#/{event.sender}",
        ),
        sent_at=instant(event.origin_server_ts),
        edited_at=instant(edit.origin_server_ts) if edit else None,
        kind="unreadable" if event.type == "m.room.encrypted" else kind.removeprefix("m."),
        body=_body(event, content, relation),
        attachments=reading.attachments(content, kind if kind == "m.sticker" else ""),
        url=link(scene.room, event.event_id),
        ours=is_ours,
        automatic=kind in _AUTOMATIC,
        client_ref=reading.reference(event.content, event.unsigned) if is_ours else None,
        route=_route(event, kind, relation),
        extra=_extra(event, content, relation, kind),
    )


def latest_edit(event: Event) -> Event | None:
    """Return the latest edit that the server tells with an event; None where there is none, or not all of it."""
    told = event.unsigned.get("m.relations")
    edit = told.get("m.replace") if isinstance(told, dict) else None
    if not isinstance(edit, dict) or not isinstance(edit.get("content"), dict):
        return None
    try:
        return Event.model_validate(edit)
    except ValueError:
        return None


def _body(event: Event, content: reading.Content, relation: reading.Relation) -> str:
    if event.type == "m.room.encrypted":
        return ""
    if event.type in _SAYS:
        return reading.body(content, answers=bool(relation.answered))
    return reading.spoken(content)


def _route(event: Event, kind: str, relation: reading.Relation) -> dict[str, Any]:
    route: dict[str, Any] = {}
    if relation.thread:
        route["thread"] = relation.thread
    if event.type == "m.room.encrypted":
        route["encrypted"] = True
    if kind not in {"m.text", "m.notice", "m.emote"}:
        route["kind"] = kind
    return route


def _extra(event: Event, content: reading.Content, relation: reading.Relation, kind: str) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if event.type == "m.room.encrypted":
        return {"note": UNREADABLE}
    if written := reading.html(content):
        extra["html"] = written
    if relation.thread:
        extra["thread"] = relation.thread
    if users := reading.mentioned(event.content):
        extra["mentions"] = users
    if place := reading.text(content, "geo_uri"):
        extra["geo_uri"] = place
    if reading.is_sealed(content):
        extra["note"] = SEALED_FILE
    if not kind.startswith("m.") or kind.startswith("m.key."):
        extra["type"] = kind
    return extra


def _redacted(event: Event, scene: Scene) -> list[sdk.Event]:
    target = reading.text(event.content, "redacts") or (event.redacts if isinstance(event.redacts, str) else "")
    if not target.startswith("$"):
        return []
    return [_deleted(target, instant(event.origin_server_ts), scene, reading.text(event.content, "reason"))]


def _redacted_at(event: Event) -> datetime:
    because = event.unsigned.get("redacted_because")
    at = reading.number(because.get("origin_server_ts")) if isinstance(because, dict) else None
    return instant(event.origin_server_ts if at is None else at)


def _deleted(event_id: str, at: datetime, scene: Scene, why: str = "") -> sdk.Mark:
    target = external_id(scene.room, event_id)
    return sdk.Mark(state="deleted", at=at, external_id=target, conversation_id=scene.room, reason=why)


def _reaction(event: Event, scene: Scene) -> list[sdk.Event]:
    """A reaction to what we said shows that it was read; its key says the rest."""
    relation = reading.relation(event.content)
    if not relation.target or event.sender == scene.us:
        return []
    why = f"{scene.names.get(event.sender) or event.sender} reacted with {relation.key}"
    target = external_id(scene.room, relation.target)
    at = instant(event.origin_server_ts)
    return [sdk.Mark(state="read", at=at, external_id=target, conversation_id=scene.room, reason=why)]


def _membership(event: Event, scene: Scene) -> list[sdk.Event]:
    """What becomes of our own membership: invited, one has to go and join; out, nothing is heard any more."""
    if event.state_key != scene.us:
        return []
    match reading.text(event.content, "membership"):
        case "invite" if scene.is_told:
            return [sdk.Ping(stream=ROOMS, external_id=f"{scene.room}/{JOIN}")]
        case "leave" | "ban":
            return [sdk.Notice(kind="subscription_lost", external_id=scene.room)]
    return []


def read_up_to(ephemeral: list[dict[str, Any]], scene: Scene, since: datetime | None = None) -> list[sdk.Event]:
    """Return how far people have read, of the receipts among ephemeral events."""
    latest: dict[str, int] = {}
    for told in ephemeral:
        receipts = told.get("content")
        if told.get("type") != "m.receipt" or not isinstance(receipts, dict):
            continue
        for kinds in receipts.values():
            users = kinds.get("m.read") if isinstance(kinds, dict) else None
            for user, receipt in users.items() if isinstance(users, dict) else ():
                at = reading.number(receipt.get("ts")) if isinstance(receipt, dict) else None
                if at is not None and user != scene.us:
                    latest[user] = max(at, latest.get(user, 0))
    marks = [instant(at) for _, at in sorted(latest.items())]
    return [sdk.Mark(state="read", at=at, conversation_id=scene.room) for at in marks if since is None or at >= since]
