"""Webhooks as Meta sends them: signed, batched, and again until they are answered 200."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Literal

import httpx

from chorally_facebook.sandbox.faults import Faults

CHANGES_AT_ONCE = 50
"""Changes in one POST; Meta says up to 1000."""


@dataclass(eq=False)
class Hook:
    """A POST that is to be answered 200."""

    body: bytes
    is_copy: bool = False


@dataclass
class Hooks:
    """The subscription of the page: what is still to be sent, and what became of the rest."""

    now: Callable[[], datetime]
    faults: Faults
    rng: random.Random
    transport: httpx.AsyncBaseTransport | None = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    callback_url: str = ""
    """Where hooks go; while it is empty the page is not subscribed, and changes tell nobody."""
    app_secret: str = "sandbox-app-secret"  # noqa: S105 - signs nothing but this sandbox's hooks
    verify_token: str = "sandbox-verify-token"  # noqa: S105 - proves nothing but this sandbox
    duplicate_probability: float = 0.0
    deliver: Literal["auto", "manual"] = "auto"
    retry_s: float = 0.2
    """Seconds before the first redelivery; doubles up to ``retry_max_s``."""
    retry_max_s: float = 2.0
    changes: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    """Not yet in a POST: when they happened (Unix seconds), on which page, and what."""
    queue: deque[Hook] = field(default_factory=deque)
    delivered: int = 0
    duplicated: int = 0
    refused: int = 0
    _client: httpx.AsyncClient | None = None
    _worker: asyncio.Task[None] | None = None
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, page_id: str, value: dict[str, Any]) -> None:
        """Take note of a change; sent soon where delivery is ``auto``."""
        if not self.callback_url:
            return
        self.changes.append((int(self.now().timestamp()), page_id, value))
        self.wake()

    def wake(self) -> None:
        """Send what waits, in the background, where delivery is ``auto``."""
        if self.deliver == "auto" and self.waiting:
            self._idle.clear()
            self._wake.set()
            if self._worker is None:
                self._worker = asyncio.create_task(self._work(), name="facebook sandbox hooks")

    @property
    def waiting(self) -> int:
        """How many changes and POSTs are not answered yet."""
        return len(self.changes) + len(self.queue)

    async def now_or_later(self, page_id: str, value: dict[str, Any]) -> None:
        """Send a change at once and wait for the answer; refused, or in ``manual``, it is sent later."""
        if self.deliver == "manual" or not self.callback_url:
            self.add(page_id, value)
            return
        hook = Hook(self._body([(int(self.now().timestamp()), page_id, value)]))
        if not await self._sent(hook):
            self.queue.append(hook)
            self.wake()

    async def deliver_all(self, *, shuffle: bool = False, copies: int = 0, at_once: int = CHANGES_AT_ONCE) -> int:
        """Send what waits, each POST once, and return how many were accepted; the others wait on.

        Args:
            shuffle: In any order, and in any order within a POST.
            copies: How many of the accepted are sent once more.
            at_once: Changes in one POST.
        """
        if shuffle:
            self.rng.shuffle(self.changes)
        self._pack(at_once)
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

    async def handshake(self) -> bool:
        """Ask the callback URL to prove that it is ours, as Meta does when a webhook is set up."""
        challenge = str(self.rng.randrange(10**9, 10**10))
        asked = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": self.verify_token}
        try:
            answer = await self._http().get(self.callback_url, params=asked)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200 and answer.text == challenge

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
                self._pack(CHANGES_AT_ONCE)
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
            self.queue.append(Hook(self._body(part)))

    def _body(self, changes: list[tuple[int, str, dict[str, Any]]]) -> bytes:
        """Changes of one second on one page share an entry."""
        entries = [
            {"id": page_id, "time": at, "changes": [{"field": "feed", "value": value} for _, _, value in group]}
            for (at, page_id), group in groupby(changes, key=lambda change: change[:2])
        ]
        return json.dumps({"object": "page", "entry": entries}).encode()

    async def _sent(self, hook: Hook) -> bool:
        """Send a POST once; whether it was answered 200."""
        fault = self.faults.take("webhook")
        if fault and not fault.is_after and fault.kind != "bad_signature":
            self.refused += 1
            return False
        secret = self.app_secret + ("?" if fault and fault.kind == "bad_signature" else "")
        signature = hmac.new(secret.encode(), hook.body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={signature}"}
        try:
            answer = await self._http().post(self.callback_url, content=hook.body, headers=headers)
            is_accepted = answer.status_code == 200 and fault is None
        except httpx.HTTPError:
            is_accepted = False
        self.delivered += is_accepted
        self.duplicated += is_accepted and hook.is_copy
        self.refused += not is_accepted
        return is_accepted

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(transport=self.transport, timeout=10.0, trust_env=False)
        return self._client
