"""What a message says: its text, its files, and what else people may see of it.

Source: the references of the webhook ``messages`` (read 2026-11-23). A kind that is not known is kept whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from chorally_meta.shapes import inside, text

import chorally_sdk as sdk

Kind = Literal["image", "video", "audio", "file"]

FILES: Mapping[str, Kind] = {
    "image": "image",
    "sticker": "image",
    "video": "video",
    "audio": "audio",
    "voice": "audio",
    "document": "file",
}
"""Types of messages that are a file."""
_BESIDE = ("context", "referral", "identity", "errors", "history_context")
"""What may stand beside the content, and is shown."""


@dataclass(frozen=True)
class Content:
    """What was said."""

    kind: str
    body: str = ""
    files: tuple[sdk.Attachment, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


def content_of(message: Mapping[str, Any]) -> Content:
    """Return what a message says, by the name of its type."""
    kind = text(message.get("type")) or "unknown"
    value = message.get(kind)
    beside = {name: message[name] for name in _BESIDE if message.get(name)}
    said = _of(kind, value)
    return Content(said.kind, said.body, said.files, {**said.extra, **_shown(beside)})


def _of(kind: str, value: Any) -> Content:
    if kind in FILES:
        return _file(kind, value)
    match kind:
        case "text":
            return Content("text", text(inside(value, "body")) or "")
        case "button":
            chosen = {"id": inside(value, "payload"), "title": inside(value, "text")}
            return Content("button", text(chosen["title"]) or "", extra={"chosen": chosen})
        case "interactive":
            return _interactive(value)
        case "location":
            named = (text(inside(value, name)) for name in ("name", "address"))
            return Content("location", "\n".join(filter(None, named)), extra={"location": value})
        case "contacts":
            people = value if isinstance(value, list) else []
            names = [text(inside(each, "name", "formatted_name")) for each in people]
            return Content("contacts", "\n".join(filter(None, names)), extra={"contacts": value})
        case "order":
            return Content("order", text(inside(value, "text")) or "", extra={"order": value})
        case "reaction":
            return Content("reaction", text(inside(value, "emoji")) or "")
        case "system":
            return Content("system", text(inside(value, "body")) or "", extra={"system": value})
        case _:
            told = text(inside(value, "body")) or text(inside(value, "text")) or ""
            return Content(kind, told, extra={kind: value} if value is not None else {})


def _file(kind: str, value: Any) -> Content:
    file = sdk.Attachment(
        kind=FILES[kind],
        external_id=text(inside(value, "id")),
        media_type=text(inside(value, "mime_type")),
        name=text(inside(value, "filename")),
    )
    is_voice = kind == "audio" and inside(value, "voice") is True
    extra = {name: value[name] for name in ("animated",) if inside(value, name) is not None}
    files = (file,) if file.external_id else ()  # history names none: its files come by hooks of their own
    shown = "voice" if is_voice else "file" if kind == "document" else kind
    return Content(shown, text(inside(value, "caption")) or "", files, extra)


def _interactive(value: Any) -> Content:
    """What was chosen: a button, a row of a list, or the answers to a flow."""
    kind = text(inside(value, "type")) or ""
    chosen = inside(value, kind) if kind else None
    if not isinstance(chosen, dict):
        return Content("interactive", extra={"interactive": value})
    body = text(chosen.get("title")) or text(chosen.get("body")) or text(chosen.get("response")) or ""
    return Content("interactive", body, extra={"chosen": {"type": kind, **chosen}})


def _shown(beside: dict[str, Any]) -> dict[str, Any]:
    """What stands beside the content; of the context, what is not already said by ``parent_id``."""
    context = beside.pop("context", None)
    if isinstance(context, dict):
        rest = {name: value for name, value in context.items() if name not in {"id", "from"} and value}
        beside = {**beside, **rest}
    return beside
