"""Long polling: asking for the updates after a number confirms those before, which Telegram then forgets.

So the next question is put only after the page is stored. After a week without updates the next number is chosen
randomly ("Update", ``update_id``), and may be far below the one that is asked from. Where a webhook is set, or another
program polls, Telegram answers 409: one bot has one reader.
"""

import logging
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import chorally_sdk as sdk
from chorally_telegram import api
from chorally_telegram.updates import STREAM, events_of, number_of

AT_ONCE = 100
"""Most updates in one answer (Bot API 10.1, getUpdates)."""

_SPARE_S = 15.0  # beyond what Telegram was asked to wait
_log = logging.getLogger(__name__)


async def updates(
    connector: sdk.Connector,
    cursor: sdk.Cursor | None,
    since: datetime | None,
    *,
    kinds: tuple[str, ...],
    wait: timedelta,
) -> AsyncIterator[sdk.Page]:
    """Yield the updates after the cursor, and go on for ever; the page that ends a catching up is ``done``.

    Raises:
        Malformed: An answer is none, or tells again what was confirmed.
        RetryLater: Somebody else reads the bot's updates.
    """
    offset: int | None = (cursor or {}).get("offset")
    since = since.replace(microsecond=0) if since else None  # Telegram's times have no fractions
    is_caught_up = False
    while True:
        hold_s = int(wait.total_seconds()) if is_caught_up else 0
        told = await api.read(
            connector.http,
            "getUpdates",
            timeout_s=hold_s + _SPARE_S,
            offset=offset,
            limit=AT_ONCE,
            timeout=hold_s,
            allowed_updates=list(kinds),
        )
        found = _numbered(told, offset)
        if found:
            offset = found[-1][0] + 1
            yield sdk.Page(events=_events(connector, found, since), cursor={"offset": offset})
        elif not is_caught_up:
            is_caught_up = True
            yield sdk.Page(events=(), cursor=dict(cursor or {}) if offset is None else {"offset": offset}, done=True)


def _numbered(told: Any, offset: int | None) -> list[tuple[int, Any]]:
    """Return updates with their numbers, in order.

    Raises:
        Malformed: The update that was confirmed last is told again: nothing was confirmed, and it would go in circles.
    """
    if not isinstance(told, list):
        raise sdk.Malformed("getUpdates: a list is needed")
    found: list[tuple[int, Any]] = []
    for update in told:
        number = number_of(update)
        if number is None:
            raise sdk.Malformed("getUpdates: an update has no update_id")
        found.append((number, update))
    if offset is not None and any(number == offset - 1 for number, _ in found):
        raise sdk.Malformed(f"getUpdates: asked for those from {offset}, it answers with the one before")
    return sorted(found, key=lambda each: each[0])


def _events(connector: sdk.Connector, found: list[tuple[int, Any]], since: datetime | None) -> tuple[sdk.Event, ...]:
    """Return what updates mean. One that cannot be read must not hold up all that follow: it is told by a ping."""
    bot, at = connector.account.external_id, connector.now()
    events: list[sdk.Event] = []
    for number, update in found:
        try:
            events += events_of(update, bot, at, b"")
        except sdk.Malformed as error:
            _log.warning("update %s cannot be read: %s", number, error)
            events.append(sdk.Ping(stream=STREAM, external_id=f"malformed/{number}"))
    return tuple(event for event in events if not _is_older(event, since))


def _is_older(event: sdk.Event, since: datetime | None) -> bool:
    if since is None or not isinstance(event, sdk.Message):
        return False
    return (event.edited_at or event.sent_at) < since
