"""Connections to addresses that were judged, of a name that is looked up once."""

import asyncio
from collections.abc import Iterable

import httpcore

from chorally_core.ports.outside import NoAnswer, NotAllowed
from chorally_sdk.errors import Rejected
from chorally_sdk.http.dialing import addresses
from chorally_sdk.http.hosts import Hosts

LOOK_UPS = 16  # names that are looked up at once, each in a thread: those that nobody answers for take seconds


class Dialling(httpcore.AsyncNetworkBackend):
    """Looks a name up, judges its addresses and connects to one of those, so that it cannot lead elsewhere."""

    def __init__(self, hosts: Hosts) -> None:
        """Take what says where a name may lead."""
        self._hosts = hosts
        self._inner = httpcore.AnyIOBackend()
        self._look_ups = asyncio.Semaphore(LOOK_UPS)

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
            async with self._look_ups:
                found = await addresses(self._hosts, host, port)
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
