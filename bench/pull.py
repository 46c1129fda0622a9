"""A pull of many comments by a small connector, through the SDK alone and by the host, beside a bare loop.

    python -m bench.pull [--records 100000] [--rounds 5] [--shared ../shared]
    python -m bench.pull --accounts 20 [--records 100000]

The platform is the Go server of the shared comparisons (``bench/apiserver`` there, so that peers can be measured
against the same one), built into a temporary folder and served on a free loopback port; a page has 100 comments.

- ``floor`` walks the listing with httpx and decodes it with msgspec, without validation and without a message.
- ``sdk`` walks the connector's generator: ``sdk.Http``, and every comment validated into an ``sdk.Message``.
- ``host`` lets ``Pulling.run`` do it: pages are translated to events, which are committed with the cursor to SQLite
  with FULL synchronisation. No pump runs: authors and tickets are not made of them.

Each is a process of its own that imports only what it needs. All its CPU seconds count, its start included; those
of the pull alone stand beside. With ``--accounts`` the platform waits 20 ms before each page, and as many accounts
share the records and are pulled at once: then wall seconds count.
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

from bench.common import ROOT, Spent, child, machine, peak_mib, scratch, show, spread, with_bytecode

NAMES = ("floor", "sdk", "host")
PAGE = 100


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
            listing = msgspec.json.decode((await client.get(target)).content)
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


def paths_of(records: int, accounts: int) -> list[str]:
    """Return where each account's comments are listed."""
    if not accounts:
        return [f"/fast/{records}/0/comments?limit={PAGE}"]
    return [f"/lat20/{records // accounts}/{number}/comments?limit={PAGE}" for number in range(accounts)]


def compare(options: argparse.Namespace) -> None:
    """Pull in all ways in turn and print the table."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
    records, accounts = options.records, options.accounts
    with scratch(options.folder) as place, platform(options.shared, records, place) as url:
        print(machine(place, "httpx", "pydantic", "msgspec", "apsw", "uvloop"), flush=True)
        environment = with_bytecode(place)
        for number in range(options.rounds + 1):
            count = records if number else PAGE * max(accounts, 1)  # the first, which does not count, compiles
            for name in NAMES:
                with scratch(options.folder) as folder:
                    arguments = ("--child", name, "--url", url, "--records", count, "--accounts", accounts)
                    seen = child("bench.pull", *arguments, "--folder", folder, environment=environment)
                assert seen["records"] == count, (name, seen)
                if number:
                    found[name].append(seen)
    pages = found["floor"][-1]["pages"]
    print(f"{records:,} comments on {pages:,} pages, {accounts or 1} account(s)\n")
    bare = found["floor"]
    table = [
        (
            name,
            spread([r["process_cpu_s"] * 100_000 / records for r in runs], 2),
            spread([r["cpu_s"] * 100_000 / records for r in runs], 2),
            spread([r["process_cpu_s"] / b["process_cpu_s"] for r, b in zip(runs, bare, strict=True)], 2),
            spread([r["wall_s"] for r in runs], 2),
            spread([r["wall_s"] / b["wall_s"] for r, b in zip(runs, bare, strict=True)], 2),
            spread([r["peak_mib"] for r in runs]),
        )
        for name, runs in found.items()
    ]
    show(("", "CPU s per 100,000", "without start", "× floor", "wall s", "× floor's wall", "peak RSS MiB"), table)


def main() -> None:
    """Read the options and measure."""
    beside = Path(os.environ.get("CHORALLY_SHARED", ROOT.parent / "shared"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--accounts", type=int, default=0, help="so many accounts at 20 ms a page; 0: one, at once")
    parser.add_argument(
        "--shared", type=Path, default=beside, help="folder with bench/apiserver (CHORALLY_SHARED; else ../shared)"
    )
    parser.add_argument("--folder", type=Path, default=Path(gettempdir()), help="where files go")
    parser.add_argument("--child", choices=NAMES, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.records % (PAGE * max(options.accounts, 1)):
        parser.error(f"--records must be whole pages of {PAGE} for each account")
    if options.child:
        paths = paths_of(options.records, options.accounts)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            print(json.dumps(runner.run(pulled(options.child, options.url, paths, options.folder))))
    else:
        compare(options)


if __name__ == "__main__":
    main()
