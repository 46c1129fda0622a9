"""One address in front of several processes: a reverse proxy that streams both ways.

For whoever tries several processes on one machine; in production an ingress does this, and more.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx
import structlog
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from chorally_core.api.problem import Problem
from chorally_core.ports.links import shown_path

log = structlog.get_logger(__name__)

_HOPS = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
"""Headers that concern one connection only (RFC 9110, 7.6.1)."""
_FRAMES = frozenset((b"content-length", b"transfer-encoding"))
"""Headers that say that a body follows."""
_OURS = frozenset((b"x-forwarded-for", b"x-forwarded-proto"))
_PLATFORMS = "io"
"""The service at whose door platforms knock."""


class Gateway:
    """Sends ``/SERVICE/v1/…`` to the process that serves it, and ``/PLATFORM/v1/…`` to that of io."""

    def __init__(
        self, places: Callable[[], Mapping[str, str | None]], *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """Prepare; nothing is connected yet.

        Args:
            places: Base URLs of the processes by service, as they are now; None while one is not there.
            transport: What requests go through, in place of the network.
        """
        self._places = places
        self._http = httpx.AsyncClient(
            transport=transport,
            timeout=httpx.Timeout(None, connect=2.0),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=2.0),
            trust_env=False,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            raise RuntimeError("the gateway serves HTTP only")
        try:
            own = await self._own(scope["path"])
            if own is not None:
                await own(scope, receive, send)
                return
            await self._pass(scope, receive, send, self._place_of(scope["path"]))
        except Problem as problem:
            await problem.response()(scope, receive, send)

    async def _own(self, path: str) -> Response | None:
        """What the gateway answers itself."""
        if path == "/healthz":
            return PlainTextResponse("ok\n")
        if path == "/readyz":
            return await self._ready()
        if path == "/docs":
            links = "".join(f'<li><a href="/{name}/v1/docs">{name}</a></li>' for name in sorted(self._places()))
            return HTMLResponse(f"<!doctype html><title>Chorally API</title><h1>Chorally API</h1><ul>{links}</ul>")
        return None

    async def _ready(self) -> Response:
        """Whether all processes are ready, and what each of them says."""
        places = self._places()
        said = dict(zip(places, await asyncio.gather(*map(self._asked, places.values())), strict=True))
        reasons = [f"{name}: {reason}" for name, found in said.items() for reason in found["reasons"]]
        degraded = [f"{name}: {reason}" for name, found in said.items() for reason in found["degraded"]]
        found = {"ready": not reasons, "reasons": reasons, "degraded": degraded}
        return JSONResponse(found, 503 if reasons else 200)

    async def _asked(self, place: str | None) -> dict[str, list[str]]:
        nothing: list[str] = []
        if place is None:
            return {"reasons": ["the process is not there"], "degraded": nothing}
        try:
            found = (await self._http.get(f"{place}/readyz", timeout=5.0)).json()
            return {"reasons": found["reasons"], "degraded": found["degraded"]}
        except (httpx.TransportError, ValueError, LookupError) as error:
            return {"reasons": [f"the process does not answer ({type(error).__name__})"], "degraded": nothing}

    def _place_of(self, path: str) -> str:
        """Where a path is served.

        Raises:
            Problem: Nowhere, or not now.
        """
        places = self._places()
        if path == "/asyncapi.json":  # the same everywhere
            path = f"/{_PLATFORMS}/v1"
        name, _, rest = path.lstrip("/").partition("/")
        if not (rest + "/").startswith("v1/"):
            raise Problem(404, "there is nothing here; services are at /SERVICE/v1", code="not-found")
        service = name if name in places else _PLATFORMS
        if service not in places:
            raise Problem(404, f"there is no service {name}", code="not-found")
        place = places[service]
        if place is None:
            raise _away(service)
        return place

    async def _pass(self, scope: Any, receive: Any, send: Any, place: str) -> None:
        """Hand a request on, and its answer back, piece by piece; whoever leaves ends both."""
        bodies = _Body(receive)
        has_body = any(name in _FRAMES for name, _ in scope["headers"])
        content = bodies.parts() if has_body else None
        request = httpx.Request(scope["method"], _url(place, scope), headers=_headers(scope), content=content)
        try:
            answer = await self._http.send(request, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _away(scope["path"].split("/")[1]) from error
        except httpx.TransportError as error:
            detail = "the process ended before it answered, so it may have done it or not; look, or use Idempotency-Key"
            raise Problem(502, detail, code="no-answer") from error
        except _Left:
            return
        async with contextlib.aclosing(answer):
            headers = [(name, value) for name, value in answer.headers.raw if name.lower() not in _HOPS]
            await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
            returning = asyncio.create_task(_return(answer, send))
            leaving = asyncio.create_task(bodies.left())
            try:
                await asyncio.wait((returning, leaving), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (returning, leaving):
                    task.cancel()
                outcome = (await asyncio.gather(returning, leaving, return_exceptions=True))[0]
        if isinstance(outcome, httpx.TransportError):  # the server then closes the connection
            log.warning("an answer broke off", path=shown_path(scope["path"]), error=type(outcome).__name__)
        elif isinstance(outcome, Exception):
            raise outcome


class _Left(Exception):
    """The client went away before its request was complete."""


class _Body:
    """The body of a request as it comes, and then whether its sender leaves."""

    def __init__(self, receive: Any) -> None:
        self._receive = receive

    async def parts(self) -> AsyncIterator[bytes]:
        """Yield the parts."""
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise _Left
            more = message.get("more_body", False)
            if part := message.get("body", b""):
                yield part

    async def left(self) -> None:
        """Return when the sender has gone away."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def _return(answer: httpx.Response, send: Any) -> None:
    async for part in answer.aiter_raw():
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _away(service: str) -> Problem:
    detail = f"the process of {service} is not there at the moment; send it again in a moment"
    return Problem(503, detail, code="unavailable", headers={"Retry-After": "2"})


def _url(place: str, scope: Any) -> str:
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    return f"{place}{path}?{query}" if query else f"{place}{path}"


def _headers(scope: Any) -> list[tuple[bytes, bytes]]:
    """The request's headers, without those of its connection, with where it came from."""
    headers = [(name, value) for name, value in scope["headers"] if name not in _HOPS and name not in _OURS]
    client = scope.get("client")
    headers.append((b"x-forwarded-for", (client[0] if client else "unknown").encode()))
    headers.append((b"x-forwarded-proto", scope.get("scheme", "http").encode()))
    return headers
