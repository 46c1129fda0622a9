"""What a conversation on WhatsApp allows.

Sources: "Text messages", "Media", "Messages" of the Cloud API; the official OpenAPI v23.0 (read 2026-11-23).
"""

from datetime import timedelta

import chorally_sdk as sdk

MESSAGE = "whatsapp_message"
"""The channel of conversations."""
MAX_TEXT = 4096
"""Characters of a text."""
MAX_CAPTION = 1024
"""Characters of a text beside a file, or above buttons."""
WINDOW = timedelta(hours=24)
"""How long after a person's last message they may be answered without a template."""
MIB = 1024 * 1024
DOCUMENTS = (
    *("text/plain", "application/pdf", "application/msword", "application/vnd.ms-excel"),
    *("application/vnd.ms-powerpoint", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
)
MEDIA = {
    **dict.fromkeys(("image/jpeg", "image/png"), 5 * MIB),
    "image/webp": 500 * 1024,  # a sticker; one that does not move may have 100 KiB
    **dict.fromkeys(("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"), 16 * MIB),
    **dict.fromkeys(("video/3gpp", "video/mp4"), 16 * MIB),
    **dict.fromkeys(DOCUMENTS, 100 * MIB),
    "*/*": 100 * MIB,  # as a document
}
"""Largest size in bytes by media type ("Supported media types")."""

OPTIONS = {
    "buttons": "Up to 3 texts, or {id, title}, that are shown as buttons below the text.",
    "list": "{button, sections: [{title, rows: [{id, title, description}]}]}: up to 10 rows behind one button.",
    "url": "{text, url}: a button that opens a page.",
    "header": "A title above buttons, a list or a link, up to 60 characters; a file beside them stands there instead.",
    "footer": "Small print below buttons, a list or a link, up to 60 characters.",
    "interactive": "Any other interactive object as the Cloud API takes it (flows, products, catalogues); the text is "
    "its body.",
    "location": "{latitude, longitude, address}: a place; the text is its name.",
    "contacts": "Up to 5 contacts as the Cloud API takes them; the text is for our own records, and is not sent.",
    "reaction": "True puts the text, one emoji, on the message that is answered; an empty emoji here takes it back, "
    "whatever the text.",
    "voice": "True sends a recording (audio/ogg, Opus) as a voice message.",
    "document": "True sends a file as it is, as a document, and not as an image, video, recording or sticker.",
    "components": "Components of a template as the Cloud API takes them, in place of those made of its values.",
}

_MESSAGE = sdk.Limits(
    max_text=MAX_TEXT, media=MEDIA, max_media=1, parts=10, window=WINDOW, dedupe="none", options=OPTIONS
)

CHANNELS = (
    sdk.Channel(
        name=MESSAGE,
        id_scope="platform",  # a phone number; the ids of people who hide theirs are one business's, and unique too
        actions={"reply": _MESSAGE, "send": _MESSAGE, "read": sdk.Limits(), "like": sdk.Limits()},
    ),
)
BUDGETS = (
    sdk.Budget(limit=80, per=timedelta(seconds=1), match="POST /*/messages"),  # "Throughput"; more after an upgrade
    # "Rate Limits", management: of accounts with a registered number; each template that is sent is read before
    sdk.Budget(limit=5000, per=timedelta(hours=1), match="GET /*/message_templates"),
)
