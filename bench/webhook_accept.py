"""How many webhooks a second are accepted: verified, durable with FULL, then answered, over real HTTP.

    python -m bench.webhook_accept [--rounds 5] [--seconds 3] [--sizes 1024 2048]

Beside it, all under the same server (uvicorn with httptools and uvloop, one process, 64 connections): an ASGI
application that does nothing, one that only verifies, and one that commits each request by itself.
"""

import argparse
import hashlib
import hmac
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import apsw
from chorally_core import logs
from chorally_core.api.webhooks import Webhooks
from chorally_core.serving import listen, run, serve

import chorally_sdk as sdk
from bench.common import ROOT, child, cpu_s_of, machine, scratch, show, spread
from bench.embedded import Parts, now
from bench.traffic import SECRET, Traffic

SERVERS = ("chorally", "a commit per request", "verify only", "bare ASGI")
_ANSWER = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]}
_BODY = {"type": "http.response.body", "body": b""}


async def _nothing_else(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
    await send(_BODY)


def peer(keep: Callable[[bytes, str], bool]) -> sdk.ASGIApp:
    """Return an application that reads a request, does something with it and answers at once."""

    async def app(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        signature = next((value for name, value in scope["headers"] if name == b"x-hub-signature-256"), b"").decode()
        message = await receive()
        body = message["body"]
        while message.get("more_body"):
            message = await receive()
            body += message["body"]
        assert keep(body, signature)
        await send(_ANSWER)
        await send(_BODY)

    return app


def verified(body: bytes, signature: str) -> bool:
    """Whether the signature is genuine."""
    want = "sha256=" + hmac.digest(SECRET.encode(), body, hashlib.sha256).hex()
    return hmac.compare_digest(want, signature)


def per_request(folder: Path) -> Callable[[bytes, str], bool]:
    """Return what verifies a body and commits it by itself."""
    connection = apsw.Connection(str(folder / "peer.db"))
    for pragma in ("page_size=8192", "journal_mode=wal", "synchronous=full", "wal_autocheckpoint=16000"):
        connection.execute(f"pragma {pragma}")
    connection.execute("create table hooks(id integer primary key, body blob not null)")

    def keep(body: bytes, signature: str) -> bool:
        if not verified(body, signature):
            return False
        connection.execute("insert into hooks(body) values(?)", (body,))
        return True

    return keep


async def serving(name: str, folder: Path) -> None:
    """Serve one of the applications on a free port, which is printed, until told to stop."""
    if name == "chorally":
        parts = Parts(folder)
        await parts.connect(Traffic().pages, SECRET)
        app: sdk.ASGIApp = Webhooks(_nothing_else, parts.io.journal, now=now)
    elif name == "a commit per request":
        app = peer(per_request(folder))
    else:
        app = peer(verified if name == "verify only" else lambda body, signature: True)
    listener = listen("127.0.0.1", 0)
    await serve(app, listener, lambda: print(listener.getsockname()[1], flush=True))


def measure(name: str, size: int, seconds: float, folder: Path) -> dict[str, float]:
    """Serve, load, and return requests per CPU second of the server and what the load saw."""
    command = [sys.executable, "-m", "bench.webhook_accept", "--serve", name, "--folder", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True)
    assert server.stdout is not None
    with server.stdout:
        port = int(server.stdout.readline())
        warm = child("bench.load", port, "--seconds", 0.5, "--size", size)
        before = cpu_s_of(server.pid)
        seen = child("bench.load", port, "--seconds", seconds, "--size", size)
        cpu_s = cpu_s_of(server.pid) - before
        server.send_signal(signal.SIGTERM)
    server.wait()
    assert not seen["refused"] + warm["refused"]
    if name == "chorally":
        stored = apsw.Connection(str(folder / "chorally.db")).execute("select count(*) from doc_hook").fetchone()
        assert stored == (seen["answered"] + warm["answered"],)
    return {**seen, "per_cpu_s": seen["answered"] / cpu_s, "per_wall_s": seen["answered"] / seen["wall_s"]}


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_024, 2_048])
    parser.add_argument("--folder", type=Path, help="where files go; the system's temporary folder otherwise")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    logs.configure("warning", "text")
    if options.serve:
        run(serving(options.serve, options.folder))
        return
    with scratch(options.folder) as place:
        print(machine(place, "apsw", "uvicorn", "httptools", "uvloop"), flush=True)
    for size in options.sizes:
        found: dict[str, list[dict[str, float]]] = {name: [] for name in SERVERS}
        for _ in range(options.rounds):
            for name in SERVERS:
                with scratch(options.folder) as place:
                    found[name].append(measure(name, size, options.seconds, place))
        bare = [run["per_cpu_s"] for run in found["bare ASGI"]]
        rows = [
            (
                name,
                spread([r["per_cpu_s"] for r in runs]),
                spread([r["per_cpu_s"] / b for r, b in zip(runs, bare, strict=True)], 2),
                spread([r["per_wall_s"] for r in runs]),
                spread([r["p50_ms"] for r in runs], 1),
                spread([r["p99_ms"] for r in runs], 1),
            )
            for name, runs in found.items()
        ]
        heads = (f"{size:,} bytes", "accepted per CPU s", "× bare", "per wall s", "p50 ms", "p99 ms")
        show(heads, rows)


if __name__ == "__main__":
    main()
