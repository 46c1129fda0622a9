"""What goes out: one message to one person or group, in the words of the Cloud API.

Sources: "Messages" of the Cloud API, the official OpenAPI description v23.0, "Business-scoped user IDs" (read
2026-11-23).
"""

import re
from collections.abc import Mapping
from typing import Any

import httpx
from chorally_meta.shapes import inside, read, text

import chorally_sdk as sdk
from chorally_whatsapp import files, templates
from chorally_whatsapp.config import AccountSettings
from chorally_whatsapp.interactive import interactive, is_interactive
from chorally_whatsapp.shapes import KnownTemplate, Sent

MAX_CONTACTS = 5
_OF_BUSINESS = re.compile(r"[A-Z]{2}\.[A-Za-z0-9.]+")
"""The id of a person within a business, in place of a phone number they hide."""
_PHONE = re.compile(r"\+?[\d\s().-]+")
"""A phone number, as people write it; what is neither is a group."""
_INSTEAD = ("reaction", "location", "contacts")


def composed(message: sdk.OutboundMessage, settings: AccountSettings) -> dict[str, Any]:
    """Return the body of the one visible call.

    Raises:
        Rejected: It is not said to whom, or WhatsApp would not take it.
    """
    kind, content = _content(message, settings)
    target = message.in_reply_to
    quotes = target is not None and "/" not in target and kind != "reaction"  # ids with a slash are of our making
    return {
        "messaging_product": "whatsapp",
        **recipient(message),
        **({"context": {"message_id": target}} if quotes else {}),
        **({"biz_opaque_callback_data": message.client_ref} if settings.references else {}),
        "type": kind,
        kind: content,
    }


def recipient(message: sdk.OutboundMessage) -> dict[str, str]:
    """Return to whom a message goes: a phone number, an id within the business, or a group.

    Raises:
        Rejected: It is not said.
    """
    route = text(inside(dict(message.route), "to"))
    to = message.conversation_id or message.to or route
    if not to:
        raise sdk.Rejected("a message goes to a person; say in which conversation, or to whom")
    if _OF_BUSINESS.fullmatch(to):
        return {"recipient_type": "individual", "recipient": to}
    return {"recipient_type": "individual" if _PHONE.fullmatch(to) else "group", "to": to}


def addressed(to: str) -> str:
    """Return a phone number as WhatsApp writes it, in digits only; an id within the business as it is.

    Raises:
        Rejected: It is neither.
    """
    to = to.strip()
    if _OF_BUSINESS.fullmatch(to):
        return to
    digits = "".join(each for each in to if each.isdigit() and each.isascii())
    if not _PHONE.fullmatch(to) or not 5 <= len(digits) <= 20:
        raise sdk.Rejected("the address is no phone number; write it with its country, such as +39 06 1234567")
    return digits


def _content(message: sdk.OutboundMessage, settings: AccountSettings) -> tuple[str, Any]:
    options = message.options
    if message.template is not None:
        return "template", _template(message, message.template)
    instead = next((name for name in _INSTEAD if name in options), "")
    if instead and message.attachments:
        raise sdk.Rejected(f"a message has a file or a {instead}, not both; send two")
    if instead == "reaction":
        return instead, _reaction(message)
    if instead == "location":
        return instead, _location(options["location"], message.body)
    if instead == "contacts":
        return instead, _contacts(options["contacts"])
    if is_interactive(options):
        return "interactive", interactive(message.body, options, _header(message))
    if message.attachments:
        return _file(message)
    if not message.body.strip():
        raise sdk.Rejected("the text is empty")
    return "text", {"body": message.body, "preview_url": settings.previews}


def _file(message: sdk.OutboundMessage) -> tuple[str, dict[str, Any]]:
    files.judge(message)
    file, kind = message.attachments[0], files.kind_of(message.attachments[0], message.options)
    voice = message.options.get("voice") is True
    file_id = _uploaded(message.prepared)
    return kind, files.media(file, file_id, kind, caption=message.body, voice=voice)


def _header(message: sdk.OutboundMessage) -> dict[str, Any] | None:
    """A file in the place of a title."""
    if not message.attachments:
        return None
    file, kind = message.attachments[0], files.kind_of(message.attachments[0], message.options)
    if kind in {"audio", "sticker"}:
        raise sdk.Rejected("a recording or a sticker cannot stand above a text; send it before")
    return {"type": kind, kind: files.media(file, _uploaded(message.prepared), kind)}


def _template(message: sdk.OutboundMessage, template: sdk.Template) -> dict[str, Any]:
    """A template with its components: those given, or those made of its values as ``prepare`` found it."""
    known = message.prepared.get("template")
    given = message.options.get("components")
    if given is not None:
        parts = list(given)
    elif known is not None:
        parts = templates.components(KnownTemplate.model_validate(known), template.values, _header(message))
    else:
        raise sdk.Rejected("the template is not prepared; send it by the host")
    language = template.language or str(inside(known, "language") or "")
    return {
        "name": template.name,
        "language": {"policy": "deterministic", "code": language},
        **({"components": parts} if parts else {}),
    }


def _reaction(message: sdk.OutboundMessage) -> dict[str, str]:
    asked = message.options["reaction"]
    emoji = message.body.strip() if asked is True else asked
    if not isinstance(emoji, str) or not message.in_reply_to:
        raise sdk.Rejected("a reaction is an emoji on a message; say which message is answered")
    return reaction(message.in_reply_to, emoji)


def reaction(target: str, emoji: str) -> dict[str, str]:
    """Return a reaction to a message; an empty one takes it back."""
    return {"message_id": target, "emoji": emoji}


def _location(told: object, name: str) -> dict[str, Any]:
    """A place; latitude and longitude are written as text, as the official description has them."""
    place = told if isinstance(told, Mapping) else {}
    try:
        latitude, longitude = float(place["latitude"]), float(place["longitude"])
    except (KeyError, TypeError, ValueError):
        raise sdk.Rejected("a place has a latitude and a longitude, in degrees") from None
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise sdk.Rejected("a latitude is between -90 and 90 degrees, a longitude between -180 and 180")
    named = {"name": name} if name.strip() else {}
    address = {"address": str(place["address"])} if place.get("address") else {}
    return {"latitude": str(latitude), "longitude": str(longitude), **named, **address}


def _contacts(told: object) -> list[Any]:
    people = list(told) if isinstance(told, list | tuple) else []
    if not 0 < len(people) <= MAX_CONTACTS:
        raise sdk.Rejected(f"a message has 1 to {MAX_CONTACTS} contacts")
    for person in people:
        if not text(inside(person, "name", "formatted_name")):
            raise sdk.Rejected("each contact has a name with a formatted_name")
    return people


def _uploaded(prepared: Mapping[str, Any]) -> str:
    return str(prepared.get("file") or "")


def sent(answer: httpx.Response, message: sdk.OutboundMessage) -> sdk.Receipt:
    """Return the receipt of a message that WhatsApp took; that it was sent is told by webhook.

    Raises:
        OutcomeUnknown: The answer does not say whether it was taken.
    """
    try:
        made = read(Sent, answer.content, "the answer to a message")
    except sdk.Malformed as error:
        raise sdk.OutcomeUnknown(f"whether the message was taken is not known: {error}") from error
    contact = made.contacts[0] if made.contacts else None
    person = text(inside(contact, "wa_id")) or text(inside(contact, "user_id"))
    conversation = message.conversation_id or person
    return sdk.Receipt(external_id=made.messages[0].id, state="accepted", conversation_id=conversation)
