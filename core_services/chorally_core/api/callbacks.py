"""The call-back door: where platforms send people back after a consent, for every installed platform.

``GET /<platform>/v1/callback`` needs no token: the state proves it, which is unguessable, holds for minutes and works
once, and where the consent was begun in a browser, that browser's cookie. The person sees what came of it, or is sent
on to the page that was agreed upon.
"""

from collections.abc import Sequence
from html import escape
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import chorally_sdk as sdk
from chorally_core.ports.refused import Refused
from chorally_core.services.io.authorizations import Authorization, Authorizations
from chorally_core.services.io.browsers import Cookie

_TAIL = "/v1/callback"
_HEADERS = [
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
]


class Callbacks:
    """Takes call-backs; everything else goes on to the application behind."""

    def __init__(self, behind: sdk.ASGIApp, authorizations: Authorizations) -> None:
        self._behind = behind
        self._authorizations = authorizations

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] == "GET" and scope["path"].endswith(_TAIL):
            platform = scope["path"].removesuffix(_TAIL).lstrip("/")
            if platform and "/" not in platform:
                await self._back(scope, send, platform)
                return
        await self._behind(scope, receive, send)

    async def _back(self, scope: Any, send: Any, platform: str) -> None:
        params = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        try:
            asked = await self._authorizations.take(platform, params, _cookies(scope))
        except Refused as error:
            await _page(send, 400, "Not connected", f"This link cannot be used here: {error}.")
            return
        if asked is None:
            why = "This link is not valid any more: it was used, or came too late. Start again."
            await _page(send, 400, "Not connected", why)
            return
        forget = [Cookie.of(params["state"], asked.redirect_uri).header(0)] if asked.bound else []
        if asked.return_url:
            await _onward(send, asked, forget)
        elif asked.state != "done":
            await _page(send, 400, "Not connected", asked.reason, forget)
        elif asked.account_id is not None and not asked.reason:
            await _page(send, 200, "Connected again", "You can close this window.", forget)
        else:
            told = asked.reason or "Go back and choose the accounts to connect."
            await _page(send, 200, "Consent given", told, forget)


def _cookies(scope: Any) -> dict[str, str]:
    """The cookies of a request, as browsers send them."""
    lines = (value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")
    pairs = (pair.strip().partition("=") for line in lines for pair in line.split(";"))
    return {name: value for name, _, value in pairs}


async def _onward(send: Any, asked: Authorization, cookies: Sequence[str]) -> None:
    told = urlencode({"authorization_id": asked.id, "state": asked.state})
    joint = "&" if urlsplit(asked.return_url).query else "?"
    location = f"{asked.return_url}{joint}{told}".encode()
    headers = [*_HEADERS, (b"location", location), *_set(cookies)]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _set(cookies: Sequence[str]) -> list[tuple[bytes, bytes]]:
    return [(b"set-cookie", cookie.encode()) for cookie in cookies]


async def _page(send: Any, status: int, title: str, text: str, cookies: Sequence[str] = ()) -> None:
    page = f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title>"
    body = f"{page}<h1>{escape(title)}</h1><p>{escape(text)}</p></html>".encode()
    headers = [
        *_HEADERS, (b"content-type", b"text/html; charset=utf-8"), (b"content-length", str(len(body)).encode()),
        *_set(cookies),
    ]  # fmt: skip
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
