"""A wall that is odd in one way or another, for answers whose way is not straight."""

from typing import Any, ClassVar

import pytest

import chorally_sdk as sdk
from tests.support.wall import Wall


class Odd(Wall):
    """A wall whose calls can be watched, and whose receipts can be other than usual."""

    state: ClassVar[str] = "sent"
    external_id: ClassVar[str | None] = ""
    """What every receipt says; empty for the platform's own id, None for none."""
    meanwhile: ClassVar[Any] = None

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Answer a note, and let something happen before the receipt is given."""
        receipt = await super().push(message)
        if type(self).meanwhile is not None:
            await type(self).meanwhile(message)
        name = receipt.external_id if self.external_id == "" else self.external_id
        return receipt.model_copy(update={"state": self.state, "external_id": name})


def limits(**limits: Any) -> sdk.Manifest:
    """Return the wall's manifest with other limits."""
    (channel,) = Wall.manifest.channels
    actions = {"reply": channel.actions["reply"].model_copy(update=limits)}
    return Wall.manifest.model_copy(update={"channels": (channel.model_copy(update={"actions": actions}),)})


def odd(**changes: Any) -> type[Odd]:
    """Return a wall that differs."""
    return type("Odd", (Odd,), changes)


def with_connector(**changes: Any) -> pytest.MarkDecorator:
    """Let a test have an odd wall."""
    return pytest.mark.parametrize("connector", [odd(**changes)], ids=[""])
