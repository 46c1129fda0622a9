"""From WhatsApp's words to ours: messages, echoes, edits, reactions, and what became of what we sent."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from chorally_meta.shapes import inside, read_value, text

import chorally_sdk as sdk
from chorally_whatsapp.content import content_of
from chorally_whatsapp.limits import MESSAGE
from chorally_whatsapp.shapes import Incoming, Status

STATES: Mapping[str, Literal["sent", "delivered", "read", "failed", "deleted"]] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "read",
    "played": "read",  # a voice message
    "failed": "failed",
    "deleted": "deleted",
}
MOVED = frozenset({"user_changed_number", "customer_changed_number", "user_changed_user_id"})
"""Kinds of system messages by which a person has another number or id."""
_NUMBER = re.compile(r"[1-9]\d{6,14}")
_REFERENCE = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Talk:
    """Translates what a change tells of one phone number."""

    account: str
    """The phone number's id."""
    raw: bytes
    """The whole body, kept with an error."""
    people: Mapping[str, Any] = field(default_factory=dict)
    """Contacts by phone number, and by id within the business."""
    is_history: bool = False
    """Whether it is told of the time before the number was connected."""

    @classmethod
    def of(cls, account: str, raw: bytes, contacts: object, *, is_history: bool = False) -> "Talk":
        """Return a translator that knows the contacts of a change by name."""
        listed = contacts if isinstance(contacts, list) else []
        people = {key: each for each in listed for key in (inside(each, "wa_id"), inside(each, "user_id")) if text(key)}
        return cls(account, raw, people, is_history)

    def said(self, value: object, *, ours: bool = False, person: str = "") -> Iterator[sdk.Event]:
        """Yield what one message tells.

        Args:
            value: The message.
            ours: Whether it was written in the WhatsApp Business app.
            person: Whose conversation it is, where the message does not say.

        Raises:
            Malformed: It is not in the documented shape.
        """
        message = read_value(Incoming, value, "webhook, a message", self.raw)
        told: Mapping[str, Any] = value if isinstance(value, dict) else {}
        theirs = (message.to or message.to_user_id) if ours else (message.sender or message.from_user_id)
        place = message.group_id or person or theirs
        if message.type == "system" and text(inside(told, "system", "type")) in MOVED:
            yield self._moved(message, told["system"])
            return
        if not place:
            yield sdk.Ping(stream="messages", account=self.account, external_id=message.id)
            return
        writer = person if person and not ours else theirs
        match message.type:
            case "revoke" if target := text(inside(told, "revoke", "original_message_id")):
                yield self._mark("deleted", message, target, place)
            case "edit" if target := text(inside(told, "edit", "original_message_id")):
                yield self._edited(message, told["edit"], target, place, writer, ours=ours)
            case "reaction" if target := text(inside(told, "reaction", "message_id")):
                yield self._reacted(message, told, target, place, writer, ours=ours)
            case _:
                yield self._message(message, told, message.id, place, writer, ours=ours)

    def status(self, value: object) -> sdk.Event:
        """Return what became of a message of ours; a state that is not known asks for a look.

        Raises:
            Malformed: It is not in the documented shape.
        """
        status = read_value(Status, value, "webhook, a status", self.raw)
        state = STATES.get(status.status)
        if state is None:
            return sdk.Ping(stream="statuses", account=self.account, external_id=status.id)
        ref = status.biz_opaque_callback_data
        return sdk.Mark(
            state=state,
            at=status.timestamp,
            account=self.account,
            external_id=status.id,
            client_ref=ref if ref and _REFERENCE.fullmatch(ref) else None,
            conversation_id=status.group_id or status.recipient_id or status.recipient_user_id or None,
            channel=MESSAGE,
            reason=reason_of(status.errors),
        )

    def _moved(self, message: Incoming, system: Mapping[str, Any]) -> sdk.Event:
        """A person's other number, or their other id within the business."""
        is_number = text(system.get("wa_id")) or text(system.get("new_wa_id"))
        old = message.sender if is_number and message.sender else message.from_user_id or message.sender
        old = old or text(system.get("previous_user_id")) or text(system.get("customer")) or ""
        new = is_number or text(system.get("user_id"))
        return sdk.Notice(kind="moved", account=self.account, external_id=old or None, new_id=new)

    def _mark(self, state: Literal["deleted"], message: Incoming, target: str, place: str) -> sdk.Mark:
        return sdk.Mark(
            state=state, at=message.timestamp, account=self.account, external_id=target, conversation_id=place,
            channel=MESSAGE,
        )  # fmt: skip

    def _edited(
        self, message: Incoming, edit: Mapping[str, Any], target: str, place: str, writer: str, *, ours: bool
    ) -> sdk.Message:
        """The message as it is now; when it was first sent is not told."""
        now = inside(edit, "message")
        content = now if isinstance(now, dict) else {}
        made = self._message(message, content, target, place, writer, ours=ours)
        return made.model_copy(update={"edited_at": message.timestamp})

    def _reacted(
        self, message: Incoming, told: Mapping[str, Any], target: str, place: str, writer: str, *, ours: bool
    ) -> sdk.Event:
        """A reaction is a message of its own: another one replaces it, and taking it back deletes it."""
        external_id = f"{target}/reaction/{writer if not ours else 'ours'}"
        if not text(inside(told, "reaction", "emoji")):
            return self._mark("deleted", message, external_id, place)
        made = self._message(message, told, external_id, place, writer, ours=ours)
        extra = {**made.extra, "message_id": message.id}
        return made.model_copy(update={"parent_id": target, "extra": extra})

    def _message(
        self, message: Incoming, told: Mapping[str, Any], external_id: str, place: str, writer: str, *, ours: bool
    ) -> sdk.Message:
        content = content_of(told)
        extra = {**content.extra, **({"history": True} if self.is_history else {})}
        return sdk.Message(
            external_id=external_id,
            channel=MESSAGE,
            account=self.account,
            conversation_id=place,
            parent_id=text(inside(told, "context", "id")),
            author=self._ourselves() if ours else self._author(message, writer),
            sent_at=message.timestamp,
            kind=content.kind,
            body=content.body,
            attachments=content.files,
            ours=ours,
            automatic=self.is_history or content.kind == "system",
            route={"to": place},
            extra=extra,
        )

    def _ourselves(self) -> sdk.Author:
        return sdk.Author(external_id=self.account)

    def _author(self, message: Incoming, writer: str) -> sdk.Author:
        contact = self.people.get(message.sender) or self.people.get(message.from_user_id) or self.people.get(writer)
        profile = inside(contact, "profile")
        return sdk.Author(
            external_id=writer,
            name=text(inside(profile, "name")) or "",
            handle=text(inside(profile, "username")) or "",
            country=text(inside(profile, "country_code")) or "",
            phone=f"+{writer}" if _NUMBER.fullmatch(writer) and writer == message.sender else "",
        )


def reason_of(errors: Sequence[Any]) -> str:
    """Return why a message failed, in WhatsApp's words, for people."""
    found = []
    for error in errors:
        words = [text(inside(error, "title")), text(inside(error, "error_data", "details"))]
        words = words if any(words) else [text(inside(error, "message"))]
        told = ": ".join(dict.fromkeys(filter(None, words)))
        found.append(f"{told or 'no message'} (code {inside(error, 'code')})")
    return "; ".join(found)
