"""What we say, as contents of events, and what is refused before it is sent."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import chorally_sdk as sdk
from chorally_matrix import ids
from chorally_matrix.content import REF

MAX_EVENT = 65_536
"""Bytes of a whole event, as canonical JSON in UTF-8 (Matrix 1.16, "Size limits")."""

ENVELOPE = 4_096
"""Bytes left for what servers add to an event: its ids, parents, hashes and signatures. An estimate: a room's server
may need more; what is refused then is told by M_TOO_LARGE, and not sent."""

MAX_TEXT = 60_000
"""Bytes of a text: of an event, less the envelope, less what an answer names besides its text."""

OPTIONS = {
    "html": "The same text as HTML (org.matrix.custom.html), for clients that show it.",
    "notice": "True: sent as m.notice, which other bots never answer.",
    "mentions": "User ids that are told, besides whom the answer is to.",
}

_KINDS = {"image": "m.image", "video": "m.video", "audio": "m.audio", "file": "m.file"}
_TEXTS = frozenset({"m.text", "m.notice", "m.emote"})


def content_of(message: sdk.OutboundMessage) -> dict[str, Any]:
    """Return the content of the event that a message becomes: one text, or one file with its caption.

    Raises:
        Rejected: It cannot be said so.
    """
    if message.route.get("encrypted"):
        raise sdk.Rejected(
            "the room is encrypted from end to end, and an answer would stand there readable; use a Matrix client",
            reason=sdk.Reason.PERMISSION,
        )
    content = _file(message) if message.attachments else _text(message.body, message.options)
    users = [*([message.to] if message.to else []), *_mentions(message.options)]
    content["m.mentions"] = {"user_ids": list(dict.fromkeys(users))} if users else {}
    if relation := _relation(message):
        content["m.relates_to"] = relation
    content[REF] = message.client_ref
    return within(content)


def edited(body: str, route: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of an edit (``m.replace``).

    Raises:
        Rejected: It is too long, or the message is a file, whose caption cannot be changed without the file.
    """
    if str(route.get("kind", "m.text")) not in _TEXTS:
        raise sdk.Rejected("only texts can be edited; delete the message and send another")
    return within(
        {
            "msgtype": "m.text",
            "body": f"* {body}",
            "m.new_content": {"msgtype": "m.text", "body": body, "m.mentions": {}},
            "m.mentions": {},
        }
    )


def within(content: dict[str, Any]) -> dict[str, Any]:
    """Return a content that an event can hold.

    Raises:
        Rejected: It is too long.
    """
    size = len(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))
    if size > MAX_EVENT - ENVELOPE:
        raise sdk.Rejected(
            f"the message has {size} bytes as an event, at most {MAX_EVENT - ENVELOPE} are possible; shorten it"
        )
    return content


def transaction(*parts: str) -> str:
    """Return a transaction id made of what is asked: the same for the same."""
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _text(body: str, options: Mapping[str, Any]) -> dict[str, Any]:
    if not body:
        raise sdk.Rejected("a message needs a text or a file")
    written = options.get("html")
    content: dict[str, Any] = {"msgtype": "m.notice" if options.get("notice") is True else "m.text", "body": body}
    if isinstance(written, str) and written:
        content |= {"format": "org.matrix.custom.html", "formatted_body": written}
    return content


def _file(message: sdk.OutboundMessage) -> dict[str, Any]:
    if len(message.attachments) > 1:
        raise sdk.Rejected("a message holds one file; send several messages")
    file = message.attachments[0]
    uri = message.prepared.get("mxc")
    if not isinstance(uri, str):
        raise sdk.Rejected("the file was not uploaded; prepare the message first")
    name = file.name or f"{file.kind}"
    info = {"mimetype": file.media_type, "size": message.prepared.get("size_bytes") or file.size_bytes}
    return {
        "msgtype": _KINDS[file.kind],
        "body": message.body or name,
        "filename": name,
        "url": uri,
        "info": {key: value for key, value in info.items() if value is not None},
    }


def _mentions(options: Mapping[str, Any]) -> list[str]:
    told = options.get("mentions")
    return [each for each in told if isinstance(each, str)] if isinstance(told, list | tuple) else []


def _relation(message: sdk.OutboundMessage) -> dict[str, Any]:
    if not message.in_reply_to:
        return {}
    _, event = ids.room_and_event(message.in_reply_to)
    answer = {"m.in_reply_to": {"event_id": event}}
    thread = message.route.get("thread")
    if isinstance(thread, str) and thread:
        return {"rel_type": "m.thread", "event_id": thread, "is_falling_back": False, **answer}
    return answer


def room_of(message: sdk.OutboundMessage) -> str:
    """Return the room that a message goes to.

    Raises:
        Rejected: It names none.
    """
    if message.conversation_id:
        return message.conversation_id
    if message.in_reply_to:
        return ids.room_and_event(message.in_reply_to)[0]
    raise sdk.Rejected("a message goes to a room; say which conversation, or which message it answers")
