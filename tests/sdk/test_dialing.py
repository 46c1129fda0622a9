"""Connections that are not HTTP go to the same hosts as those that are, and to no inner address."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from ipaddress import IPv4Network
from typing import Any

import httpx
import pytest

import chorally_sdk as sdk
from chorally_sdk.http.dialing import dial
from chorally_sdk.http.hosts import LOOPBACK, Hosts
from chorally_sdk.testing.host import connect
from tests.sdk.parrot import Parrot

BASE = httpx.URL("https://parrot.example")
Infos = list[Any]


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server on loopback that says hello."""

    async def hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(hello, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def said(line: socket.socket) -> bytes:
    """Return what the other end says first."""
    with line:
        return await asyncio.get_running_loop().sock_recv(line, 5)


def leads_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name lead to these addresses."""

    async def looked_up(host: str, port: int, **options: Any) -> Infos:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", looked_up)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[127.0.0.1]"])
async def test_networks_that_were_named_are_reached(port: int, host: str) -> None:
    """By their addresses and by names that lead there."""
    assert await said(await dial(Hosts(BASE, ("*",), LOOPBACK), host, port)) == b"hello"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "::1", "10.0.0.1", "[::ffff:127.0.0.1]", "mail", "169.254.169.254"]
)
async def test_an_inner_host_is_refused_before_it_is_looked_up(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person who fills in a server's name cannot look around in our network."""
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", None)
    with pytest.raises(sdk.Rejected, match="no public host"):
        await dial(Hosts(BASE, ("*",)), host, 1)


@pytest.mark.parametrize("private", [(), (IPv4Network("10.0.0.0/8"),)], ids=["none", "another network"])
async def test_a_public_name_that_leads_inside_is_refused(
    port: int, private: tuple[IPv4Network, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is connected to; also where another network may be reached."""
    leads_to(monkeypatch, "127.0.0.1", "192.168.0.1")
    with pytest.raises(sdk.Rejected, match="no address that is public"):
        await dial(Hosts(BASE, ("*",), private), "mail.shop.example", port)


async def test_of_several_addresses_only_the_allowed_are_tried(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the next one where one does not answer."""
    leads_to(monkeypatch, "10.255.255.1", "127.0.0.2", "127.0.0.1")
    only = (IPv4Network("127.0.0.0/8"),)
    assert await said(await dial(Hosts(BASE, ("*",), only), "mail.shop.example", port)) == b"hello"


async def test_a_declared_host_may_be_anywhere(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connector's author chose it; so did whoever set the base URL."""
    leads_to(monkeypatch, "127.0.0.1")
    for hosts in (Hosts(BASE, ("mail.shop.example",)), Hosts(httpx.URL("https://mail.shop.example"), ())):
        assert await said(await dial(hosts, "Mail.Shop.Example", port)) == b"hello"


async def test_a_host_that_was_not_declared_is_refused() -> None:
    """As by HTTP."""
    with pytest.raises(sdk.Rejected, match="did not declare the host"):
        await dial(Hosts(BASE, ("*.parrot.example",)), "mail.shop.example", 1)


async def test_a_host_that_does_not_answer_is_for_later(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As is one that nobody knows, and one that takes too long."""
    hosts = Hosts(BASE, ("*",), LOOPBACK)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(sdk.RetryLater, match="cannot be reached"):
            await dial(hosts, "127.0.0.1", taken.getsockname()[1])

    async def unknown(*args: Any, **options: Any) -> Infos:
        raise socket.gaierror(-2, "Name or service not known")

    async def never(*args: Any, **options: Any) -> Infos:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", unknown)
    with pytest.raises(sdk.RetryLater, match="cannot be found"):
        await dial(hosts, "mail.shop.example", port)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    with pytest.raises(sdk.RetryLater, match="cannot be reached"):
        await dial(hosts, "mail.shop.example", port, timedelta(0))


async def test_a_connector_dials_on_the_terms_of_its_client(port: int) -> None:
    """What its manifest declares, and what the host allows."""

    class Caller(Parrot):
        manifest = Parrot.manifest.model_copy(update={"hosts": ("*",)})

    assert await said(await connect(Caller).dial("127.0.0.1", port)) == b"hello"
    with pytest.raises(sdk.Rejected, match="did not declare"):
        await connect(Parrot).dial("127.0.0.1", port)
    http = sdk.Http(base_url="https://parrot.example", hosts=("*",))
    with pytest.raises(sdk.Rejected, match="no public host"):
        await Caller(sdk.App(id="1"), http, None, now=lambda: pytest.fail("asked")).dial("127.0.0.1", port)
    await http.aclose()
