"""WebSockets on the terms of the HTTP client: declared hosts, public addresses, time-outs, our errors."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx

from chorally_sdk.errors import ConnectorError, Rejected, RetryLater, Unsupported
from chorally_sdk.http.dialing import TIMEOUT, dial
from chorally_sdk.http.faults import by_status
from chorally_sdk.http.hosts import Hosts

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

MAX_BYTES = 16 * 2**20
"""Largest message."""

Closed = Callable[[int, str], ConnectorError | None]
"""What it means that the platform closed, by its code and reason; None for nothing but a loss."""


class Socket:
    """An open WebSocket; the loss of it is a ``RetryLater``, unless its closing means something else."""

    def __init__(self, line: "ClientConnection", closed: Closed) -> None:
        """Take over an open one."""
        self._line = line
        self._closed = closed

    async def send(self, message: str | bytes) -> None:
        """Send text or bytes.

        Raises:
            ConnectorError: The connection is lost, or what its closing means.
        """
        from websockets.exceptions import ConnectionClosed

        try:
            await self._line.send(message)
        except ConnectionClosed as error:
            raise self._lost() from error

    async def receive(self, within: timedelta | None = None) -> str | bytes:
        """Return the next message.

        Raises:
            TimeoutError: None came within that time; none is lost by asking again.
            ConnectorError: The connection is lost, or what its closing means.
        """
        from websockets.exceptions import ConnectionClosed

        try:
            async with asyncio.timeout(within.total_seconds() if within is not None else None):
                return await self._line.recv()
        except ConnectionClosed as error:
            raise self._lost() from error

    def _lost(self) -> ConnectorError:
        code, reason = self._line.close_code or 1006, self._line.close_reason or ""
        meant = self._closed(code, reason)
        return meant or RetryLater(f"the platform closed the connection ({code} {reason[:200]})".replace(" )", ")"))


@asynccontextmanager
async def opened(
    hosts: Hosts,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    closed: Closed = lambda code, reason: None,
    fault: Callable[[httpx.Response], ConnectorError | None] = by_status,
    timeout: timedelta = TIMEOUT,
) -> AsyncIterator[Socket]:
    """Open a WebSocket and close it again; ``ws://`` only at the base URL's own host and port.

    Args:
        hosts: Whom the connector may call.
        url: ``wss://…``.
        headers: Sent with the request, such as ``Authorization``.
        closed: What a closing means.
        fault: What a refusal means, an answer by HTTP.
        timeout: For connecting, and again for the handshake.

    Raises:
        Rejected: The URL may not be called.
        RetryLater: It cannot be reached.
        ConnectorError: What the refusal means.
        Unsupported: ``chorally-sdk[websocket]`` is not installed.
    """
    try:
        from websockets.asyncio.client import connect  # an extra: few platforms need it
        from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI
    except ImportError as error:
        raise Unsupported("WebSockets cannot be opened; pip install chorally-sdk[websocket]") from error
    host, port, encrypted = _place(hosts, url)
    line = await dial(hosts, host, port, timeout)
    made: ClientConnection | None = None
    try:
        made = await connect(
            url,
            sock=line,
            ssl=await asyncio.to_thread(ssl.create_default_context) if encrypted else None,
            server_hostname=host if encrypted else None,
            additional_headers=headers,
            open_timeout=timeout.total_seconds(),
            max_size=MAX_BYTES,
        )
    except InvalidStatus as refused:
        answer = httpx.Response(
            refused.response.status_code,
            headers=list(refused.response.headers.raw_items()),
            content=bytes(refused.response.body or b""),
            request=httpx.Request("GET", url),
        )
        raise fault(answer) or RetryLater(
            f"the platform answered {answer.status_code} in place of a WebSocket"
        ) from refused
    except InvalidURI as error:
        raise Rejected("this is no URL that can be opened; only wss://host/path is") from error
    except (InvalidHandshake, OSError, TimeoutError, ValueError) as error:
        raise RetryLater(f"the WebSocket at {host} cannot be opened ({type(error).__name__})") from error
    finally:
        if made is None:
            line.close()
    async with made:
        yield Socket(made, closed)


def _place(hosts: Hosts, url: str) -> tuple[str, int, bool]:
    try:
        asked = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise Rejected(f"this is no URL that can be opened ({error})") from error
    if asked.scheme not in ("ws", "wss") or not asked.host:
        raise Rejected("this is no URL that can be opened; only wss://host/path is")
    port = asked.port or (443 if asked.scheme == "wss" else 80)
    if asked.scheme == "ws" and not hosts.is_base(asked.host, port):
        raise Rejected(f"ws://{asked.host} would carry what is sent in clear; only wss is opened")
    return asked.host, port, asked.scheme == "wss"
