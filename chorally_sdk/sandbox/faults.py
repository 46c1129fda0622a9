"""Faults on demand: what goes wrong, how often, and whether the platform had acted before it did."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

Kind = Literal[
    "timeout_before_effect",
    "timeout_after_effect",
    "connection_refused",
    "connection_reset",
    "connection_reset_after_effect",
    "error_500_before",
    "error_500_after",
    "rate_limit",
    "rate_limit_date",
    "expired_token",
    "forbidden",
    "gone",
    "invalid",
    "not_json",
    "truncated_page",
    "repeated_cursor",
    "extra_fields",
    "bad_signature",
]
"""Everything that can be asked to go wrong; a twin may know fewer.

``connection_…`` and ``timeout_…`` lose the answer, ``error_…`` is a 5xx, ``not_json`` answers 200 with a page of
HTML after the effect, ``truncated_page`` breaks the body off, ``repeated_cursor`` leads back to the same page,
``extra_fields`` adds what no documentation names.
"""


class AnyFault(BaseModel):
    """Something that goes wrong with the next calls of one kind."""

    model_config = ConfigDict(extra="forbid")

    on: str
    """Which calls meet it: ``read``, ``write``, ``token``, ``webhook``, or a route's own word."""
    kind: str
    times: int = Field(default=1, ge=1)
    """How often it happens before it is over."""
    probability: float = Field(default=1.0, ge=0, le=1)
    """How likely each call meets it."""
    wait_s: int = Field(default=60, ge=0)
    """Seconds that ``rate_limit`` asks to wait."""

    @property
    def is_after(self) -> bool:
        """Whether the platform has acted when it happens."""
        return "after" in self.kind or self.kind in AFTERWARDS


AFTERWARDS = frozenset({"not_json", "truncated_page", "repeated_cursor", "extra_fields"})
"""Kinds that change an answer, and not whether there is one."""


class Fault(AnyFault):
    """A fault of the framework's own kinds."""

    kind: Kind


F = TypeVar("F", bound=AnyFault)


@dataclass
class Faults(Generic[F]):
    """The faults that are still to happen."""

    rng: random.Random
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    hold_s: float = 1.0
    """Seconds an answer is held before it is lost, in the kinds ``timeout_…``."""
    waiting: list[F] = field(default_factory=list)
    happened: int = 0

    def take(self, on: str) -> F | None:
        """Return the fault that the next call of this kind meets, if it meets one."""
        for fault in self.waiting:
            if fault.on in (on, "any") and self.rng.random() < fault.probability:
                fault.times -= 1
                self.happened += 1
                if fault.times == 0:
                    self.waiting.remove(fault)
                return fault
        return None

    def no_answer(self, fault: F) -> Response:
        """Return what a client sees where there is no answer."""
        if fault.kind == "connection_refused":
            return Unreachable()
        return NoAnswer(self.sleep, self.hold_s if fault.kind.startswith("timeout") else 0.0)


def spoiled(answer: Response, kind: str) -> Response | None:
    """Return what becomes of an answer after the platform acted; None where the kind is another."""
    match kind:
        case "truncated_page":
            return Response(bytes(answer.body)[: len(answer.body) * 2 // 3], media_type="application/json")
        case "not_json":
            return Response("<html>Bad gateway</html>", media_type="text/html")
        case "extra_fields":
            return JSONResponse(_with_more(json.loads(bytes(answer.body))))
        case "repeated_cursor":
            return answer
    return None


def _with_more(told: Any) -> Any:
    """Add a field that no documentation names to every object."""
    if isinstance(told, dict):
        return {**{name: _with_more(value) for name, value in told.items()}, "x_new_field": {"any": [1, None, "x"]}}
    return [_with_more(value) for value in told] if isinstance(told, list) else told


class AnswerLost(httpx.ReadTimeout):
    """Ends a call whose answer never arrives."""


class NotReached(httpx.ConnectError):
    """Ends a call that the platform never got."""


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


class Unreachable(Response):
    """Refuses the connection, as far as an application can: ``httpx.ASGITransport`` raises ``ConnectError``."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Begin, so that no server answers in our place, and break off."""
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise NotReached("the sandbox was asked not to be reachable")
