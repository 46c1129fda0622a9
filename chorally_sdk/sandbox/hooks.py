"""Webhooks as platforms send them: signed, batched, duplicated, out of order, and again until they are answered."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal

import httpx

from chorally_sdk.sandbox.faults import Faults

Signer = Callable[[bytes, str, datetime], Mapping[str, str]]
"""Returns the headers of a body, under a secret, sent at a time."""


def hmac_signer(
    header: str,
    *,
    prefix: str = "",
    encoding: Literal["hex", "base64"] = "hex",
    timestamp: str = "",
    message: Callable[[bytes, int], bytes] = lambda body, at: body,
) -> Signer:
    """Return a signer by HMAC-SHA256.

    Args:
        header: Where the signature goes.
        prefix: What stands before it, such as ``sha256=``.
        encoding: How it is written.
        timestamp: Header that holds the Unix time, where there is one.
        message: What is signed, of the body and the Unix time.
    """

    def sign(body: bytes, secret: str, at: datetime) -> Mapping[str, str]:
        seconds = int(at.timestamp())
        digest = hmac.digest(secret.encode(), message(body, seconds), hashlib.sha256)
        written = digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()
        return {header: prefix + written, **({timestamp: str(seconds)} if timestamp else {})}

    return sign


@dataclass(eq=False)
class Hook:
    """A POST that is to be answered 200."""

    body: bytes
    is_copy: bool = False


Change = tuple[datetime, Any]
"""When something happened, and what is told of it."""


@dataclass
class Courier:
    """What is still to be sent, and what became of the rest; a platform's own says ``pack`` and ``headers``."""

    now: Callable[[], datetime]
    faults: Faults[Any]
    rng: random.Random
    transport: httpx.AsyncBaseTransport | None = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    callback_url: str = ""
    """Where hooks go; while it is empty nobody is subscribed, and changes tell nobody."""
    duplicate_probability: float = 0.0
    deliver: Literal["auto", "manual"] = "auto"
    retry_s: float = 0.2
    """Seconds before the first redelivery; doubles up to ``retry_max_s``."""
    retry_max_s: float = 2.0
    changes: list[Change] = field(default_factory=list)
    """Not yet in a POST."""
    queue: deque[Hook] = field(default_factory=deque)
    delivered: int = 0
    duplicated: int = 0
    refused: int = 0
    _client: httpx.AsyncClient | None = None
    _worker: asyncio.Task[None] | None = None
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    at_once: ClassVar[int] = 50
    """Changes in one POST."""

    def pack(self, changes: list[Change]) -> bytes:
        """Return the body that tells of some changes."""
        raise NotImplementedError

    def headers(self, body: bytes, *, is_forged: bool = False) -> Mapping[str, str]:
        """Return the headers of a body, its signature among them; forged, by a secret that nobody has."""
        raise NotImplementedError

    def add(self, told: Any) -> None:
        """Take note of a change; sent soon where delivery is ``auto``."""
        if not self.callback_url:
            return
        self.changes.append((self.now(), told))
        self.wake()

    def wake(self) -> None:
        """Send what waits, in the background, where delivery is ``auto``."""
        if self.deliver == "auto" and self.waiting:
            self._idle.clear()
            self._wake.set()
            if self._worker is None:
                self._worker = asyncio.create_task(self._work(), name="sandbox hooks")

    @property
    def waiting(self) -> int:
        """How many changes and POSTs are not answered yet."""
        return len(self.changes) + len(self.queue)

    def taken(self) -> list[tuple[bytes, Mapping[str, str]]]:
        """Return what waits as bodies and headers, in place of sending it."""
        self._pack(self.at_once)
        hooks, self.queue = list(self.queue), deque()
        return [(hook.body, self.headers(hook.body)) for hook in hooks]

    async def now_or_later(self, told: Any) -> None:
        """Send a change at once and wait for the answer; refused, or in ``manual``, it is sent later."""
        if self.deliver == "manual" or not self.callback_url:
            self.add(told)
            return
        hook = Hook(self.pack([(self.now(), told)]))
        if not await self._sent(hook):
            self.queue.append(hook)
            self.wake()

    async def deliver_all(self, *, shuffle: bool = False, copies: int = 0, at_once: int = 0) -> int:
        """Send what waits, each POST once, and return how many were accepted; the others wait on.

        Args:
            shuffle: In any order, and in any order within a POST.
            copies: How many of the accepted are sent once more.
            at_once: Changes in one POST; as the platform does where 0.
        """
        if shuffle:
            self.rng.shuffle(self.changes)
        self._pack(at_once or self.at_once)
        hooks = list(self.queue)
        self.queue.clear()
        if shuffle:
            self.rng.shuffle(hooks)
        accepted = []
        for hook in hooks:
            if await self._sent(hook):
                accepted.append(hook)
            else:
                self.queue.append(hook)
        for hook in self.rng.sample(accepted, min(copies, len(accepted))):
            await self._sent(Hook(hook.body, is_copy=True))
        return len(accepted)

    async def settled(self) -> None:
        """Wait until nothing waits to be sent; for tests of ``auto``."""
        if self.waiting:
            await self._idle.wait()

    async def aclose(self) -> None:
        """Stop sending."""
        if self._worker:
            self._worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._worker
            self._worker = None
        if self._client:
            await self._client.aclose()
            self._client = None

    async def _work(self) -> None:
        """Send for ever; a refused POST goes to the end of the queue, and all wait a little."""
        in_a_row = 0
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self.deliver == "auto" and self.waiting:
                self._pack(self.at_once)
                hook = self.queue[0]
                accepted = await self._sent(hook)
                if hook in self.queue:
                    self.queue.remove(hook)
                if accepted:
                    in_a_row = 0
                    if not hook.is_copy and self.rng.random() < self.duplicate_probability:
                        self.queue.append(Hook(hook.body, is_copy=True))
                else:
                    self.queue.append(hook)
                    await self.sleep(min(self.retry_s * 2 ** min(in_a_row, 20), self.retry_max_s))
                    in_a_row += 1
            self._idle.set()

    def _pack(self, at_once: int) -> None:
        while self.changes:
            part, self.changes = self.changes[:at_once], self.changes[at_once:]
            self.queue.append(Hook(self.pack(part)))

    async def _sent(self, hook: Hook) -> bool:
        """Send a POST once; whether it was answered 200."""
        fault = self.faults.take("webhook")
        is_forged = fault is not None and fault.kind == "bad_signature"
        if fault and not fault.is_after and not is_forged:
            self.refused += 1
            return False
        headers = {"Content-Type": "application/json", **self.headers(hook.body, is_forged=is_forged)}
        try:
            answer = await self.post(hook.body, headers)
            is_accepted = answer.status_code == 200 and fault is None
        except httpx.HTTPError:
            is_accepted = False
        self.delivered += is_accepted
        self.duplicated += is_accepted and hook.is_copy
        self.refused += not is_accepted
        return is_accepted

    async def post(self, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """Make the one call that a hook is; a platform that does not POST to the bare URL overrides this."""
        return await self.http().post(self.callback_url, content=body, headers=headers)

    def http(self) -> httpx.AsyncClient:
        """The client that hooks are sent with."""
        if self._client is None:
            self._client = httpx.AsyncClient(transport=self.transport, timeout=10.0, trust_env=False)
        return self._client
