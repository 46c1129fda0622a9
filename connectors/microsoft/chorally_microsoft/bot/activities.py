"""Turns activities into what the core understands; every kind becomes an event, those that nobody knows yet too.

What somebody says is a message; what happens about the conversation (members, installation, a pressed card) is an
automatic message, which no rule answers; typing, and what has no place to go, is a ping.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import chorally_sdk as sdk
from chorally_microsoft.bot.ids import Place
from chorally_microsoft.bot.shapes import Activity, File, activity_of
from chorally_microsoft.html import to_text
from chorally_microsoft.names import ACTIVITIES, TEAMS

FILE = "application/vnd.microsoft.teams.file.download.info"
_KINDS: dict[str, Literal["image", "video", "audio"]] = {"image": "image", "video": "video", "audio": "audio"}
_QUIET = frozenset({"typing", "trace", "endOfConversation", "delay"})
_AT = re.compile(r"</?at\b[^>]*>", re.IGNORECASE)


def events(told: Mapping[str, Any], hook: sdk.RawHook) -> Sequence[sdk.Event]:
    """Return what an activity means.

    Raises:
        Malformed: It is not in the documented shape.
    """
    activity = activity_of(told, hook.body)
    account = activity.tenant or None
    at = activity.at or hook.received_at
    named = activity.id or hashlib.sha256(hook.body).hexdigest()[:32]
    place = Place(activity.conversation.id, named)
    if activity.type == "messageDelete":
        return [
            sdk.Mark(
                state="deleted", at=at, account=account, external_id=place.external_id,
                conversation_id=place.conversation, channel=TEAMS,
            )
        ]  # fmt: skip
    if activity.type in _QUIET:
        return [sdk.Ping(stream=ACTIVITIES, account=account, external_id=f"{activity.type}/{place.external_id}")]
    message = _message(activity, told, place, at)
    if activity.type != "messageUpdate":
        return [message]
    edited = message.model_copy(update={"edited_at": at})
    if activity.event != "undeleteMessage":
        return [edited]
    shown = sdk.Mark(
        state="visible", at=at, account=account, external_id=place.external_id,
        conversation_id=place.conversation, channel=TEAMS,
    )  # fmt: skip
    return [edited, shown]


def _message(activity: Activity, told: Mapping[str, Any], place: Place, at: datetime) -> sdk.Message:
    says = activity.type in ("message", "messageUpdate")
    sender, us = activity.sender, activity.recipient
    text, files = _text(activity), _files(activity)
    kind = "text" if says else activity.type
    if activity.type == "message" and not text and not files:
        kind = "card" if activity.value is not None else "text"
    external_id = place.external_id if says else f"{place.external_id}/{activity.type}"
    return sdk.Message(
        external_id=external_id,
        channel=TEAMS,
        conversation_id=place.conversation,
        parent_id=Place(place.conversation, activity.reply_to).external_id if activity.reply_to else None,
        author=_author(activity),
        account=activity.tenant or None,
        sent_at=at,
        kind=kind,
        body=text,
        attachments=files,
        ours=bool(sender and us and sender.id and sender.id == us.id),
        automatic=not says,
        route={
            "service_url": activity.service_url,
            "bot": us.id if us else "",
            "person": sender.id if sender else "",
            "tenant": activity.tenant,
            "channel": activity.channel or "",
        },
        extra=_extra(activity, told),
    )


def _author(activity: Activity) -> sdk.Author | None:
    sender = activity.sender
    if sender is None or not sender.id:
        return None
    return sdk.Author(external_id=sender.id, name=sender.name or "", language=activity.locale or "")


def _text(activity: Activity) -> str:
    """What is said: without our own name where it is only the address, other names as they are shown."""
    text = activity.text or ""
    us = activity.recipient.id if activity.recipient else ""
    for entity in activity.entities or ():
        mentioned, shown = entity.get("mentioned"), entity.get("text")
        if entity.get("type") != "mention" or not isinstance(mentioned, dict) or not isinstance(shown, str):
            continue
        if us and mentioned.get("id") == us:
            text = text.replace(shown, "", 1) if shown else text
    if activity.format == "xml":
        return to_text(text)
    plain = _AT.sub("", text)
    return plain.strip() if plain != (activity.text or "") else plain


def _files(activity: Activity) -> tuple[sdk.Attachment, ...]:
    found = []
    for number, file in enumerate(activity.files or ()):
        media = file.media_type or ""
        if media == "text/html" and not file.url:
            continue  # the same text once more, as Teams shows it
        found.append(_file(file, media, f"{activity.conversation.id}/{activity.id or ''}/{number}"))
    return tuple(found)


def _file(file: File, media: str, name: str) -> sdk.Attachment:
    inner = file.content if isinstance(file.content, dict) else {}
    link = inner.get("downloadUrl") if media == FILE else file.url
    known = "" if media == FILE or media.endswith("/*") else media
    return sdk.Attachment(
        kind=_KINDS.get(media.partition("/")[0], "file"),
        external_id=name,
        url=link if isinstance(link, str) and link else None,
        media_type=known or None,
        name=file.name,
    )


def _extra(activity: Activity, told: Mapping[str, Any]) -> dict[str, Any]:
    """What people may see beside the text, and everything of kinds and fields that are not known here."""
    known = {*Activity.model_fields, *(field.alias for field in Activity.model_fields.values())}
    extra: dict[str, Any] = {name: value for name, value in told.items() if name not in known}
    for name in ("name", "value", "action"):
        if told.get(name) is not None:
            extra[name] = told[name]
    data = activity.channel_data or {}
    for name in ("eventType", "team", "channel"):
        if data.get(name) is not None:
            extra[name] = data[name]
    cards = [file.model_dump(by_alias=True, exclude_none=True) for file in activity.files or () if _is_card(file)]
    if cards:
        extra["cards"] = cards
    if activity.conversation.kind:
        extra["conversation_type"] = activity.conversation.kind
    if activity.sender and activity.sender.directory_id:
        extra["directory_id"] = activity.sender.directory_id
    return extra


def _is_card(file: File) -> bool:
    return (file.media_type or "").startswith("application/vnd.microsoft.card") or file.media_type == "text/html"
