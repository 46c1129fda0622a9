"""The incoming flow over real HTTP: ``chorally up`` as people run it, under 64 connections.

    python -m bench.incoming_http [--items 20000] [--rounds 3] [--latency-items 4000]

The traffic is that of ``bench.incoming``: 20 pages, 5,000 people, 30 % of the deliveries repeated, one comment of
1.1 KiB to a hook; but one tenant has all pages, since an app that serves many tenants cannot be added through the API.
App and pages are connected through the API against a stand-in for the platform. The search index is fed, as it
always is by ``chorally up``.

First as many items as can be are sent, and the CPU seconds of the server's process count from the first of them until
all are stored and searchable and no service lags. Then, on the same system, items are sent at half of that rate by
the wall, and the time until the ticket is visible is taken: until another reader of the SQLite file, which looks every
2 ms, sees the message in its ticket; from when the client has the whole answer 200 (zero where the ticket was visible
before), and from when it sent the request.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
from chorally_core.events.ids import message_id

from bench.common import ROOT, child, cpu_s_of, machine, peak_mib, scratch, show, spread, sync_ms
from bench.running import TENANT, Running, platform, up
from bench.traffic import Hook, Traffic

WARM = 1_000
REPEATS = 0.3
LOOK_S = 0.002
LONGEST_S = 120.0
CHANNEL = "facebook_comment"
_SEEN = (
    "select message.rowid, message.id from doc_message message join doc_ticket ticket on ticket.id = message.ticket_id"
    " where message.rowid > ? order by message.rowid"
)


class Watched:
    """A running system, its file and the traffic that it gets."""

    def __init__(self, system: Running) -> None:
        self.system = system
        self.traffic = Traffic(repeats=REPEATS)
        self.path, self._accounts = system.connect(self.traffic.pages)
        self._file = apsw.Connection(str(system.folder / "chorally.db"), flags=apsw.SQLITE_OPEN_READONLY)

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        [[found]] = self._file.execute(f"select count(*) from {table}")  # noqa: S608 - a name of our own
        return int(found)

    def name_of(self, hook: Hook) -> str:
        """Return the id of the message that a hook brings."""
        comment = json.loads(hook.body)["entry"][0]["changes"][0]["value"]["comment_id"]
        return message_id(TENANT, self._accounts[hook.page], CHANNEL, comment)

    def arguments(self, count: int, rate: float = 0.0) -> list[str]:
        """Return the options of the load for the next hooks."""
        skip = self.traffic.given
        options = {"count": count, "skip": skip, "repeats": REPEATS, "rate": rate, "seconds": LONGEST_S}
        pairs = [f"--{name}={value}" for name, value in options.items()]
        return [str(self.system.port), *pairs, f"--path={self.path}"]

    def settle(self) -> None:
        """Wait until everything that was sent is stored and searchable, and nobody lags."""
        done: list[Callable[[], bool]] = [
            lambda: self.count("doc_hook") == self.traffic.given,
            lambda: self.count("doc_message") == self.traffic.fresh,
            lambda: self.count("search_messages") == self.traffic.fresh,
            lambda: self.system.lag() == 0,
        ]
        until = time.monotonic() + LONGEST_S
        for is_done in done:
            while not is_done():
                if time.monotonic() > until:
                    counts = {name: self.count(name) for name in ("doc_hook", "doc_message", "search_messages")}
                    raise SystemExit(f"not everything was stored: {counts} of {self.traffic.given} sent")
                time.sleep(0.05)

    def send(self, count: int) -> dict[str, Any]:
        """Send the next hooks as fast as they are answered; return what that took until all are stored."""
        arguments = self.arguments(count)
        self.traffic.take(count)
        before = cpu_s_of(self.system.pid)
        seen = child("bench.load", *arguments)
        self.settle()
        cpu_s, wall_s = cpu_s_of(self.system.pid) - before, time.perf_counter() - seen["begun"]
        assert (seen["answered"], seen["refused"]) == (count, 0), seen
        return {**seen, "per_cpu_s": count / cpu_s, "per_wall_s": count / wall_s, "cpu_s": cpu_s}

    def watch(self, count: int, rate: float) -> dict[str, float]:
        """Send the next hooks at a rate; return how long after its answer each new one's ticket is visible."""
        arguments = self.arguments(count, rate)
        hooks = self.traffic.take(count)
        names = [self.name_of(hook) for hook in hooks]
        wanted = {name for name, hook in zip(names, hooks, strict=True) if not hook.is_repeat}
        [[last]] = self._file.execute("select coalesce(max(rowid), 0) from doc_message")
        visible: dict[str, float] = {}
        command = [sys.executable, "-m", "bench.load", *arguments]
        with (
            tempfile.TemporaryFile("w+") as said,  # more than a pipe holds
            subprocess.Popen(command, stdout=said, cwd=ROOT, env=os.environ, text=True) as load,
        ):
            until = time.perf_counter() + count / rate + LONGEST_S
            while len(visible) < len(wanted) and time.perf_counter() < until:
                rows = list(self._file.execute(_SEEN, (last,)))
                at = time.perf_counter()
                visible.update((name, at) for _, name in rows)
                last = rows[-1][0] if rows else last
                time.sleep(LOOK_S)
            load.wait()
            said.seek(0)
            seen = json.loads(said.read())
        assert (seen["answered"], seen["refused"]) == (count, 0), seen
        assert wanted == set(visible), (len(wanted), len(visible))
        self.settle()
        since: dict[str, list[float]] = {}
        for kind in ("answered_at", "sent_at"):
            first: dict[str, float] = {}
            for name, at in zip(names, seen[kind], strict=True):
                first[name] = min(at, first.get(name, at))
            since[kind] = statistics.quantiles([max(0.0, visible[name] - first[name]) for name in wanted], n=100)
        return {
            "rate": count / seen["wall_s"],
            "p50_ms": since["answered_at"][49] * 1000,
            "p99_ms": since["answered_at"][98] * 1000,
            "sent_p50_ms": since["sent_at"][49] * 1000,
            "sent_p99_ms": since["sent_at"][98] * 1000,
            "answer_p50_ms": seen["p50_ms"],
            "answer_p99_ms": seen["p99_ms"],
        }


