"""What stands before every answer of the API: what browsers shall not do with it, and who may ask from elsewhere."""

from collections.abc import Collection, Sequence
from typing import Any

from starlette.middleware.cors import CORSMiddleware

import chorally_sdk as sdk

_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
_NOTHING = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_PAGES = ("/docs", "/redoc")
"""Endings of the paths of pages, which load scripts to show the API."""
_SENT = ("Authorization", "Content-Type", "If-Match", "If-None-Match", "Idempotency-Key", "Last-Event-ID", "Range")
_READ = ("ETag", "Location", "Retry-After", "Content-Disposition", "Content-Range", "Link")
_KEPT_S = 600


class SafeHeaders:
    """Adds headers to each answer that has none of the name: not to be framed, guessed at, kept, or sent in clear."""

    def __init__(self, behind: sdk.ASGIApp, *, https_s: int = 0) -> None:
        """Prepare.

        Args:
            behind: Serves what is asked.
            https_s: Seconds for which browsers shall come by https only; 0 says nothing of it.
        """
        self._behind = behind
        strict = (b"strict-transport-security", f"max-age={https_s}".encode())
        always = (*_ALWAYS, strict) if https_s else _ALWAYS
        self._pages = always
        self._others = (*always, _NOTHING, (b"cache-control", b"no-store"))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._behind(scope, receive, send)
            return
        headers = self._pages if scope["path"].endswith(_PAGES) else self._others

        async def told(message: Any) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message.get("headers", ())}
                added = [pair for pair in headers if pair[0] not in given]
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        await self._behind(scope, receive, told)


def asked_from_elsewhere(behind: sdk.ASGIApp, origins: Collection[str]) -> sdk.ASGIApp:
    """Return what lets pages of some origins use the API from a browser; they send a token, never cookies.

    Args:
        behind: Serves what is asked.
        origins: Such as ``https://inbox.example.com``; ``*`` for all. Where there are none, nothing is added.
    """
    if not origins:
        return behind
    allowed: Sequence[str] = list(origins)
    app: Any = CORSMiddleware(
        behind,
        allow_origins=allowed,
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=_SENT,
        expose_headers=_READ,
        max_age=_KEPT_S,
    )
    served: sdk.ASGIApp = app
    return served
