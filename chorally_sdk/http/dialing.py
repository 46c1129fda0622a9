"""Connections to hosts for protocols that are not HTTP, on the same terms: declared hosts, public addresses."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from chorally_sdk.errors import Rejected, RetryLater
from chorally_sdk.http.hosts import Hosts

TIMEOUT = timedelta(seconds=10)

LookUp = Callable[[str, int], Awaitable[list[Any]]]
"""Says where a name leads, as ``getaddrinfo`` does."""


async def dial(hosts: Hosts, host: str, port: int, timeout: timedelta = TIMEOUT) -> socket.socket:
    """Return a socket that is connected to a host, which does not block.

    A name is looked up once, and only addresses that were judged are connected to, so that it cannot lead
    elsewhere a moment later.

    Args:
        hosts: Whom the connector may call.
        host: Name or address, an IPv6 one with or without brackets.
        port: TCP port.
        timeout: For the look-up and all attempts together.

    Raises:
        Rejected: The host was not declared, or leads to no address that may be called.
        RetryLater: It cannot be found, or does not answer.
    """
    try:
        async with asyncio.timeout(timeout.total_seconds()):
            return await _first_of(await addresses(hosts, host, port))
    except (socket.gaierror, UnicodeError) as error:
        raise RetryLater(f"{host!r} cannot be found; check its name") from error
    except (OSError, TimeoutError) as error:
        raise RetryLater(f"{host}:{port} cannot be reached: {error}".rstrip(": ")) from error


async def addresses(hosts: Hosts, host: str, port: int, look_up: LookUp | None = None) -> list[Any]:
    """Return where a host leads and may be called, as ``getaddrinfo`` does, in its order.

    Args:
        hosts: Whom may be called.
        host: Name or address, an IPv6 one with or without brackets.
        port: TCP port.
        look_up: Looks a name up in place of the loop.

    Raises:
        Rejected: The host was not declared, or leads to no address that may be called.
        OSError: It cannot be found.
        UnicodeError: It is no name.
    """
    name = host.strip("[]")
    guarded = hosts.guards(name)
    found = await (look_up or _look_up)(name, port)
    allowed = [each for each in found if not guarded or hosts.reaches(str(each[4][0]))]
    if not allowed:
        raise Rejected(f"{host!r} leads to no address that is public; give another")
    return allowed


async def _look_up(name: str, port: int) -> list[Any]:
    return list(await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM))


async def _first_of(addresses: list[Any]) -> socket.socket:
    """Connect to the first address that answers."""
    last: OSError | None = None
    for family, kind, protocol, _, address in addresses:
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(made, address)
        except OSError as error:
            made.close()
            last = error
        except BaseException:
            made.close()
            raise
        else:
            return made
    raise last or OSError("no address")
