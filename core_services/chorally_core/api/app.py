"""The whole API: each service at its path, what operators ask, and the documents that describe it."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from hashlib import blake2b
from types import MappingProxyType
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

import chorally_sdk as sdk
from chorally_core.api import problem
from chorally_core.api.addresses import Addresses, address_of
from chorally_core.api.auth import open_route
from chorally_core.api.combined import combined
from chorally_core.api.problem import Problem
from chorally_core.ports.coordination import Coordination
from chorally_core.ports.links import shown_path
from chorally_core.telemetry.requests import requested

log = structlog.get_logger(__name__)

MAX_BODY = 1024 * 1024
"""Bytes of a request's body, but for webhooks and uploads."""


def create_app(
    services: Mapping[str, FastAPI],
    served: Callable[[str], sdk.ASGIApp],
    *,
    registry: CollectorRegistry,
    ready: Callable[[], Awaitable[list[str]]],
    degraded: Callable[[], list[str]],
    asyncapi: Callable[[], dict[str, Any]],
) -> FastAPI:
    """Return the application with every service mounted.

    Args:
        services: Applications by service name.
        served: Returns what serves the application of that name.
        registry: What ``/metrics`` shows.
        ready: Says what stands in the way of serving, nothing where all is well.
        degraded: Says what the process does without at the moment, while it goes on serving.
        asyncapi: Describes the topics.
    """
    app = FastAPI(title="Chorally", docs_url=None, redoc_url=None, openapi_url=None)
    problem.install(app)
    describing = asyncio.Lock()

    @app.get("/healthz", include_in_schema=False)
    @open_route("tells only that the process answers")
    async def health() -> Response:
        return PlainTextResponse("ok\n")

    @app.get("/readyz", include_in_schema=False)
    @open_route("tells only whether the process can serve, and why not")
    async def readiness() -> Response:
        reasons = await ready()
        found = {"ready": not reasons, "reasons": reasons, "degraded": degraded()}
        return JSONResponse(found, 503 if reasons else 200)

    @app.get("/metrics", include_in_schema=False)
    @open_route("figures without content, for the operator's own network")
    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/asyncapi.json", include_in_schema=False)
    @open_route("a description, the same for everybody")
    async def topics() -> Response:
        return JSONResponse(asyncapi())

    @app.get("/openapi.json", include_in_schema=False)
    @open_route("a description, the same for everybody")
    async def operations() -> Response:
        async with describing:  # once: it takes a second of work, which must not hold everything else up
            return JSONResponse(await asyncio.to_thread(described, dict(services)))

    @app.get("/docs", include_in_schema=False)
    @open_route("a description, the same for everybody")
    async def documents() -> Response:
        links = "".join(f'<li><a href="/{name}/v1/docs">{name}</a></li>' for name in sorted(services))
        page = f"<!doctype html><title>Chorally API</title><h1>Chorally API</h1><ul>{links}</ul>"
        page += '<p><a href="/openapi.json">All services in one document (OpenAPI)</a></p>'
        return HTMLResponse(f'{page}<p><a href="/asyncapi.json">Topics and events (AsyncAPI)</a></p>')

    for name in services:
        app.mount(f"/{name}/v1", served(name))
    return app


def described(services: Mapping[str, FastAPI]) -> dict[str, Any]:
    """Return one OpenAPI document of all services."""
    return combined({name: service.openapi() for name, service in sorted(services.items())})


class Limits:
    """Bounds each token's or address's rate, and each body's size, before anything is read."""

    def __init__(
        self,
        behind: sdk.ASGIApp,
        coordination: Coordination,
        *,
        rate: int,
        addresses: Addresses,
        max_body: int = MAX_BODY,
        larger: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Prepare.

        Args:
            behind: Serves what is let through.
            coordination: Counts requests.
            rate: Requests a minute.
            addresses: Counts what each address asks.
            max_body: Bytes of a body.
            larger: Bytes of a body by path, where it may be larger: what serves that path streams it.
        """
        self._behind = behind
        self._larger = dict(larger)
        self._coordination = coordination
        self._rate = rate
        self._addresses = addresses
        self._max_body = max_body

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in ("/healthz", "/readyz", "/metrics"):
            await self._behind(scope, receive, send)
            return
        if wait_s := self._addresses.ask(address_of(scope)):
            wait = str(max(1, math.ceil(wait_s)))
            detail = f"more than {self._addresses.rate} requests a minute from one address; wait {wait} seconds"
            refusal = Problem(429, detail, code="rate-limited", headers={"Retry-After": wait})
            await _refuse(refusal, scope, receive, send)
            return
        taken = await self._coordination.take(f"token/{_who(scope)}", limit=self._rate, per_s=60.0)
        if not taken.granted:
            wait = str(max(1, math.ceil(taken.wait_s)))
            detail = f"more than {self._rate} requests a minute; wait {wait} seconds"
            await _refuse(
                Problem(429, detail, code="rate-limited", headers={"Retry-After": wait}), scope, receive, send
            )
            return
        most = self._larger.get(scope["path"], self._max_body) if self._larger else self._max_body
        refusal = Problem(413, f"a body may have {most} bytes", code="body-too-large")
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if length.isdigit() and int(length) > most:
            await _refuse(refusal, scope, receive, send)
            return
        size = 0

        async def bounded() -> Any:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > most:
                raise refusal
            return message

        async def told(message: Any) -> None:
            if size <= most:
                await send(message)
            elif message["type"] == "http.response.start":  # whatever was made of the refusal on its way
                await _refuse(refusal, scope, receive, send)

        await self._behind(scope, bounded, told)


class Contained:
    """Keeps an error that nobody foresaw to its own request: logged, and answered as a problem."""

    def __init__(self, behind: sdk.ASGIApp) -> None:
        self._behind = behind

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        started = False

        async def noted(message: Any) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await requested(self._behind, scope, receive, noted)
        except Exception as error:
            log.error(
                "request failed", method=scope.get("method"), path=shown_path(scope.get("path", "")), exc_info=error
            )
            if not started and scope["type"] == "http":
                await _refuse(problem.unexpected(), scope, receive, send)


async def _refuse(refusal: Problem, scope: Any, receive: Any, send: Any) -> None:
    await refusal.response()(scope, receive, send)


def _who(scope: Any) -> str:
    """A digest of the token, or the address of a caller without one."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            return blake2b(value, digest_size=12).hexdigest()
    client = scope.get("client")
    return client[0] if client else "unknown"
