"""Faults on demand: what the SDK's framework knows, named by what people see of them."""

from typing import Literal

from pydantic import Field, model_validator

from chorally_sdk.sandbox.faults import AnswerLost, Kind, NoAnswer
from chorally_sdk.sandbox.faults import Fault as AnyFault
from chorally_sdk.sandbox.faults import Faults as AnyFaults

__all__ = ["AnswerLost", "Fault", "Faults", "Kind", "NoAnswer"]

On = Literal["reply", "read", "webhook", "token"]


class Fault(AnyFault):
    """Something that goes wrong with the next calls of one kind."""

    on: On
    """``reply``: any call that makes or changes something; ``read``: any GET; ``webhook``: a delivery."""
    kind: Kind
    """``bad_signature`` is of webhooks only. Of webhooks, what is not ``…_after…`` fails before it is sent."""
    wait_minutes: int = Field(default=1, ge=0)
    """What ``rate_limit`` says of when access is regained."""

    @model_validator(mode="after")
    def _in_seconds(self) -> "Fault":
        self.wait_s = self.wait_minutes * 60
        return self


class Faults(AnyFaults[AnyFault]):
    """The faults that are still to happen; ``reply`` is this platform's word for a write."""

    def take(self, on: str) -> AnyFault | None:
        """Return the fault that the next call of this kind meets, if it meets one."""
        return super().take(on) or (super().take("reply") if on == "write" else None)
