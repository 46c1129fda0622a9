"""Faults on demand: what goes wrong, how often, and whether the platform had acted before it did."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

On = Literal["reply", "read", "webhook"]
Kind = Literal[
    "timeout_before_effect",
    "timeout_after_effect",
    "connection_reset",
    "connection_reset_after_effect",
    "error_500_before",
    "error_500_after",
    "rate_limit",
    "expired_token",
    "bad_signature",
]


class Fault(BaseModel):
    """Something that goes wrong with the next calls of one kind."""

    model_config = ConfigDict(extra="forbid")

    on: On
    """``reply``: a comment is posted; ``read``: any GET; ``webhook``: a delivery."""
    kind: Kind
    """``bad_signature`` is of webhooks only. Of webhooks, what is not ``…_after…`` fails before it is sent."""
    times: int = Field(default=1, ge=1)
    """How often it happens before it is over."""
    probability: float = Field(default=1.0, ge=0, le=1)
    """How likely each call meets it."""
    wait_minutes: int = Field(default=1, ge=0)
    """What ``rate_limit`` says of when access is regained."""

    @property
    def is_after(self) -> bool:
        """Whether the platform has acted when it happens."""
        return "after" in self.kind


@dataclass
class Faults:
    """The faults that are still to happen."""

    rng: random.Random
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    hold_s: float = 1.0
    """Seconds an answer is held before it is lost, in the kinds ``timeout_…``."""
    waiting: list[Fault] = field(default_factory=list)
    happened: int = 0

    def take(self, on: On) -> Fault | None:
        """Return the fault that the next call of this kind meets, if it meets one."""
        for fault in self.waiting:
            if fault.on == on and self.rng.random() < fault.probability:
                fault.times -= 1
                self.happened += 1
                if fault.times == 0:
                    self.waiting.remove(fault)
                return fault
        return None

    def answer(self, fault: Fault, page_id: str) -> Response:
        """Return what the client sees of a fault."""
        match fault.kind:
            case "error_500_before" | "error_500_after":
                return error(2, "Service temporarily unavailable", status=500, is_transient=True)
            case "expired_token":
                return error(190, "Error validating access token: Session has expired", status=401, subcode=463)
            case "rate_limit":
                row = {"type": "pages", "call_count": 100, "total_cputime": 30, "total_time": 30}
                used = {page_id: [{**row, "estimated_time_to_regain_access": fault.wait_minutes}]}
                answer = error(80001, "There have been too many calls to this Page account", status=400)
                answer.headers["X-Business-Use-Case-Usage"] = httpx.Response(200, json=used).text
                return answer
            case _:
                return NoAnswer(self.sleep, self.hold_s if fault.kind.startswith("timeout") else 0.0)


class AnswerLost(httpx.ReadTimeout):
    """Ends a call whose answer never arrives."""


class NoAnswer(Response):
    """Holds the answer, and then loses it.

    A client that waits less than the hold sees its own time-out. A more patient one sees the connection
    close: an answer is begun and never ended, which makes a server such as uvicorn drop it
    (``RemoteProtocolError`` in httpx). ``httpx.ASGITransport`` passes the error on as it is (``ReadTimeout``).
    """

    def __init__(self, sleep: Callable[[float], Awaitable[None]], hold_s: float) -> None:
        super().__init__(b"?")
        self._sleep = sleep
        self._hold_s = hold_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold, begin, and break off."""
        await self._sleep(self._hold_s)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        raise AnswerLost("the sandbox was asked to lose this answer")


def error(
    code: int, message: str, *, status: int, subcode: int | None = None, is_transient: bool = False
) -> JSONResponse:
    """Return an error as the Graph API shapes it."""
    told: dict[str, object] = {"message": f"(#{code}) {message}", "type": "OAuthException", "code": code}
    if subcode is not None:
        told["error_subcode"] = subcode
    if is_transient:
        told["is_transient"] = True
    return JSONResponse({"error": {**told, "fbtrace_id": "Sandbox"}}, status_code=status)
