"""The HTTP client for URLs that a tenant gave.

A URL is judged as it is written, its name by the addresses that it leads to, and the connection goes to an
address that was judged; so is every redirect. There is no proxy, no cookie and no decompression, and time
and bytes of a whole call are bounded.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import httpcore
import httpx

from chorally_core.adapters.outside.dialing import Dialling
from chorally_core.ports.outside import Answer, NoAnswer, NotAllowed, TooLong
from chorally_sdk.errors import Rejected
from chorally_sdk.http.dialing import LookUp
from chorally_sdk.http.hosts import Hosts, Network

CONNECT_S = 10.0
MAX_URL = 4096  # characters
CONNECTIONS = 500
KEPT_S = 15.0
_HOST = re.compile(rb"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PORTS = {"https": 443, "http": 80}
_OWN = frozenset({"authorization", "cookie", "proxy-authorization"})
"""Headers that stay with the host for which they were given."""
_NETWORK_ERRORS = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError)


class PublicOutside:
    """Calls URLs of the public internet, and of networks that whoever runs the host has named."""

    def __init__(
        self, private: Sequence[Network] = (), *, plain_http: bool = False, kept: int = 0, look_up: LookUp | None = None
    ) -> None:
        """Prepare a client; nothing is opened before the first call.

        Args:
            private: Networks that may be called besides public addresses.
            plain_http: Whether ``http://`` may be called too.
            kept: Connections that stay open for a while after a call; with none there is nothing to close in the end.
            look_up: Looks names up, in place of the system.
        """
        self._hosts = Hosts(httpx.URL(), ("*",), private)
        self._schemes = ("https", "http") if plain_http else ("https",)
        self._kept = kept
        self._dialling = Dialling(self._hosts, look_up)
        self._pool: httpcore.AsyncConnectionPool | None = None

    def check(self, url: str) -> None:
        """Refuse a URL that can be seen to be wrong; see the port."""
        self._judged(url)

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        within: timedelta,
        max_bytes: int,
        redirects: int = 0,
    ) -> Answer:
        """Call a URL and return the answer with the beginning of its body; see the port."""
        got, cut = bytearray(), False
        async with self.opened(
            method, url, headers=headers, body=body, within=within, max_bytes=max_bytes, redirects=redirects
        ) as answer:
            try:
                async for piece in answer.pieces():
                    got += piece
            except TooLong:
                cut = True
        return Answer(answer.status, answer.headers, bytes(got[:max_bytes]), cut)

    @asynccontextmanager
    async def opened(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        within: timedelta,
        max_bytes: int,
        redirects: int = 0,
    ) -> AsyncIterator["_Opened"]:
        """Open an answer whose body is read in pieces; see the port."""
        deadline = asyncio.get_running_loop().time() + within.total_seconds()
        at, sent = self._judged(url), {**(headers or {}), "accept-encoding": "identity"}
        async with AsyncExitStack() as stack:
            for left in range(redirects, -1, -1):
                response = await self._once(stack, method, at, sent, body, deadline)
                onward = _header(response, b"location")
                if not (left and onward and response.status in _REDIRECTS and method in ("GET", "HEAD")):
                    break
                await response.aclose()
                at, sent = self._redirected(at, onward, sent)
            yield _Opened(response, str(at), max_bytes, deadline)

    async def aclose(self) -> None:
        """Close all connections."""
        if self._pool is not None:
            await self._pool.aclose()
        self._dialling.close()

    def _judged(self, url: str) -> httpx.URL:
        if len(url) > MAX_URL:
            raise NotAllowed(f"the URL is longer than {MAX_URL} characters")
        try:
            at = httpx.URL(url)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise NotAllowed(f"this is no URL that can be called ({error}); give https://host/path") from error
        if not _HOST.fullmatch(at.raw_host):
            raise NotAllowed("the URL names no host that can be called; give https://host/path")
        if at.scheme not in self._schemes:
            raise NotAllowed(f"only {' and '.join(self._schemes)} is called; give https://host/path")
        if at.userinfo:
            raise NotAllowed("the URL holds a user or password; leave it out")
        port = _PORTS[at.scheme] if at.port is None else at.port
        if port not in _PORTS.values() and not 1024 <= port <= 65535:
            raise NotAllowed(f"port {port} is not called; use 443, or one from 1024 on")
        try:
            self._hosts.guards(at.raw_host.decode("ascii"))
        except Rejected as error:
            raise NotAllowed(str(error)) from error
        return at

    def _redirected(self, at: httpx.URL, onward: str, sent: dict[str, str]) -> tuple[httpx.URL, dict[str, str]]:
        try:
            target = at.join(onward)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise NotAllowed("it redirects to what is no URL") from error
        to = self._judged(str(target))
        if at.scheme == "https" and to.scheme == "http":
            raise NotAllowed("it redirects from https to http")
        if (to.scheme, to.host, to.port) != (at.scheme, at.host, at.port):
            sent = {name: value for name, value in sent.items() if name.lower() not in _OWN}
        return to, sent

    async def _once(
        self,
        stack: AsyncExitStack,
        method: str,
        at: httpx.URL,
        headers: Mapping[str, str],
        body: bytes,
        deadline: float,
    ) -> httpcore.Response:
        asked = httpx.Request(method, at, headers=headers, content=body)
        request = httpcore.Request(
            method,
            httpcore.URL(
                scheme=at.raw_scheme,
                host=at.raw_host,
                port=at.port,
                target=at.raw_path,
            ),
            headers=asked.headers.raw,
            content=body,
            extensions={"timeout": {"connect": CONNECT_S, "pool": CONNECT_S}},
        )
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._connections().handle_async_request(request)
        except _NETWORK_ERRORS as error:
            raise NoAnswer(f"{at.host} does not answer: {_why(error)}") from error
        stack.push_async_callback(response.aclose)
        return response

    def _connections(self) -> httpcore.AsyncConnectionPool:
        if self._pool is None:
            self._pool = httpcore.AsyncConnectionPool(
                ssl_context=httpx.create_ssl_context(),
                max_connections=CONNECTIONS,
                max_keepalive_connections=self._kept,
                keepalive_expiry=KEPT_S,
                network_backend=self._dialling,
            )
        return self._pool


class _Opened:
    """An answer whose body is still to be read."""

    def __init__(self, response: httpcore.Response, url: str, max_bytes: int, deadline: float) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = _joined(response.headers)
        self.url = url
        self._response = response
        self._max_bytes = max_bytes
        self._deadline = deadline

    async def pieces(self) -> AsyncIterator[bytes]:
        """Read the body; see the port."""
        read, pieces = 0, aiter(self._response.aiter_stream())
        while True:
            try:
                async with asyncio.timeout_at(self._deadline):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except _NETWORK_ERRORS as error:
                raise NoAnswer(f"the answer ended early: {_why(error)}") from error
            left = self._max_bytes - read
            read += len(piece)
            yield piece[:left]
            if read > self._max_bytes:
                raise TooLong(f"the answer has more than {self._max_bytes} bytes")


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _header(response: httpcore.Response, wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in response.headers if name.lower() == wanted), "")


def _why(error: Exception) -> str:
    """Say what happened, without anything of what was sent."""
    if isinstance(error, TimeoutError | httpcore.TimeoutException):
        return "it took too long"
    return str(error)[:200] or type(error).__name__
