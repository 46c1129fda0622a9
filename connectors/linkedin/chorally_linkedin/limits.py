"""What the two channels of a page allow."""

from datetime import timedelta

import chorally_sdk as sdk
from chorally_linkedin.names import COMMENT, POST

MIB = 1024 * 1024
MAX_COMMENT = 1250
"""Of a comment. Third-party; in none of LinkedIn's pages. Counted as its editor does, an emoji as two (unverified)."""
MAX_POST = 3000
"""Of a post ("Posts API", read 2026-11-23); the unit is unverified."""
MAX_IMAGES = 20
"""Images of one post ("MultiImage API")."""
IMAGE_BYTES = 10 * MIB
"""Unverified: LinkedIn states pixels (36,152,320) and no bytes."""
VIDEO_BYTES = 500 * MIB
"""Of a video that is posted without advertising it ("Videos API"; unverified for later versions)."""
SETTLES = timedelta(minutes=1)
"""How long after an attempt what was made may be missing from listings. Unverified: LinkedIn states nothing."""
KEPT = timedelta(hours=48)
"""How long members' words may be kept ("Marketing API data storage requirements")."""

IMAGES = ("image/jpeg", "image/png", "image/gif")
VIDEO = "video/mp4"

_ONLY_DO = sdk.Limits()
_ANSWER = sdk.Limits(max_text=MAX_COMMENT, unit="utf16", parts=5, dedupe="lookup", settles=SETTLES)
_POST = sdk.Limits(
    max_text=MAX_POST,
    unit="utf16",
    media={**dict.fromkeys(IMAGES, IMAGE_BYTES), VIDEO: VIDEO_BYTES},
    max_media=MAX_IMAGES,
    dedupe="lookup",
    settles=SETTLES,
    options={
        "link": "Address of an article; a picture that is attached is shown with it.",
        "title": "Title of the article or of the video. LinkedIn reads none from the article itself.",
        "description": "What the article is about, in a sentence.",
        "alts": "Descriptions of the pictures, in their order, for people who do not see them.",
        "mentions": "URN by name, as {'Acme': 'urn:li:organization:1'}: @Acme in the text becomes a mention.",
        "audience": "PUBLIC (as without it), or LOGGED_IN for members only.",
    },
)

CHANNELS = (
    sdk.Channel(
        name=COMMENT,
        id_scope="app",  # LinkedIn gives a member another id for every app
        actions={
            "reply": _ANSWER,
            "edit": sdk.Limits(max_text=MAX_COMMENT, unit="utf16"),
            **dict.fromkeys(("delete", "like"), _ONLY_DO),
        },
        keep_for=KEPT,
    ),
    sdk.Channel(
        name=POST,
        id_scope="app",
        actions={
            "publish": _POST,
            "reply": _ANSWER,
            "edit": sdk.Limits(max_text=MAX_POST, unit="utf16"),
            **dict.fromkeys(("delete", "like"), _ONLY_DO),
        },
        keep_for=KEPT,
    ),
)
