"""``pull``: events as JSON lines, page by page, going on where the cursor file says."""

import json
import os
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from chorally_sdk.cli.connecting import Access, Connected, connected
from chorally_sdk.cli.finding import Found
from chorally_sdk.cli.telling import Told, progress
from chorally_sdk.connector.abilities import Pulls
from chorally_sdk.connector.upgrading import cursor_of_today
from chorally_sdk.model.inbound import Event
from chorally_sdk.model.manifest import Stream

Say = Callable[[str], None]


@dataclass
class Cursors:
    """Where each stream goes on, kept in a file; written after the page's events are out."""

    path: Path | None
    platform: str
    account: str
    version: int
    streams: dict[str, Any] = field(default_factory=dict)
    written_under: int = 0

    @classmethod
    def read(cls, path: Path | None, platform: str, account: str, version: int) -> "Cursors":
        """Read the file, if there is one.

        Raises:
            Told: It is of another account, or is no cursor file.
        """
        found = cls(path, platform, account, version, written_under=version)
        if path is None or not path.exists():
            return found
        try:
            told = json.loads(path.read_text("utf-8"))
            of = (told["platform"], told["account"])
            found.streams, found.written_under = dict(told["streams"]), int(told["cursor_version"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Told(f"{path} is no cursor file ({error!r}); name another, or remove it to begin anew") from error
        if of != (platform, account):
            raise Told(f"{path} is of {' '.join(of)}, not of {platform} {account}; name another cursor file")
        return found

    def keep(self, stream: str, cursor: Any) -> None:
        """Keep a cursor, whole or not at all."""
        self.streams[stream] = dict(cursor)
        if self.path is None:
            return
        told = {
            "platform": self.platform,
            "account": self.account,
            "cursor_version": self.version,
            "streams": self.streams,
        }
        beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        beside.write_text(json.dumps(told, indent=2) + "\n", "utf-8")
        beside.replace(self.path)


@dataclass(frozen=True)
class Wanted:
    """What of it is wanted."""

    streams: tuple[str, ...] = ()
    """All of the account where empty."""
    since: datetime | None = None
    most_pages: int = 0
    """Of each stream; 0 for all."""
    cursors: Path | None = None
    made_up: int = 0
    """How many messages are said in the sandbox first."""
    follows: bool = False
    """Whether live streams are read on once they have caught up."""


async def pull(found: Found, access: Access, wanted: Wanted, out: Say) -> int:
    """Pull an account's streams, write their events by ``out``, and return how many there were.

    Raises:
        Told: It cannot pull, or there is no such stream.
    """
    if not issubclass(found.connector, Pulls):
        raise Told(f"{found.platform} does not pull; what it can do: `chorally-connector check {found.platform}`")
    async with connected(found, access) as account:
        for number in range(wanted.made_up if account.levers and "say" in account.levers.offered() else 0):
            await account.levers.say(f"Message {number + 1}", author=("ada", "bob")[number % 2])  # type: ignore[union-attr]
        version = found.connector.manifest.cursor_version
        cursors = Cursors.read(wanted.cursors, found.platform, account.account.external_id, version)
        count = 0
        with progress(f"pulling {account.account.name}") as step:
            for stream in _chosen(account, wanted.streams):
                count += await _stream(account, stream, cursors, wanted, out, step)
        return count


def _chosen(account: Connected, names: tuple[str, ...]) -> list[Stream]:
    streams = account.connector.streams()  # type: ignore[attr-defined]
    known = {stream.name: stream for stream in streams if stream.scope == "account"}
    for name in names:
        if name not in known:
            raise Told(f"there is no stream {name!r}; there are {', '.join(known)}")
    return [known[name] for name in names] or list(known.values())


async def _stream(account: Connected, stream: Stream, cursors: Cursors, wanted: Wanted, out: Say, step: Say) -> int:
    cursor = cursors.streams.get(stream.name)
    if cursor is not None:
        cursor = cursor_of_today(account.connector, cursor, cursors.written_under)
    count = pages = 0
    puller = account.connector
    async with aclosing(puller.pull(stream.name, cursor, wanted.since)) as opened:  # type: ignore[attr-defined]
        async for page in opened:
            for event in page.events:
                out(line(stream.name, event))
            cursors.keep(stream.name, page.cursor)
            pages, count = pages + 1, count + len(page.events)
            step(f"{stream.name}: {pages} pages, {count} events")
            if pages == wanted.most_pages or (page.done and not (stream.live and wanted.follows)):
                return count
    if stream.live:
        return count
    raise Told(
        f"the stream {stream.name!r} ended without a page that is done; a host takes that for an error", status=1
    )


def line(stream: str, event: Event) -> str:
    """Return an event as a line of JSON, without what is empty."""
    told = event.model_dump(mode="json", exclude_defaults=True)
    return json.dumps({"event": type(event).__name__, "stream": stream, **told}, ensure_ascii=False)
