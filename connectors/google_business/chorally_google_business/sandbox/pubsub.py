"""A topic of Pub/Sub and its push subscription: one message in each POST, with a token of Google's."""

import base64
import itertools
import json
import random
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar

import httpx

from chorally_google_business.sandbox.world import stamp
from chorally_sdk.sandbox import Courier, Faults, KeySet

SUBSCRIPTION = "projects/sandbox-project/subscriptions/reviews"


class PubSub(Courier):
    """What is told, and pushed where somebody wants it pushed."""

    at_once: ClassVar[int] = 1

    def __init__(
        self,
        now: Callable[[], datetime],
        faults: Faults[Any],
        rng: random.Random,
        *,
        keyset: KeySet,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Make an empty topic, whose pushes are proven by tokens of a key set."""
        super().__init__(now, faults, rng, transport)
        self.told: list[bytes] = []
        """Bodies that wait to be taken by a test, whoever else they are pushed to."""
        self._keyset = keyset
        self._numbers = itertools.count(1)

    def tell(self, note: Mapping[str, Any], *, pushes: bool) -> None:
        """Publish a message; it is pushed where the account's setting wants it, and somebody listens."""
        body = self.wrapped(json.dumps(note).encode())
        self.told.append(body)
        if pushes:
            self.add(body)

    def wrapped(self, data: bytes) -> bytes:
        """Return the body of a push."""
        number = str(1_000_000 + next(self._numbers))
        message = {
            "data": base64.b64encode(data).decode(),
            "messageId": number,
            "message_id": number,
            "publishTime": stamp(self.now()),
            "publish_time": stamp(self.now()),
        }
        return json.dumps({"message": message, "subscription": SUBSCRIPTION}).encode()

    def pack(self, changes: list[tuple[datetime, Any]]) -> bytes:
        """Return the body of the one message."""
        return bytes(changes[0][1])

    def headers(self, body: bytes, *, is_forged: bool = False) -> Mapping[str, str]:
        """Return the token."""
        return self._keyset.headers(key="forged" if is_forged else "known")
