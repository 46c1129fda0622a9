"""What replies may be, and how often Google may be asked.

Sources: discovery document of mybusiness v4 (``ReviewReply``), "Usage limits" (300 calls a minute for each API of a
project once it is approved, 10 edits a minute for each profile; read 2026-11-23).
"""

from datetime import timedelta

import chorally_sdk as sdk
from chorally_google_business import api
from chorally_google_business.names import POST, REVIEW
from chorally_google_business.posts import WORDS
from chorally_google_business.replies import MAX_BYTES, SETTLES

_MINUTE = timedelta(minutes=1)
_CALLS, _EDITS = 300, 10

CHANNELS = (
    sdk.Channel(
        name=REVIEW,
        actions={
            "reply": sdk.Limits(max_text=MAX_BYTES, unit="bytes", dedupe="lookup", settles=SETTLES),
            "edit": sdk.Limits(max_text=MAX_BYTES, unit="bytes"),
            "delete": sdk.Limits(),
        },
    ),
    sdk.Channel(
        name=POST,
        actions={
            "publish": sdk.Limits(dedupe="lookup", settles=SETTLES, options=WORDS),
            "edit": sdk.Limits(),
            "delete": sdk.Limits(),
        },
    ),
)

BUDGETS = (
    sdk.Budget(limit=_CALLS, per=_MINUTE, scope="app", match="* /v4/*"),
    *(
        sdk.Budget(limit=_CALLS, per=_MINUTE, scope="app", match=f"* //{host}/*")
        for host in (api.ACCOUNTS, api.LOCATIONS, api.NOTIFICATIONS)
    ),
    sdk.Budget(limit=_EDITS, per=_MINUTE, match="* /v4/*", costs={"GET *": 0, "POST /v4/*:batchGetReviews": 0}),
)
