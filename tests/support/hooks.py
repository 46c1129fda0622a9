"""Webhooks of the wall, signed."""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

import chorally_sdk as sdk
from tests.support.world import World

SECRET = "wall-secret"


class Timed(Protocol):
    """Whoever has a clock."""

    @property
    def clock(self) -> Callable[[], datetime]:
        """Return the clock."""


def a_hook(world: Timed, *items: dict[str, Any], secret: str = SECRET, delivery: str = "") -> sdk.RawHook:
    """Return a signed hook with some items."""
    body = json.dumps({"items": items}).encode()
    headers = {"x-wall-signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}
    if delivery:
        headers["x-wall-delivery"] = delivery
    return sdk.RawHook(method="POST", path="/wall/v1/webhook", headers=headers, body=body, received_at=world.clock())


async def receive(world: World, *items: dict[str, Any], platform: str = "wall", **options: Any) -> sdk.Verdict:
    """Let a hook arrive and everything that it causes happen."""
    verdict = await world.io.journal.receive(platform, "", a_hook(world, *items, **options))
    await world.settle()
    return verdict
