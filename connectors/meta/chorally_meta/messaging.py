"""Conversations as Messenger and Instagram tell of them: ``entry[].messaging[]`` of a webhook in our words.

Sources: "messages", "message_echoes", "message_reactions", "message_reads", "message_deliveries",
"messaging_postbacks", "standby", "messaging_handovers" Webhook Event Reference; "Instagram Platform webhooks" (read
2026-11-23). A connector's part of ``parse``::

    CHAT = Messaging(channel="facebook_message", stream="messages")

    for entry in hooks.entries(hook, "page"):
        found += CHAT.events(entry, hook.body)

The conversation is the person: its id is the person's id within the page (PSID) or account (IGSID), which is what an
answer is sent to. Nothing is dropped: what has no words of its own becomes a ``Ping`` of the stream.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import chorally_sdk as sdk
from chorally_meta.hooks import Entry
from chorally_meta.shapes import Id, Instant, Reference, Shape, inside, read_value, text

_KINDS: Mapping[str, Literal["image", "video", "audio", "file"]] = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "file": "file",
    "reel": "video",
    "ig_reel": "video",
    "story_mention": "file",
    "ig_story": "file",
    "ig_post": "file",
    "share": "file",
}
"""Attachments that are files; a story or a post may be an image or a video, which is not told."""
_REF = re.compile(r"[0-9a-f]{32}")


class Said(Shape):
    """The part ``message`` of an event."""

    mid: Id
    text: str | None = None
    attachments: Sequence[Any] = ()
    is_echo: bool = False
    is_deleted: bool = False
    is_unsupported: bool = False
    metadata: str | None = None
    app_id: Any = None
    reply_to: Any = None
    quick_reply: Any = None


class ChatEvent(Shape):
    """One event of a conversation; exactly one of its parts is there, and others are read as they are."""

    sender: Reference
    recipient: Reference | None = None
    timestamp: Instant
    message: Said | None = None


class Edited(Shape):
    """The part ``message_edit``."""

    mid: Id
    text: str | None = None


@dataclass(frozen=True)
class Messaging:
    """Translates the events of one platform's conversations."""

    channel: str
    stream: str
    """The stream that polls the conversations."""
    names_authors: bool = True
    """Whether to ask, by a ``Ping`` of the message, for the name that a webhook never tells; needs ``Fetches``.

    Only where what is read then has all that the webhook told: no button, no story, no place.
    """

    def events(self, entry: Entry, raw: bytes) -> list[sdk.Event]:
        """Return what the conversations of an entry tell, those that another app holds among them.

        Args:
            entry: Of a page or an account.
            raw: The whole body, kept with an error.

        Raises:
            Malformed: An event is not in the documented shape.
        """
        found: list[sdk.Event] = []
        for event in entry.messaging:
            found += self._events(entry, event, raw)
        for event in entry.standby:
            found += [_standing_by(each) for each in self._events(entry, event, raw)]
        return found

    def _events(self, entry: Entry, event: Any, raw: bytes) -> Iterator[sdk.Event]:
        account = entry.id
        if not isinstance(event, dict):
            raise sdk.Malformed("webhook, messaging: an event is an object", raw)
        event = {name: value for name, value in event.items() if value is not None}
        if not event.keys() & _PARTS:
            yield sdk.Ping(stream=self.stream, account=account)
            return
        read = read_value(ChatEvent, {"timestamp": entry.time, **event}, "webhook, messaging", raw)
        is_ours = read.sender.id == account or (read.message is not None and read.message.is_echo)
        person = read.recipient.id if read.recipient and is_ours else read.sender.id
        if read.message is not None:
            yield from self._said(account, person, read, read.message)
        elif "message_edit" in event:
            edited = read_value(Edited, event["message_edit"], "webhook, message_edit", raw)
            yield self._message(account, person, read, edited.mid, body=edited.text or "", edited_at=read.timestamp)
        elif "postback" in event:
            yield self._pressed(account, person, read, event["postback"])
        elif "reaction" in event:
            yield self._reacted(account, person, read, event["reaction"])
        else:
            marks: list[sdk.Event] = list(self._marks(account, person, read, event, raw))
            yield from marks or [sdk.Ping(stream=self.stream, account=account)]

    def _said(self, account: str, person: str, event: ChatEvent, said: Said) -> Iterator[sdk.Event]:
        if said.is_deleted:
            yield sdk.Mark(
                state="deleted", at=event.timestamp, account=account, external_id=said.mid, conversation_id=person,
                channel=self.channel,
            )  # fmt: skip
            return
        files, extra = attached(said.mid, said.attachments)
        if said.quick_reply is not None:
            extra["quick_reply"] = inside(said.quick_reply, "payload")
        if story := inside(said.reply_to, "story"):
            extra["story"] = story
        if said.is_echo and said.app_id is not None:
            extra["app_id"] = str(said.app_id)
        ref = said.metadata if said.is_echo and said.metadata and _REF.fullmatch(said.metadata) else None
        yield self._message(
            account, person, event, said.mid,
            body=said.text or "", kind="unsupported" if said.is_unsupported else _kind(said, files, extra),
            parent_id=text(inside(said.reply_to, "mid")), attachments=files, client_ref=ref, extra=extra,
            ours=said.is_echo,
        )  # fmt: skip
        if self.names_authors and not extra and not said.is_echo and event.sender.id != account:
            yield sdk.Ping(stream=self.stream, account=account, external_id=said.mid)

    def _pressed(self, account: str, person: str, event: ChatEvent, postback: Any) -> sdk.Message:
        moment = int(event.timestamp.timestamp() * 1000)
        mid = text(inside(postback, "mid")) or f"{person}/postback/{moment}"
        extra = {name: value for name in ("payload", "referral") if (value := inside(postback, name)) is not None}
        title = text(inside(postback, "title")) or ""
        return self._message(account, person, event, mid, body=title, kind="postback", extra=extra)

    def _reacted(self, account: str, person: str, event: ChatEvent, reaction: Any) -> sdk.Event:
        """A reaction is a message of its own, so that another one replaces it and taking it back deletes it."""
        target = text(inside(reaction, "mid"))
        if target is None:
            return sdk.Ping(stream=self.stream, account=account)
        external_id = f"{target}/reaction/{event.sender.id}"
        if inside(reaction, "action") == "unreact":
            return sdk.Mark(
                state="deleted", at=event.timestamp, account=account, external_id=external_id, conversation_id=person,
                channel=self.channel,
            )  # fmt: skip
        said = text(inside(reaction, "emoji")) or text(inside(reaction, "reaction")) or ""
        extra = {"reaction": inside(reaction, "reaction")}
        return self._message(
            account, person, event, external_id, body=said, kind="reaction", parent_id=target, extra=extra
        )

    def _marks(
        self, account: str, person: str, event: ChatEvent, parts: Mapping[str, Any], raw: bytes
    ) -> Iterator[sdk.Mark]:
        states: tuple[tuple[str, Literal["delivered", "read"]], ...] = (("delivery", "delivered"), ("read", "read"))
        for part, state in states:
            if part not in parts:
                continue
            at, mid = inside(parts[part], "watermark"), text(inside(parts[part], "mid"))
            common: dict[str, Any] = {"account": account, "conversation_id": person, "channel": self.channel}
            if mid is not None:
                yield sdk.Mark(state=state, at=event.timestamp, external_id=mid, **common)
            elif isinstance(at, int | float | str) and not isinstance(at, bool):
                moment = read_value(_Watermark, {"watermark": at}, f"webhook, {part}", raw).watermark
                yield sdk.Mark(state=state, at=moment, **common)
            else:
                mids = inside(parts[part], "mids")
                for each in filter(None, map(text, mids if isinstance(mids, list) else ())):
                    yield sdk.Mark(state=state, at=event.timestamp, external_id=each, **common)

    def _message(
        self, account: str, person: str, event: ChatEvent, external_id: str, *, body: str, kind: str = "text",
        ours: bool = False, **more: Any,
    ) -> sdk.Message:  # fmt: skip
        return sdk.Message(
            external_id=external_id,
            channel=self.channel,
            account=account,
            conversation_id=person,
            author=sdk.Author(external_id=event.sender.id),
            sent_at=event.timestamp,
            body=body,
            kind=kind,
            ours=ours or event.sender.id == account,
            **more,
        )


