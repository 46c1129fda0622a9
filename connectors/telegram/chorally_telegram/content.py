"""What a message holds: its kind, its words, and its files (Bot API 10.1, "Message").

What is not text and no file is put into words as far as it has some: a contact, a place, a poll. Read leniently:
a field of another form than documented is passed over, and stays in ``Message.extra``.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

import chorally_sdk as sdk

Media = Literal["image", "video", "audio", "file"]

FILES: dict[str, tuple[Media, str]] = {
    "live_photo": ("video", "video/mp4"),
    "animation": ("video", "video/mp4"),
    "video": ("video", "video/mp4"),
    "video_note": ("video", "video/mp4"),
    "voice": ("audio", "audio/ogg"),
    "audio": ("audio", ""),
    "document": ("file", ""),
}
"""Fields that are a file each, with the kind of attachment, and the media type where the platform leaves it out.

A live photo and an animation come first: for older clients they are repeated in another field."""

SERVICE = frozenset(
    (
        *("new_chat_members", "left_chat_member", "chat_owner_left", "chat_owner_changed", "new_chat_title"),
        *("new_chat_photo", "delete_chat_photo", "group_chat_created", "supergroup_chat_created"),
        *("channel_chat_created", "message_auto_delete_timer_changed", "pinned_message", "successful_payment"),
        *("refunded_payment", "users_shared", "chat_shared", "gift", "unique_gift", "gift_upgrade_sent"),
        *("connected_website", "write_access_allowed", "passport_data", "proximity_alert_triggered", "boost_added"),
        *("chat_background_set", "checklist_tasks_done", "checklist_tasks_added", "direct_message_price_changed"),
        *("forum_topic_created", "forum_topic_edited", "forum_topic_closed", "forum_topic_reopened"),
        *("general_forum_topic_hidden", "general_forum_topic_unhidden", "giveaway_created", "giveaway_completed"),
        *("managed_bot_created", "paid_message_price_changed", "poll_option_added", "poll_option_deleted"),
        *("suggested_post_approved", "suggested_post_approval_failed", "suggested_post_declined"),
        *("suggested_post_paid", "suggested_post_refunded", "video_chat_scheduled", "video_chat_started"),
        *("video_chat_ended", "video_chat_participants_invited"),
    )
)
"""Fields by which a message only tells what happened in the chat."""

BASIC = frozenset(
    (
        *("message_id", "date", "chat", "from", "sender_chat", "edit_date", "reply_to_message", "text", "caption"),
        *("message_thread_id", "is_topic_message", "business_connection_id"),
    )
)
"""Fields that are told otherwise; all others are kept in ``Message.extra``."""


class Content(NamedTuple):
    """What a message holds."""

    kind: str
    body: str
    attachments: tuple[sdk.Attachment, ...] = ()
    is_service: bool = False


def content_of(message: dict[str, Any]) -> Content:
    """Return what a message holds; one of a kind that nobody knows is ``other``, with its fields in ``extra``."""
    if isinstance(text := message.get("text"), str):
        return Content("text", text)
    caption = message.get("caption")
    caption = caption if isinstance(caption, str) else ""
    if attachments := tuple(_files(message)):
        kind = next(name for name in ("photo", "sticker", "paid_media", *FILES) if message.get(name))
        kind = next((name for name in FILES if isinstance(message.get(name), dict)), kind)
        body = caption or (_text(message.get("sticker"), "emoji") if kind == "sticker" else "")
        return Content(kind, body, attachments)
    for kind, words in _IN_WORDS.items():
        if isinstance(value := message.get(kind), dict):
            return Content(kind, caption or words(value))
    if service := next((name for name in message if name in SERVICE), None):
        return Content(service, "", is_service=True)
    return Content("other", caption)


def _files(message: dict[str, Any]) -> Iterator[sdk.Attachment]:
    for name, (kind, media_type) in FILES.items():
        if file := _file(message.get(name), kind, media_type):
            yield file
            return
    if photo := _photo(message.get("photo")):
        yield photo
    sticker = message.get("sticker")
    if isinstance(sticker, dict):
        moving = "application/x-tgsticker" if sticker.get("is_animated") else "image/webp"
        is_video = bool(sticker.get("is_video"))
        if file := _file(sticker, "video" if is_video else "image", "video/webm" if is_video else moving):
            yield file
    paid = message.get("paid_media")
    for each in _list(paid.get("paid_media") if isinstance(paid, dict) else None):
        if isinstance(each, dict):
            found = _photo(each.get("photo")) or _file(each.get("video"), "video", "video/mp4")
            if found:
                yield found


def _photo(sizes: object) -> sdk.Attachment | None:
    """The largest size of a photo."""
    known = [each for each in _list(sizes) if isinstance(each, dict)]
    largest = max(
        known, key=lambda each: (_number(each.get("width")) or 0) * (_number(each.get("height")) or 0), default={}
    )
    return _file(largest, "image", "image/jpeg")


def _file(file: object, kind: Media, media_type: str) -> sdk.Attachment | None:
    file_id = _text(file, "file_id")
    if not file_id:
        return None
    told = _text(file, "mime_type") or media_type
    if kind == "file" and told.partition("/")[0] in {"image", "video", "audio"}:
        kind = told.partition("/")[0]  # type: ignore[assignment] # one of the three
    size = _number(file.get("file_size")) if isinstance(file, dict) else None
    name = _text(file, "file_name") or None
    return sdk.Attachment(kind=kind, external_id=file_id, media_type=told or None, name=name, size_bytes=size)


def _contact(value: dict[str, Any]) -> str:
    return " ".join(filter(None, (_text(value, "first_name"), _text(value, "last_name"), _text(value, "phone_number"))))


def _location(value: dict[str, Any]) -> str:
    place = (value.get("latitude"), value.get("longitude"))
    return ", ".join(str(each) for each in place if isinstance(each, int | float))


def _venue(value: dict[str, Any]) -> str:
    return ", ".join(filter(None, (_text(value, "title"), _text(value, "address"))))


def _poll(value: dict[str, Any]) -> str:
    return "\n".join((_text(value, "question"), *(f"- {_text(each, 'text')}" for each in _list(value.get("options")))))


def _checklist(value: dict[str, Any]) -> str:
    return "\n".join((_text(value, "title"), *(f"- {_text(each, 'text')}" for each in _list(value.get("tasks")))))


def _dice(value: dict[str, Any]) -> str:
    return f"{_text(value, 'emoji')} {_number(value.get('value')) or ''}".strip()


def _titled(value: dict[str, Any]) -> str:
    return "\n".join(filter(None, (_text(value, "title"), _text(value, "description"))))


def _rich(value: dict[str, Any]) -> str:
    return "\n".join(filter(None, ("".join(_words(block)) for block in _list(value.get("blocks")))))


def _words(value: object) -> Iterator[str]:
    """The words of a rich text: plain, in a list, or under ``text`` of what formats them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _words(each)
    elif isinstance(value, dict):
        for name in ("text", "blocks", "items", "caption", "cells"):
            if name in value:
                yield from _words(value[name])


_IN_WORDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "rich_message": _rich,
    "contact": _contact,
    "venue": _venue,
    "location": _location,
    "poll": _poll,
    "checklist": _checklist,
    "dice": _dice,
    "game": _titled,
    "invoice": _titled,
    "story": lambda value: "",
    "giveaway": lambda value: "",
    "giveaway_winners": lambda value: "",
    "web_app_data": lambda value: _text(value, "data"),
    "paid_media": lambda value: "",
    "sticker": lambda value: _text(value, "emoji"),
}


def _text(value: object, name: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
