"""Polling what mentions the page or passes its posts on: LinkedIn keeps such notifications for sixty days.

A walk asks for one span of time, so that what happens meanwhile moves no page of it. Source: "Organization Social
Action Notifications"; the order of the listing is not documented.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import chorally_sdk as sdk
from chorally_linkedin.api import Api
from chorally_linkedin.names import coded
from chorally_linkedin.shapes import Listing, Notification
from chorally_linkedin.translate import SHARED, events

OVERLAP = timedelta(hours=1)
KEPT = timedelta(days=60)
AT_ONCE = 100


async def walk(
    api: Api, organization: str, cursor: sdk.Cursor | None, since: datetime | None, *, now: datetime
) -> AsyncIterator[sdk.Page]:
    """Yield what was told since the cursor: ``{floor}`` at rest, ``{begins, ends, start}`` under way."""
    at = dict(cursor or {})
    floor = datetime.fromisoformat(at["floor"]) - OVERLAP if at.get("floor") else since
    begins = at.get("begins", _ms(max(floor or now - KEPT, now - KEPT)))
    ends, start = at.get("ends", _ms(now)), at.get("start", 0)
    actions = ",".join(sorted(SHARED))
    url = (
        f"/rest/organizationalEntityNotifications?q=criteria&organizationalEntity={coded(organization)}"
        f"&actions=List({actions})&timeRange=(start:{begins},end:{ends})"
    )
    while True:
        told, following, _ = await api.page(Listing[Notification], url, start, AT_ONCE)
        done = following is None
        rest = {"floor": datetime.fromtimestamp(ends / 1000, UTC).isoformat()}
        yield sdk.Page(
            events=tuple(event for each in told for event in events(each)),
            cursor=rest if done else {"begins": begins, "ends": ends, "start": following},
            done=done,
        )
        if following is None:
            return
        start = following


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