class _Watermark(Shape):
    watermark: Instant


_PARTS = frozenset({"message", "message_edit", "postback", "reaction", "delivery", "read"})
"""Parts that we have words for; referrals, opt-ins, handovers and what will come are pings."""


def attached(mid: str, attachments: Sequence[Any]) -> tuple[tuple[sdk.Attachment, ...], dict[str, Any]]:
    """Return the files of a message, and what else hangs on it: places, links, templates and what is not known.

    A file's ``external_id`` is ``<mid>/<its place>``, since links expire and the message is asked again.
    """
    files: list[sdk.Attachment] = []
    extra: dict[str, Any] = {}
    for place, attachment in enumerate(attachments):
        name, url = text(inside(attachment, "type")) or "", text(inside(attachment, "payload", "url"))
        if name in _KINDS:
            files.append(sdk.Attachment(kind=_KINDS[name], external_id=f"{mid}/{place}", url=url))
        elif name == "location":
            extra["location"] = inside(attachment, "payload", "coordinates")
        else:
            extra.setdefault("attachments", []).append(attachment)
    return tuple(files), extra


def _kind(said: Said, files: Sequence[sdk.Attachment], extra: Mapping[str, Any]) -> str:
    if said.text:
        return "text"
    if "location" in extra:
        return "location"
    return files[0].kind if files else "text"


def _standing_by(event: sdk.Event) -> sdk.Event:
    """Mark what is said to another app, which is to answer it."""
    if isinstance(event, sdk.Message):
        return event.model_copy(update={"extra": {**event.extra, "standby": True}})
    return event
