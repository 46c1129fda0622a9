"""A span of each request of the API, named by its route: never by its path or query, which name people and things."""

from collections.abc import Awaitable, Callable
from typing import Any

from opentelemetry.trace import SpanKind

from chorally_core.telemetry.traces import traces


async def requested(behind: Callable[[Any, Any, Any], Awaitable[None]], scope: Any, receive: Any, send: Any) -> None:
    """Serve one request in a trace of its own; whoever asks may have one already, which is linked."""
    if not traces.on or scope["type"] != "http":
        await behind(scope, receive, send)
        return
    caller = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"), "")
    method, status = scope["method"], 0

    async def told(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        await send(message)

    with traces.begin(method, kind=SpanKind.SERVER, caller=caller, method=method):
        try:
            await behind(scope, receive, told)
        finally:
            route = scope.get("root_path", "") + getattr(scope.get("route"), "path", "")
            if route:
                traces.note(name=f"{method} {route}", route=route)
            if status:
                traces.note(status=status)
            if status >= 500 or not status:
                traces.note_error(str(status or "no answer"))
