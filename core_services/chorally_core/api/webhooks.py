"""The webhook door: a bare ASGI callable in front of everything else, for every installed platform.

``/<platform>/v1/webhook`` is the URL of a platform's apps, ``/<platform>/v1/webhook/<token>[/…]`` that of one
app or account. Any method is taken; what proves a request is the platform's own affair (``verify``).
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import structlog
from opentelemetry.trace import SpanKind

import chorally_sdk as sdk
from chorally_core.api.problem import Problem
from chorally_core.ports.objects import Unavailable as ObjectsAway
from chorally_core.services.io.journal import Journal, Unavailable
from chorally_core.telemetry import traces

log = structlog.get_logger(__name__)

MAX_BODY = 4 * 1024 * 1024
"""Bytes of a hook's body; the largest that a platform documents is 3 MB."""

_TAIL = "/v1/webhook"


class Webhooks:
    """Takes hooks; everything else goes on to the application behind."""

    def __init__(
        self, behind: sdk.ASGIApp, journal: Journal, *, now: Callable[[], datetime], max_body: int = MAX_BODY
    ) -> None:
        self._behind = behind
        self._journal = journal
        self._now = now
        self._max_body = max_body

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            platform, found, rest = scope["path"].lstrip("/").partition(_TAIL)
            if found and "/" not in platform and (not rest or rest[0] == "/"):
                with traces.begin("webhook", kind=SpanKind.SERVER):
                    await self._hook(scope, receive, send, platform, rest.strip("/"))
                return
        await self._behind(scope, receive, send)

    async def _hook(self, scope: Any, receive: Any, send: Any, platform: str, rest: str) -> None:
        try:
            body = await self._body(scope, receive)
            verdict = await self._judged(scope, platform, rest, body)
        except Problem as problem:
            document = problem.response()
            headers = (
                [*document.raw_headers, (b"connection", b"close")] if problem.status == 413 else document.raw_headers
            )
            traces.note_error(problem.code)
            await _answer(send, problem.status, bytes(document.body), headers)
            return
        if traces.on:
            traces.note(name=f"webhook {platform}", platform=platform, verdict=verdict.kind, status=verdict.status)
        if verdict.kind in ("reject", "stale_keys"):
            detail = "the request does not prove that it comes from the platform; check the secret on both sides"
            answer = Problem(verdict.status, detail, code="webhook-rejected").response()
            await _answer(send, verdict.status, bytes(verdict.body or answer.body), answer.raw_headers)
            return
        headers = [
            (b"content-type", verdict.media_type.encode()),
            (b"content-length", str(len(verdict.body)).encode()),
        ]
        await _answer(send, verdict.status, verdict.body, headers)

    async def _judged(self, scope: Any, platform: str, rest: str, body: bytes) -> sdk.Verdict:
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            lower = name.decode("latin-1").lower()
            text = value.decode("latin-1")
            headers[lower] = f"{headers[lower]}, {text}" if lower in headers else text
        query = scope["query_string"].decode("latin-1")
        raw = sdk.RawHook(
            method=scope["method"],
            path=scope["path"],
            query=dict(parse_qsl(query, keep_blank_values=True)) if query else {},
            headers=headers,
            body=body,
            received_at=self._now(),
        )
        try:
            return await self._journal.receive(platform, rest.partition("/")[0], raw)
        except LookupError as error:
            raise Problem(404, str(error), code="unknown-webhook") from None
        except ObjectsAway as error:
            detail = "large webhooks cannot be stored at the moment; send it again later"
            raise Problem(503, detail, code="unavailable", headers={"Retry-After": "10"}) from error
        except Unavailable as error:
            detail = f"{error}; send it again later"
            raise Problem(503, detail, code="unavailable", headers={"Retry-After": "10"}) from error
        except Exception as error:
            log.error("webhook failed", platform=platform, exc_info=error)
            raise Problem(500, "the webhook could not be taken; send it again") from error

    async def _body(self, scope: Any, receive: Any) -> bytes:
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if declared.isdigit() and int(declared) > self._max_body:
            raise self._too_large()
        parts = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Problem(400, "the request ended before its body was complete")
            part = message.get("body", b"")
            size += len(part)
            if size > self._max_body:
                raise self._too_large()
            parts.append(part)
            if not message.get("more_body"):
                return parts[0] if len(parts) == 1 else b"".join(parts)

    def _too_large(self) -> Problem:
        return Problem(413, f"a webhook's body may have {self._max_body} bytes", code="body-too-large")


async def _answer(send: Any, status: int, body: bytes, headers: Any) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
