"""Connections to addresses that were judged, of a name that is looked up once."""

import asyncio
import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpcore

from chorally_core.ports.outside import NoAnswer, NotAllowed
from chorally_sdk.errors import Rejected
from chorally_sdk.http.dialing import LookUp, addresses
from chorally_sdk.http.hosts import Hosts

LOOK_UPS = 32
"""Names that are looked up at once, in threads of their own: one that nobody answers for takes seconds."""


class Dialling(httpcore.AsyncNetworkBackend):
    """Looks a name up, judges its addresses and connects to one of those, so that it cannot lead elsewhere."""

    def __init__(self, hosts: Hosts, look_up: LookUp | None = None) -> None:
        """Prepare.

        Args:
            hosts: Says where a name may lead.
            look_up: Looks names up, in place of the system.
        """
        self._hosts = hosts
        self._inner = httpcore.AnyIOBackend()
        self._look_up = look_up or self._in_a_thread
        self._threads = ThreadPoolExecutor(LOOK_UPS, thread_name_prefix="outside")

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_a_thread(self, name: str, port: int) -> list[Any]:
        asked = partial(socket.getaddrinfo, name, port, type=socket.SOCK_STREAM)
        return list(await asyncio.get_running_loop().run_in_executor(self._threads, asked))

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that may be called and answers.

        Raises:
            NotAllowed: The host leads to none that may be called.
            NoAnswer: It cannot be found.
            httpcore.ConnectError: None answers.
            httpcore.ConnectTimeout: None answers in time.
        """
        try:
            found = await addresses(self._hosts, host, port, self._look_up)
        except Rejected as error:
            raise NotAllowed(str(error)) from error
        except (OSError, UnicodeError) as error:
            raise NoAnswer(f"{host!r} cannot be found; check its name") from error
        last: Exception = httpcore.ConnectError("no address")
        for each in found:
            try:
                return await self._inner.connect_tcp(
                    str(each[4][0]), port, timeout=timeout, local_address=local_address, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: no URL leads there.

        Raises:
            NotAllowed: Always.
        """
        raise NotAllowed("no URL leads to a socket of the own machine")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._inner.sleep(seconds)
