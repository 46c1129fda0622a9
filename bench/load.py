"""A load generator: some connections, each sending its next webhook as soon as the last one is answered.

    python -m bench.load PORT [--connections 64] [--seconds 3] [--size 1130]
    python -m bench.load PORT --count 20000 [--skip 0] [--repeats 0.3] [--rate 1000] [--path /facebook/v1/webhook]

It runs in a process of its own, so that only the server's processor time is the server's. Requests are made and
signed before the load begins. Without ``--count`` the same ones are sent again and again until the time is over; with
it, each once. With ``--rate`` a request is due at its own time and sent then or, where all connections wait, as soon
as one is free. Prints a JSON object: requests answered 200, others, seconds, latencies in ms, and with ``--count``
when each was sent, and when answered 200 (``time.perf_counter``, which all processes of a Linux machine share;
null where that did not happen).
"""

import argparse
import asyncio
import itertools
import json
import statistics
import time
from collections.abc import Iterator
from typing import Any, cast

import uvloop

from bench.traffic import PATH, Traffic


class Load:
    """What all connections send and see."""

    def __init__(self, requests: list[bytes], seconds: float, *, once: bool, rate: float) -> None:
        numbers = range(len(requests))
        self.requests = requests
        self.numbers: Iterator[int] = iter(numbers) if once else itertools.cycle(numbers)
        self.begun = time.perf_counter()
        self.until = self.begun + seconds
        self.rate = rate
        self.due = 0
        self.answered = 0
        self.refused = 0
        self.latencies: list[float] = []
        self.sent_at: list[float | None] = [None for _ in numbers]
        self.answered_at: list[float | None] = [None for _ in numbers]
        self.open = 0
        self.ended = asyncio.Event()


class Connection(asyncio.Protocol):
    """Sends one request after another; answers are told apart by their Content-Length."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._got = b""
        self._sent_at = 0.0
        self._number = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._load.open += 1
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        """Count down."""
        self._load.open -= 1
        if not self._load.open:
            self._load.ended.set()

    def _send(self) -> None:
        """Take the next request, and send it when it is due."""
        load = self._load
        number = next(load.numbers, None)
        if number is None or time.perf_counter() >= load.until:
            self._transport.close()
            return
        self._number = number
        wait = 0.0
        if load.rate:
            wait = load.begun + load.due / load.rate - time.perf_counter()
            load.due += 1
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, self._write)
        else:
            self._write()

    def _write(self) -> None:
        self._sent_at = self._load.sent_at[self._number] = time.perf_counter()
        self._transport.write(self._load.requests[self._number])

    def data_received(self, data: bytes) -> None:
        """Take an answer, and send the next request once it is whole."""
        self._got += data
        head, found, body = self._got.partition(b"\r\n\r\n")
        if not found:
            return
        length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
        if len(body) < int(length or b"0"):
            return
        self._got = b""
        at = time.perf_counter()
        self._load.latencies.append(at - self._sent_at)
        if head.startswith(b"HTTP/1.1 200"):
            self._load.answered += 1
            self._load.answered_at[self._number] = at
        else:
            self._load.refused += 1
        self._send()


async def load(options: argparse.Namespace) -> dict[str, Any]:
    """Load a port of this machine and return what came of it."""
    traffic = Traffic(repeats=options.repeats, size=options.size)
    traffic.take(options.skip)
    requests = [hook.request(options.path) for hook in traffic.take(options.count or 5_000)]
    loop = asyncio.get_running_loop()
    state = Load(requests, options.seconds, once=bool(options.count), rate=options.rate)
    for _ in range(options.connections):
        await loop.create_connection(lambda: Connection(state), "127.0.0.1", options.port)
    async with asyncio.timeout(options.seconds + 20):
        await state.ended.wait()
    percentiles = statistics.quantiles(state.latencies, n=100)
    found = {
        "answered": state.answered,
        "refused": state.refused,
        "begun": state.begun,
        "wall_s": time.perf_counter() - state.begun,
        "p50_ms": percentiles[49] * 1000,
        "p99_ms": percentiles[98] * 1000,
    }
    each = {"sent_at": state.sent_at, "answered_at": state.answered_at}
    return {**found, **each} if options.count else found


def main() -> None:
    """Read the options and load."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=3.0, help="at most")
    parser.add_argument("--size", type=int, default=1_130)
    parser.add_argument("--path", default=PATH)
    parser.add_argument("--count", type=int, default=0, help="send so many, each once; 0: until the time is over")
    parser.add_argument("--skip", type=int, default=0, help="of the traffic, what was sent before")
    parser.add_argument("--repeats", type=float, default=0.0, help="share of requests that repeat an earlier one")
    parser.add_argument("--rate", type=float, default=0.0, help="requests a second; 0: as fast as they are answered")
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(load(options))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
