"""What goes out: one call for each answer, an album where it has several files (Bot API 10.1, "Available methods").

Everything that Telegram is known to refuse is refused here, before any network.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import chorally_sdk as sdk
from chorally_telegram.ids import Place
from chorally_telegram.multipart import Upload

MAX_TEXT = 4096
MAX_CAPTION = 1024
"""UTF-16 code units of a text, and of the text beside files."""

MAX_FILES = 10
MAX_BYTES = 50 * 2**20
MAX_PHOTO_BYTES = 10 * 2**20

OPTIONS = frozenset(
    (
        *("parse_mode", "entities", "caption_entities", "disable_notification", "protect_content", "reply_markup"),
        *("link_preview_options", "message_effect_id", "has_spoiler", "show_caption_above_media"),
    )
)
"""What ``Outgoing.options`` may hold: parameters of the Bot API under their own names."""
_OF_TEXT = frozenset({"entities", "link_preview_options"})
_OF_FILES = frozenset({"caption_entities", "has_spoiler", "show_caption_above_media"})
_OF_CAPTIONS = frozenset({"parse_mode", "caption_entities", "has_spoiler", "show_caption_above_media"})

Kind = Literal["photo", "video", "animation", "voice", "audio", "document"]
_METHODS: Mapping[Kind, str] = {
    "photo": "sendPhoto",
    "video": "sendVideo",
    "animation": "sendAnimation",
    "voice": "sendVoice",
    "audio": "sendAudio",
    "document": "sendDocument",
}
_KINDS: Mapping[str, Kind] = {
    "image/jpeg": "photo",
    "image/png": "photo",
    "image/webp": "photo",
    "image/gif": "animation",
    "video/mp4": "video",
    "audio/ogg": "voice",
    "audio/mpeg": "audio",
    "audio/mp4": "audio",
    "audio/x-m4a": "audio",
}
Media = Callable[[sdk.Attachment], AsyncIterator[bytes]]


@dataclass(frozen=True)
class Call:
    """One visible call."""

    method: str
    fields: Mapping[str, Any]
    uploads: Sequence[Upload] = ()

    @property
    def form(self) -> dict[str, str]:
        """The fields as a form carries them: what is no text is JSON."""
        return {
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in self.fields.items()
        }


def place_for(message: sdk.OutboundMessage) -> Place:
    """Return where an answer goes: by the route of what it answers, else by its conversation or its person.

    Raises:
        Rejected: None of them names a chat.
    """
    route = {
        name: message.route[name]
        for name in ("chat", "message", "connection", "thread", "topic")
        if name in message.route
    }
    if "guest" in message.route:
        raise sdk.Rejected(
            "the bot was called into a chat that it is no member of, and cannot write there",
            reason=sdk.Reason.PERMISSION,
        )
    if "chat" in route:
        place = Place(**route)
        return place if message.in_reply_to else Place(**{**route, "message": None})
    where = message.conversation_id or message.to
    if not where and message.in_reply_to:
        return Place.of_message(message.in_reply_to)
    if not where:
        raise sdk.Rejected("an answer goes to a chat; say which")
    place = Place.of_conversation(where)
    answered = _answered(message.in_reply_to)
    if answered is None or (answered.chat, answered.connection) != (place.chat, place.connection):
        return place
    return Place(place.chat, answered.message, place.connection, place.thread, place.topic)


def _answered(external_id: str | None) -> Place | None:
    """The message that is quoted; a pressed button or a reaction is none, and its answer quotes nothing."""
    try:
        return Place.of_message(external_id) if external_id else None
    except sdk.Rejected:
        return None


def composed(message: sdk.OutboundMessage, place: Place, media: Media) -> Call:
    """Return the one call that makes an answer.

    Raises:
        Rejected: Telegram would refuse it.
    """
    unknown = sorted(set(message.options) - OPTIONS)
    if unknown:
        raise sdk.Rejected(f"there is no option {', '.join(unknown)}; there are {', '.join(sorted(OPTIONS))}")
    fields: dict[str, Any] = {"chat_id": place.chat, **_where(place)}
    files = message.attachments
    if not files:
        _fits(message.body, MAX_TEXT, "the text")
        if not message.body.strip():
            raise sdk.Rejected("the text is empty; write one, or attach a file")
        return Call("sendMessage", {**fields, "text": message.body, **_options(message, without=_OF_FILES)})
    _fits(message.body, MAX_CAPTION, "the text beside a file")
    if len(files) > MAX_FILES:
        raise sdk.Rejected(f"there are {len(files)} files, an album takes {MAX_FILES}; send them in several messages")
    kinds = _alike([kind_of(each) for each in files])
    sources = [_source(each, kind, number, media) for number, (each, kind) in enumerate(zip(files, kinds, strict=True))]
    uploads = [upload for _, upload in sources if upload is not None]
    caption = {"caption": message.body} if message.body else {}
    if len(files) == 1:
        (kind,), ((named, upload),) = kinds, sources
        if upload is None:
            fields[kind] = named
        fields |= {**caption, **_options(message, without=_OF_TEXT)}
        return Call(_METHODS[kind], fields, [_under(each, kind) for each in uploads])
    album = [{"type": kind, "media": named} for kind, (named, _) in zip(kinds, sources, strict=True)]
    album[0] |= {**caption, **_options(message, only=_OF_CAPTIONS)}
    others = _options(message, without=_OF_TEXT | _OF_CAPTIONS | {"reply_markup"})
    return Call("sendMediaGroup", {**fields, "media": album, **others}, uploads)


def kind_of(attachment: sdk.Attachment) -> Kind:
    """Return as what a file is sent: what Telegram cannot show goes as a document."""
    media_type = (attachment.media_type or "").partition(";")[0].strip().lower()
    by_kind: Kind = "photo" if attachment.kind == "image" and not media_type else "document"
    kind = _KINDS.get(media_type, by_kind)
    is_large = attachment.size_bytes is not None and attachment.size_bytes > MAX_PHOTO_BYTES
    return "document" if kind == "photo" and is_large else kind


def _alike(kinds: Sequence[Kind]) -> list[Kind]:
    """Albums mix photos and videos, and nothing else: others go as documents."""
    if len(kinds) < 2 or set(kinds) <= {"photo", "video"} or set(kinds) == {"audio"}:
        return list(kinds)
    return ["document"] * len(kinds)


def _source(attachment: sdk.Attachment, kind: Kind, number: int, media: Media) -> tuple[str, Upload | None]:
    """A file of ours is uploaded; one that has only an address is read by Telegram."""
    if attachment.external_id is None and attachment.url:
        return attachment.url, None
    field = f"file{number}"
    upload = Upload(
        field,
        attachment.name or field,
        attachment.media_type or "application/octet-stream",
        lambda: media(attachment),
        MAX_PHOTO_BYTES if kind == "photo" else MAX_BYTES,
    )
    return f"attach://{field}", upload


def _under(upload: Upload, field: str) -> Upload:
    return Upload(field, upload.name, upload.media_type, upload.read, upload.most)


def _where(place: Place) -> dict[str, Any]:
    """Where in the chat; an answer reaches the person also when its question was deleted meanwhile."""
    told: dict[str, Any] = {}
    if place.connection:
        told["business_connection_id"] = place.connection
    if place.thread is not None:
        told["message_thread_id"] = place.thread
    if place.topic is not None:
        told["direct_messages_topic_id"] = place.topic
    if place.message is not None:
        told["reply_parameters"] = {"message_id": place.message, "allow_sending_without_reply": True}
    return told


def _options(
    message: sdk.OutboundMessage, *, without: frozenset[str] = frozenset(), only: frozenset[str] = OPTIONS
) -> dict[str, Any]:
    return {name: value for name, value in message.options.items() if name in only and name not in without}


def _fits(text: str, most: int, what: str) -> None:
    counted = sdk.length(text, "utf16")
    if counted > most:
        raise sdk.Rejected(f"{what} has {counted} UTF-16 units, Telegram takes {most}; shorten it, or send it apart")
