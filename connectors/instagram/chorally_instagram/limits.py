"""What the three channels of an account allow."""

from datetime import timedelta

import chorally_sdk as sdk
from chorally_instagram.names import COMMENT, MESSAGE, POST

MIB = 1024 * 1024
MAX_COMMENT = 2200
"""Characters of a comment. Third-party; some texts say 300 for comments by API: Instagram has the last word."""
MAX_MESSAGE = 1000
"""Bytes of a message in UTF-8 ("Send Messages", read 2026-11-23)."""
MAX_CAPTION = 2200
"""Characters of a caption. Third-party; hashtags are left to Instagram."""
MAX_CHILDREN = 10
"""Media of a carousel ("Content Publishing", read 2026-11-23)."""
SETTLES = timedelta(seconds=15)
"""How long after an attempt something may be missing from listings. Unverified: Meta states nothing."""

_ONLY_DO = sdk.Limits()
_COMMENT = sdk.Limits(max_text=MAX_COMMENT, dedupe="lookup", settles=SETTLES)
_PRIVATELY = {"private": "True answers by direct message, once for each comment, within seven days of it."}
_MESSAGE = sdk.Limits(
    max_text=MAX_MESSAGE,
    unit="bytes",
    media={"image/*": 8 * MIB, "video/*": 25 * MIB, "audio/*": 25 * MIB, "application/pdf": 25 * MIB},
    max_media=1,
    window=timedelta(hours=24),
    agent_window=timedelta(days=7),
    dedupe="lookup",
    settles=SETTLES,
    options={"quick_replies": "Up to 13 short texts that are shown as buttons below the message."},
)
_PUBLISH = sdk.Limits(
    max_text=MAX_CAPTION,
    media={"image/jpeg": 8 * MIB, "video/*": 300 * MIB},
    max_media=MAX_CHILDREN,
    dedupe="lookup",
    settles=SETTLES,
    options={
        "story": "True shows one image or video as a story; a story has no text.",
        "alt_text": "Describes an image for those who do not see it.",
        "cover_url": "Address of a reel's cover image.",
        "thumb_offset": "Milliseconds into a video at which its cover is taken.",
        "share_to_feed": "False shows a reel among reels only.",
        "collaborators": "Names of up to three accounts that are invited as authors.",
        "location_id": "Id of the place, a Facebook page with an address.",
        "user_tags": "List of objects with username, and x and y on images.",
    },
)

CHANNELS = (
    sdk.Channel(
        name=COMMENT,
        id_scope="account",  # a person has another id for every account
        actions={
            "reply": _COMMENT.model_copy(update={"options": _PRIVATELY}),
            **dict.fromkeys(("delete", "hide", "unhide"), _ONLY_DO),
        },
    ),
    sdk.Channel(
        name=MESSAGE,
        id_scope="account",
        actions={"reply": _MESSAGE, "send": _MESSAGE, "read": _ONLY_DO, "like": _ONLY_DO},
    ),
    sdk.Channel(
        name=POST,
        id_scope="account",
        actions={"publish": _PUBLISH, "reply": _COMMENT, "delete": _ONLY_DO},
    ),
)
