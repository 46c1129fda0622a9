"""The control plane of a twin under ``/_sandbox``: faults, the clock, what people say, and the state."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chorally_sdk.sandbox.faults import Fault
from chorally_sdk.sandbox.levers import NotOffered

if TYPE_CHECKING:
    from chorally_sdk.sandbox.twin import Twin


class Body(BaseModel):
    """What a route takes; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Say(Body):
    """Something that a person says."""

    body: str
    author: str | None = "ada"
    parent: str | None = None


class Pass(Body):
    """Time that passes."""

    seconds: float = Field(ge=0)


B = TypeVar("B", bound=BaseModel)


async def did(request: Request, shape: type[B], do: Callable[[B], Awaitable[Any]]) -> Response:
    """Answer a control route: read what it takes, do it, and tell mistakes by 400 and 404."""
    try:
        return JSONResponse(await do(shape.model_validate_json(await request.body() or b"{}")))
    except ValidationError as wrong:
        return JSONResponse({"error": wrong.errors(include_url=False, include_context=False)}, status_code=400)
    except KeyError as missing:
        return JSONResponse({"error": f"there is no object {missing}"}, status_code=404)
    except (ValueError, NotOffered) as wrong:
        return JSONResponse({"error": str(wrong)}, status_code=400)


def control_routes(twin: "Twin") -> list[Route]:
    """Return the routes that every twin has."""

    async def add_fault(request: Request) -> Response:
        async def add(asked: Fault) -> dict[str, Any]:
            twin.faults.waiting.append(asked)
            return {"success": True}

        return await did(request, Fault, add)

    async def clear_faults(_: Request) -> Response:
        twin.faults.waiting.clear()
        return JSONResponse({"success": True})

    async def say(request: Request) -> Response:
        async def do(asked: Say) -> dict[str, Any]:
            return {"id": await twin.say(asked.body, author=asked.author, parent=asked.parent)}

        return await did(request, Say, do)

    async def let_pass(request: Request) -> Response:
        async def do(asked: Pass) -> dict[str, Any]:
            twin.clock.pass_(seconds=asked.seconds)
            return {"now": twin.clock().isoformat()}

        return await did(request, Pass, do)

    async def state(_: Request) -> Response:
        faults = {"happened": twin.faults.happened, "waiting": [fault.model_dump() for fault in twin.faults.waiting]}
        return JSONResponse({**twin.state(), "faults": faults, "calls": twin.calls, "now": twin.clock().isoformat()})

    return [
        Route("/_sandbox/faults", add_fault, methods=["POST"]),
        Route("/_sandbox/faults", clear_faults, methods=["DELETE"]),
        Route("/_sandbox/say", say, methods=["POST"]),
        Route("/_sandbox/clock", let_pass, methods=["POST"]),
        Route("/_sandbox/state", state, methods=["GET"]),
    ]