def measure(folder: Path, items: int, latency_items: int) -> tuple[dict[str, Any], dict[str, float]]:
    """Run a system on a new folder; return what full load and half load gave."""
    with platform() as url, up(folder, _settings(url)) as system:
        watched = Watched(system)
        watched.send(WARM)
        full = watched.send(items)
        full["rss_mib"] = peak_mib(system.pid)
        return full, watched.watch(latency_items, full["per_wall_s"] / 2)


def _settings(platform_url: str) -> dict[str, str]:
    urls = json.dumps({"facebook": platform_url})
    return {**os.environ, "CHORALLY_BASE_URLS": urls, "CHORALLY_PULL_EVERY_S": "86400", "CHORALLY_MAX_LAG": "1000000"}


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--latency-items", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where files go; the system's temporary folder otherwise")
    options = parser.parse_args()
    runs = []
    with scratch(options.folder) as place:
        print(machine(place, "uvicorn", "httptools", "apsw", "pydantic", "msgspec", "uvloop"), flush=True)
    for _ in range(options.rounds):
        with scratch(options.folder) as place, contextlib.chdir(place):
            full, half = measure(place / "data", options.items, options.latency_items)
            runs.append((full, half, sync_ms(place)))
    fulls, halves = [full for full, _, _ in runs], [half for _, half, _ in runs]
    titles = {
        "per_cpu_s": "items per CPU s",
        "per_wall_s": "items per wall s",
        "p50_ms": "answer p50 ms",
        "p99_ms": "p99 ms",
        "rss_mib": "peak RSS MiB",
    }
    cells = [spread([full[name] for full in fulls], int(name.endswith("_ms"))) for name in titles]
    show((f"full load, {options.items:,} items", *titles.values()), [("chorally up", *cells)])
    titles = {
        "rate": "items per wall s",
        "p50_ms": "200 → visible p50 ms",
        "p99_ms": "p99 ms",
        "sent_p50_ms": "sent → visible p50 ms",
        "sent_p99_ms": "p99 ms",
        "answer_p50_ms": "answer p50 ms",
        "answer_p99_ms": "p99 ms",
    }
    cells = [spread([half[name] for half in halves], int(name.endswith("_ms"))) for name in titles]
    cells.append(spread([sync for _, _, sync in runs], 2))
    show((f"half load, {options.latency_items:,} items", *titles.values(), "fdatasync ms"), [("chorally up", *cells)])


if __name__ == "__main__":
    main()
