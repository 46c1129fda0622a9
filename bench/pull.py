"""A pull of many comments by a small connector, through the SDK alone and by the host, beside a bare loop.

    python -m bench.pull [--records 100000] [--rounds 5] [--shared ../shared]
    python -m bench.pull --accounts 20 [--records 100000] [--peers FOLDER]
    python -m bench.pull --limited [--records 24500] [--peers FOLDER]

The platform is the Go server of the shared comparisons (``bench/apiserver`` there, so that peers can be measured
against the same one), built into a temporary folder and served on a free loopback port; a page has 100 comments.

- ``floor`` walks the listing with httpx and decodes it with msgspec, without validation and without a message.
- ``sdk`` walks the connector's generator: ``sdk.Http``, and every comment validated into an ``sdk.Message``.
- ``host`` lets ``Pulling`` do it: pages are translated to events, which are committed with the cursor to SQLite
  with FULL synchronisation. No pump runs: authors and tickets are not made of them.
- With ``--peers``, what ``bench.pull_peers`` tells of.

Each is a process of its own that imports only what it needs. All its CPU seconds count, its start included; those
of the pull alone stand beside. With ``--accounts`` the platform waits 20 ms before each page, and as many accounts
share the records and are pulled at once: then wall seconds count. With ``--limited`` every 50th request is answered
429 with ``Retry-After: 1``, and the wall seconds of the pull alone count: each is to wait no longer than it is told.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import httpx
import msgspec
import uvloop

from bench import pull_peers
from bench.common import ROOT, Spent, child, machine, peak_mib, scratch, show, spread, with_bytecode

NAMES = ("floor", "sdk", "host")
PAGE = 100
LIMITED = 50
"""Each such request is refused by the platform's variant ``rl``."""


