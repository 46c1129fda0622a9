"""How the sandbox posts updates to the webhook."""

import json
from collections.abc import Mapping
from typing import Any

from chorally_sdk.sandbox import Courier
from chorally_sdk.sandbox.hooks import Hook
from chorally_telegram.sandbox.world import World

HEADER = "X-Telegram-Bot-Api-Secret-Token"
_NONE_SET = "subscribed"


class Post(Courier):
    """Updates as Telegram posts them: one in each, under the secret of the webhook."""

    at_once = 1

    def __init__(self, world: World, **given: Any) -> None:
        super().__init__(**given)
        self.world = world

    def pack(self, changes: list[tuple[Any, Any]]) -> bytes:
        """Return an update as JSON."""
        return json.dumps(changes[0][1]).encode()

    def headers(self, body: bytes, *, is_forged: bool = False) -> Mapping[str, str]:
        """Return the header with the secret token."""
        secret = self.world.webhook.secret if self.world.webhook else _NONE_SET
        return {HEADER: "a-secret-nobody-knows" if is_forged else secret}

    async def _sent(self, hook: Hook) -> bool:
        is_accepted = await super()._sent(hook)
        if is_accepted:
            self.world.updates.pop(json.loads(hook.body)["update_id"], None)
        return is_accepted
