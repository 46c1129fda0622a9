"""Telegram's messages in our words: the same whether they came by webhook or by long polling."""

from typing import Any

import chorally_sdk as sdk
from chorally_telegram.content import BASIC, content_of
from chorally_telegram.ids import Place
from chorally_telegram.shapes import Chat, Said, User, instant, read

MESSAGE = "telegram_message"
"""The channel of everything that is said to a bot."""


def to_event(value: object, bot: str | None, *, is_edited: bool, raw: bytes) -> list[sdk.Event]:
    """Return what a message is in our words: a message, or the notice that the group has another number.

    Args:
        value: The message as it came.
        bot: The bot's own id, where it is known.
        is_edited: Whether it came as an edit.
        raw: What it came in, kept with an error.

    Raises:
        Malformed: It is not in the documented shape.
    """
    said = read(Said, value, "message", raw)
    if said.migrate_to_chat_id is not None:
        return [_moved(said.chat.id, said.migrate_to_chat_id)]
    if said.migrate_from_chat_id is not None:
        return [_moved(said.migrate_from_chat_id, said.chat.id)]
    return [_message(said, dict(value) if isinstance(value, dict) else {}, bot, is_edited)]


def _moved(old: int, new: int) -> sdk.Notice:
    return sdk.Notice(kind="moved", external_id=str(old), new_id=str(new))


def _message(said: Said, value: dict[str, Any], bot: str | None, is_edited: bool) -> sdk.Message:
    content = content_of(value)
    place = place_of(said)
    parent = said.reply_to_message
    is_elsewhere = parent is not None and parent.chat is not None and parent.chat.id != said.chat.id
    edited = said.edit_date if said.edit_date is not None else (said.date if is_edited else None)
    return sdk.Message(
        external_id=place.external_id,
        channel=MESSAGE,
        conversation_id=place.conversation_id,
        parent_id=None if parent is None or is_elsewhere else _beside(place, parent.message_id),
        author=author_of(said.sender, said.sender_chat),
        sent_at=instant(said.date),
        edited_at=None if edited is None else instant(edited),
        kind=content.kind,
        body=content.body,
        attachments=content.attachments,
        url=link(said.chat, said.message_id) if not place.connection else None,
        ours=_is_ours(said, bot),
        automatic=content.is_service or _is_by_machine(said),
        route={**place.route, **({"guest": said.guest_query_id} if said.guest_query_id else {})},
        extra=_extra(said.chat, value),
    )


def place_of(said: Said) -> Place:
    """Return where a message is; a reply's thread counts only where it is a topic of a forum."""
    return Place(
        said.chat.id,
        said.message_id,
        said.business_connection_id,
        said.message_thread_id if said.is_topic_message else None,
        said.direct_messages_topic.topic_id if said.direct_messages_topic else None,
    )


def _beside(place: Place, message: int) -> str:
    return Place(place.chat, message, place.connection).external_id


def author_of(user: User | None, chat: Chat | None = None) -> sdk.Author | None:
    """Return who speaks: a chat where somebody speaks in its name, for there the person is a stand-in."""
    if chat is not None:
        url = f"https://t.me/{chat.username}" if chat.username else None
        return sdk.Author(external_id=str(chat.id), name=chat.title, handle=chat.username, url=url)
    if user is None:
        return None
    return sdk.Author(
        external_id=str(user.id),
        name=user.name,
        handle=user.username,
        url=f"https://t.me/{user.username}" if user.username else None,
        language=user.language_code,
    )


def link(chat: Chat, message: int) -> str | None:
    """Return where a message can be seen; messages of private chats and small groups have no address."""
    if chat.username and chat.type in {"channel", "supergroup"}:
        return f"https://t.me/{chat.username}/{message}"
    inner = str(chat.id).removeprefix("-100")
    return f"https://t.me/c/{inner}/{message}" if chat.type in {"channel", "supergroup"} else None


def _is_ours(said: Said, bot: str | None) -> bool:
    """Whether the account said it: the bot, the business that it serves, or the channel that it administers."""
    if said.business_connection_id:
        is_customer = said.sender is not None and said.sender.id == said.chat.id
        return said.sender_business_bot is not None or (said.chat.type == "private" and not is_customer)
    if said.chat.type == "channel" and said.direct_messages_topic is None:
        return True
    return bot is not None and said.sender is not None and str(said.sender.id) == bot


def _is_by_machine(said: Said) -> bool:
    is_bot = said.sender is not None and said.sender.is_bot and said.sender_chat is None
    return is_bot or said.is_automatic_forward or said.is_from_offline


def _extra(chat: Chat, value: dict[str, Any]) -> dict[str, Any]:
    kept = {name: each for name, each in value.items() if name not in BASIC}
    return {**({"chat_title": chat.title} if chat.title else {}), **kept}