@contextmanager
def platform(shared: Path, records: int, folder: Path) -> Iterator[str]:
    """Build and serve the platform; gives its URL."""
    built = folder / "apiserver"
    subprocess.run(["go", "build", "-o", built, "."], cwd=shared / "bench/apiserver", check=True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    server = subprocess.Popen([built, "-addr", f"127.0.0.1:{port}", "-total", str(records)], stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(f"{url}/fast/{PAGE}/0/comments", server)
        yield url
    finally:
        server.terminate()
        server.wait()


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while server.poll() is None and time.monotonic() < until:
        try:
            httpx.get(url).raise_for_status()
            return
        except httpx.ConnectError:
            time.sleep(0.05)
    raise SystemExit("the platform's server does not answer")


async def floor(url: str, paths: list[str]) -> tuple[int, int]:
    """Walk the listings with as little as can be; return pages and records."""

    async def walk(client: httpx.AsyncClient, target: str | None) -> tuple[int, int]:
        pages = records = 0
        while target:
            answer = await client.get(target)
            if answer.status_code == 429:
                await asyncio.sleep(int(answer.headers["Retry-After"]))
                continue
            listing = msgspec.json.decode(answer.content)
            pages, records = pages + 1, records + len(listing["data"])
            target = listing["paging"].get("next")
        return pages, records

    async with httpx.AsyncClient() as client:
        return sums(await asyncio.gather(*(walk(client, url + path) for path in paths)))


async def pulled(name: str, url: str, paths: list[str], folder: Path) -> dict[str, Any]:
    """Pull in one of the ways and return what it took."""
    spent = Spent()
    if name == "floor":
        with spent:
            pages, records = await floor(url, paths)
    elif name == "sdk":
        from bench.pull_sdk import sdk_alone

        with spent:
            pages, records = await sdk_alone(url, paths)
    else:
        from bench.pull_host import host

        with spent:
            pages, records = await host(url, paths, folder)
    return {"pages": pages, "records": records, "wall_s": spent.wall_s, "cpu_s": spent.cpu_s, "peak_mib": peak_mib()}


def sums(counted: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return all pages and all records."""
    return sum(pages for pages, _ in counted), sum(records for _, records in counted)


def paths_of(records: int, accounts: int, variant: str) -> list[str]:
    """Return where each account's comments are listed."""
    each = records // max(accounts, 1)
    return [f"/{variant}/{each}/{number}/comments?limit={PAGE}" for number in range(max(accounts, 1))]


def compare(options: argparse.Namespace) -> None:
    """Pull in all ways in turn and print the table."""
    records, accounts, variant = options.records, options.accounts, options.variant
    peers = pull_peers.installed(options.peers)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in (*NAMES, *peers)}
    with scratch(options.folder) as place, platform(options.shared, records, place) as url:
        print(machine(place, "httpx", "pydantic", "msgspec", "apsw", "uvloop"), flush=True)
        environment = with_bytecode(place)
        for number in range(options.rounds + 1):
            count = records if number or options.limited else PAGE * max(accounts, 1)  # the first compiles, no more
            task = pull_peers.Task(options.shared, url, count, accounts, variant)
            for name in found:
                with scratch(options.folder) as folder:
                    if name in peers:
                        seen = pull_peers.pull(name, options.peers, task, folder)
                    else:
                        arguments = ("--child", name, "--url", url, "--records", count, "--accounts", accounts)
                        more = ("--limited",) if options.limited else ()
                        here = ("--folder", folder, *more)
                        seen = child("bench.pull", *arguments, *here, environment=environment)
                assert seen["records"] == count, (name, seen)
                if number:
                    found[name].append(seen)
    pages = found["floor"][-1]["pages"]
    print(f"{records:,} comments on {pages:,} pages, {accounts or 1} account(s), {variant}\n")
    show(
        ("", "CPU s per 100,000", "without start", "× floor", "wall s", "without start", "× floor's", "peak RSS MiB"),
        [(name, *cells(runs, found["floor"], records)) for name, runs in found.items()],
    )
    for peer in (name for name in peers if name.startswith("dlt")):
        for ours in ("sdk", "host"):
            ratios = [a["process_wall_s"] / b["process_wall_s"] for a, b in zip(found[ours], found[peer], strict=True)]
            print(f"{ours}'s wall ÷ that of {peer}: {spread(ratios, 2)}", flush=True)


def cells(runs: list[dict[str, Any]], bare: list[dict[str, Any]], records: int) -> list[str]:
    """Return a line of the table; of a peer only the time of its whole process is known."""
    per = 100_000 / records
    whole = "cpu_s" not in runs[0]
    pairs = list(zip(runs, bare, strict=True))
    return [
        spread([r["process_cpu_s"] * per for r in runs], 2),
        "" if whole else spread([r["cpu_s"] * per for r in runs], 2),
        spread([r["process_cpu_s"] / b["process_cpu_s"] for r, b in pairs], 2),
        spread([r["process_wall_s"] for r in runs], 2),
        "" if whole else spread([r["wall_s"] for r in runs], 2),
        "" if whole else spread([r["wall_s"] / b["wall_s"] for r, b in pairs], 2),
        "" if whole else spread([r["peak_mib"] for r in runs]),
    ]


def main() -> None:
    """Read the options and measure."""
    beside = Path(os.environ.get("CHORALLY_SHARED", ROOT.parent / "shared"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, help="100,000; with --limited 24,500")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--accounts", type=int, default=0, help="so many accounts at 20 ms a page; 0: one, at once")
    parser.add_argument("--limited", action="store_true", help="every 50th request is refused for a second")
    parser.add_argument("--peers", type=Path, help="folder with the peers' virtual environments; see bench.pull_peers")
    parser.add_argument(
        "--shared", type=Path, default=beside, help="folder with bench/apiserver (CHORALLY_SHARED; else ../shared)"
    )
    parser.add_argument("--folder", type=Path, default=Path(gettempdir()), help="where files go")
    parser.add_argument("--child", choices=NAMES, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.records = options.records or (245 * PAGE if options.limited else 100_000)
    options.variant = "rl" if options.limited else "lat20" if options.accounts else "fast"
    if options.limited and (options.accounts or options.records % ((LIMITED - 1) * PAGE)):
        parser.error(f"--limited is for one account, and whole turns of {LIMITED - 1} pages, so that all wait as often")
    if options.records % (PAGE * max(options.accounts, 1)):
        parser.error(f"--records must be whole pages of {PAGE} for each account")
    if options.child:
        paths = paths_of(options.records, options.accounts, options.variant)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            print(json.dumps(runner.run(pulled(options.child, options.url, paths, options.folder))))
    else:
        compare(options)


if __name__ == "__main__":
    main()
