"""A load generator: some connections, each sending its next webhook as soon as the last one is answered.

    python -m bench.load PORT [--connections 64] [--seconds 3] [--size 1130]

It runs in a process of its own, so that only the server's processor time is the server's. Requests are made and
signed before the load begins. Prints a JSON object: requests answered 200, others, seconds, and latencies in ms.
"""

import argparse
import asyncio
import itertools
import json
import statistics
import time
from collections.abc import Iterator
from typing import cast

import uvloop

from bench.traffic import Traffic


class Load:
    """What all connections send and see."""

    def __init__(self, requests: list[bytes], seconds: float) -> None:
        self.requests: Iterator[bytes] = itertools.cycle(requests)
        self.until = time.perf_counter() + seconds
        self.answered = 0
        self.refused = 0
        self.latencies: list[float] = []
        self.open = 0
        self.ended = asyncio.Event()


class Connection(asyncio.Protocol):
    """Sends one request after another; answers are told apart by their Content-Length."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._got = b""
        self._sent_at = 0.0

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
        self._sent_at = time.perf_counter()
        if self._sent_at >= self._load.until:
            self._transport.close()
        else:
            self._transport.write(next(self._load.requests))

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
        self._load.latencies.append(time.perf_counter() - self._sent_at)
        if head.startswith(b"HTTP/1.1 200"):
            self._load.answered += 1
        else:
            self._load.refused += 1
        self._send()


async def load(port: int, connections: int, seconds: float, size: int) -> dict[str, float]:
    """Load a port of this machine and return what came of it."""
    requests = [hook.request() for hook in Traffic(repeats=0.0, size=size).take(5_000)]
    loop = asyncio.get_running_loop()
    state = Load(requests, seconds)
    begun = time.perf_counter()
    for _ in range(connections):
        await loop.create_connection(lambda: Connection(state), "127.0.0.1", port)
    async with asyncio.timeout(seconds + 20):
        await state.ended.wait()
    percentiles = statistics.quantiles(state.latencies, n=100)
    return {
        "answered": state.answered,
        "refused": state.refused,
        "wall_s": time.perf_counter() - begun,
        "p50_ms": percentiles[49] * 1000,
        "p99_ms": percentiles[98] * 1000,
    }


def main() -> None:
    """Read the options and load."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--size", type=int, default=1_130)
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(load(options.port, options.connections, options.seconds, options.size))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
