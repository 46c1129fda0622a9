"""What the three channels of a page allow."""

from datetime import timedelta

import chorally_sdk as sdk
from chorally_facebook.names import COMMENT, MESSAGE, POST

MIB = 1024 * 1024
MAX_COMMENT = 8000
"""Characters of a comment. Unverified: widely reported, but in none of Meta's pages; Facebook has the last word."""
MAX_MESSAGE = 2000
"""Characters of a message ("Send API Reference", read 2026-11-23)."""
MAX_POST = 63206
"""Characters of a post. Third-party; Facebook has the last word."""
MAX_PHOTOS = 10
"""Photos of a post. Unverified."""
SETTLES = timedelta(seconds=5)
"""How long after an attempt a comment may be missing from listings. Unverified: Meta states nothing."""
SLOWLY = timedelta(seconds=15)
"""The same of messages and posts. Unverified."""
_FILES = dict.fromkeys(("image/*", "video/*", "audio/*", "*/*"), 25 * MIB)
"""Files of messages ("Send API Reference", read 2026-11-23)."""

_ONLY_DO = sdk.Limits()
_COMMENT = sdk.Limits(max_text=MAX_COMMENT, dedupe="lookup", settles=SETTLES)
_PRIVATELY = {"private": "True answers in Messenger, once for each comment, within seven days of it."}
_MESSAGE = sdk.Limits(
    max_text=MAX_MESSAGE,
    media=_FILES,
    max_media=1,
    captions=False,
    parts=10,
    window=timedelta(hours=24),
    agent_window=timedelta(days=7),
    dedupe="lookup",
    settles=SLOWLY,
    options={"quick_replies": "Up to 13 short texts that are shown as buttons below the message."},
)

CHANNELS = (
    sdk.Channel(
        name=COMMENT,
        id_scope="account",  # a person has another id on every page
        actions={
            "reply": _COMMENT.model_copy(update={"options": _PRIVATELY}),
            "edit": sdk.Limits(max_text=MAX_COMMENT),
            **dict.fromkeys(("delete", "hide", "unhide", "like"), _ONLY_DO),
        },
    ),
    sdk.Channel(
        name=MESSAGE,
        id_scope="account",
        actions={"reply": _MESSAGE, "send": _MESSAGE, "read": _ONLY_DO},
    ),
    sdk.Channel(
        name=POST,
        id_scope="account",
        actions={
            "publish": sdk.Limits(
                max_text=MAX_POST,
                media={"image/*": 10 * MIB, "video/*": 10 * 1024 * MIB},
                max_media=MAX_PHOTOS,
                dedupe="lookup",
                settles=SLOWLY,
                options={"link": "Address that is shown as a preview below the text."},
            ),
            "reply": _COMMENT,
            "edit": sdk.Limits(max_text=MAX_POST),
            **dict.fromkeys(("delete", "hide", "unhide", "like"), _ONLY_DO),
        },
    ),
)
