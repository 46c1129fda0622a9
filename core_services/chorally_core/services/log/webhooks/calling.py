"""Makes one call to a webhook and says what came of it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from chorally_core.ports.outside import Answer, NoAnswer, NotAllowed, Outside
from chorally_core.ports.secrets import Vault
from chorally_core.ports.webhooks import Webhook
from chorally_core.services.log.model import LogEntry
from chorally_core.services.log.webhooks.model import Tried
from chorally_core.services.log.webhooks.signing import opened, signed

WITHIN = timedelta(seconds=15)
_READ_BYTES = 2048
_EXCERPT = 500  # characters
GONE = 410


class Came(NamedTuple):
    """What came of a call."""

    tried: Tried
    asked: timedelta | None = None
    """How long the receiver asks to be left alone."""

    @property
    def went_well(self) -> bool:
        """Whether the receiver has taken it."""
        return 200 <= self.tried.status < 300


class Calling:
    """Signs and sends entries of the history."""

    def __init__(
        self,
        outside: Outside,
        vault: Vault,
        body_of: Callable[[LogEntry], bytes],
        now: Callable[[], datetime],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare.

        Args:
            outside: Reaches the receivers.
            vault: Opens their secrets.
            body_of: Gives what is sent of an entry: the same for the same entry.
            now: The clock.
            monotonic: Measures how long a call takes.
        """
        self._outside = outside
        self._vault = vault
        self._body_of = body_of
        self._now = now
        self._monotonic = monotonic

    async def call(self, webhook: Webhook, entry: LogEntry, message_id: str) -> Came:
        """Send an entry; whatever goes wrong is told, not raised."""
        at, began = self._now(), self._monotonic()
        answer: Answer | None = None
        error = ""
        try:
            body = self._body_of(entry)
            headers = signed(opened(self._vault, webhook.sealed, at), message_id, at, body)
            headers |= {"content-type": "application/json", "user-agent": "Chorally-Webhooks/1"}
            answer = await self._outside.call(
                "POST", webhook.url, headers=headers, body=body, within=WITHIN, max_bytes=_READ_BYTES
            )
        except (NotAllowed, NoAnswer) as failed:
            error = str(failed)
        duration_ms = int((self._monotonic() - began) * 1000)
        if answer is None:
            return Came(Tried(at, duration_ms, error=_plain(error.encode())))
        if 300 <= answer.status < 400:
            error = "redirects are not followed; give the URL that it leads to"
        elif not 200 <= answer.status < 300:
            error = f"the receiver answered {answer.status}"
        return Came(
            Tried(at, duration_ms, answer.status, error, _plain(answer.body)),
            _asked(answer.headers.get("retry-after", ""), at),
        )


def _plain(text: bytes) -> str:
    """The beginning of what was answered, as text that can be shown."""
    shown = "".join(c if c.isprintable() or c == "\n" else " " for c in text.decode("utf-8", "replace"))
    return shown.strip()[:_EXCERPT]


def _asked(said: str, at: datetime) -> timedelta | None:
    """How long ``Retry-After`` asks for: seconds, or a time."""
    if said.isascii() and said.isdigit():
        return timedelta(seconds=min(int(said[:9]), 86_400))
    try:
        until = parsedate_to_datetime(said)
    except (ValueError, OverflowError):
        return None
    return max((until if until.tzinfo else until.replace(tzinfo=UTC)) - at, timedelta(0))
