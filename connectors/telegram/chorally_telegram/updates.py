"""Updates: every kind becomes an event, those that nobody knows yet too (Bot API 10.1, "Update").

What somebody says or does to us is a message, also a pressed button and a reaction. What happens about a person in a
chat (who blocks the bot, joins, leaves) is an automatic message, which no rule answers. What has neither words nor
chat, and what is not known, is a ping that names its kind.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

import chorally_sdk as sdk
from chorally_telegram.ids import Place
from chorally_telegram.shapes import Chat, Member, Pressed, Reacted, Removed, instant, read
from chorally_telegram.translate import MESSAGE, author_of, to_event

STREAM = "updates"
"""The stream that polls them."""

_SAID = {
    **dict.fromkeys(("message", "channel_post", "business_message", "guest_message"), False),
    **dict.fromkeys(("edited_message", "edited_channel_post", "edited_business_message"), True),
}
"""Kinds that are a message, and whether it is an edit."""


class Context(NamedTuple):
    """What an update is read with."""

    bot: str | None
    """The bot's own id, where it is known."""
    at: datetime
    """When the update came: the best known time of what has none of its own."""
    raw: bytes
    """What it came in, kept with an error."""
    number: int
    kind: str = ""


def events_of(update: object, bot: str | None, at: datetime, raw: bytes) -> list[sdk.Event]:
    """Return what an update means.

    Args:
        update: As it came.
        bot: The bot's own id, where it is known.
        at: When it came.
        raw: What it came in, kept with an error.

    Raises:
        Malformed: It is no update, or one of a known kind in an undocumented shape.
    """
    number = number_of(update)
    if not isinstance(update, dict) or number is None:
        raise sdk.Malformed("update: update_id: a number is needed", raw)
    context = Context(bot, at, raw, number)
    for kind, value in update.items():
        if kind in _SAID:
            return to_event(value, bot, is_edited=_SAID[kind], raw=raw)
        if kind in _READ:
            return _READ[kind](value, context._replace(kind=kind))
    kind = next((name for name in update if name != "update_id"), "empty")
    return [sdk.Ping(stream=STREAM, external_id=f"{kind}/{number}")]


def number_of(update: object) -> int | None:
    """Return an update's number; None where this is no update."""
    number = update.get("update_id") if isinstance(update, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _removed(value: object, context: Context) -> list[sdk.Event]:
    removed = read(Removed, value, "deleted_business_messages", context.raw)
    places = [Place(removed.chat.id, message, removed.business_connection_id) for message in removed.message_ids]
    return [
        sdk.Mark(
            state="deleted",
            at=context.at,
            external_id=place.external_id,
            conversation_id=place.conversation_id,
            channel=MESSAGE,
        )
        for place in places
    ]


def _pressed(value: object, context: Context) -> list[sdk.Event]:
    """A pressed button; it has no time of its own, its message's is that of our question."""
    pressed = read(Pressed, value, "callback_query", context.raw)
    under = pressed.message
    chat = under.chat if under and under.chat else Chat(id=pressed.sender.id)
    place = Place(chat.id, under.message_id if under else None)
    return [
        sdk.Message(
            external_id=f"callback/{pressed.id}",
            channel=MESSAGE,
            conversation_id=place.conversation_id,
            parent_id=place.external_id if under else None,
            author=author_of(pressed.sender),
            sent_at=context.at,
            kind="button",
            body=pressed.data or pressed.game_short_name,
            route={**place.route, "callback": pressed.id},
        )
    ]


def _reacted(value: object, context: Context) -> list[sdk.Event]:
    """A reaction: one for each person and message, edited by the next one, deleted by taking it back."""
    reacted = read(Reacted, value, "message_reaction", context.raw)
    place = Place(reacted.chat.id, reacted.message_id)
    author = author_of(reacted.user, reacted.actor_chat)
    external_id = f"{place.external_id}/reaction/{author.external_id if author else ''}"
    at = instant(reacted.date)
    if not reacted.new_reaction:
        return [
            sdk.Mark(
                state="deleted",
                at=at,
                external_id=external_id,
                conversation_id=place.conversation_id,
                channel=MESSAGE,
            )
        ]
    return [
        sdk.Message(
            external_id=external_id,
            channel=MESSAGE,
            conversation_id=place.conversation_id,
            parent_id=place.external_id,
            author=author,
            sent_at=at,
            edited_at=at if reacted.old_reaction else None,
            kind="reaction",
            body=" ".join(_reaction(each) for each in reacted.new_reaction),
            automatic=True,
            route=place.route,
            extra={"reaction": reacted.new_reaction},
        )
    ]


def _reaction(reaction: dict[str, Any]) -> str:
    emoji = reaction.get("emoji")
    return emoji if isinstance(emoji, str) else str(reaction.get("type", "other"))


def _member(value: object, context: Context) -> list[sdk.Event]:
    """What changed about a member; in a private chat, who blocks the bot or lets it speak again."""
    member = read(Member, value, context.kind, context.raw)
    kind = context.kind
    if kind == "my_chat_member" and member.chat.type == "private":
        kind = "blocked" if member.new_chat_member.status == "kicked" else "unblocked"
    return [
        sdk.Message(
            external_id=f"{member.chat.id}/update/{context.number}",
            channel=MESSAGE,
            conversation_id=str(member.chat.id),
            author=author_of(member.sender),
            sent_at=instant(member.date),
            kind=kind,
            automatic=True,
            route=Place(member.chat.id).route,
            extra={"was": member.old_chat_member.status, "is": member.new_chat_member.status},
        )
    ]


_READ: dict[str, Callable[[object, Context], list[sdk.Event]]] = {
    "deleted_business_messages": _removed,
    "callback_query": _pressed,
    "message_reaction": _reacted,
    **dict.fromkeys(("my_chat_member", "chat_member", "chat_join_request"), _member),
}
