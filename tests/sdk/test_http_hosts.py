"""Which hosts a connector can call: those that it declared, and with ``*`` those of the public internet."""

import asyncio
import ipaddress
import socket
from typing import Any

import httpx
import pytest

import chorally_sdk as sdk
from chorally_sdk.http.hosts import is_public
from tests.sdk.parrot import Platform, a_client

PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.9", "192.168.1.1", "169.254.169.254", "0.0.0.0",  # noqa: S104  # refused
    "100.64.0.1", "224.0.0.1", "255.255.255.255", "[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[fec0::1]", "[ff02::1]",
    "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[::ffff:224.0.0.1]", "[2002:7f00:1::]", "[64:ff9b::a9fe:a9fe]",
    "[fd00:ec2::254]",
]  # fmt: skip
PLAIN = [
    "localhost", "localhost.", "intranet", "metadata", "db.localhost", "printer.local", "metadata.google.internal",
    "metadata.google.internal.", "router.home.arpa", "2130706433", "127.1", "0x7f.0.0.1", "0x7f000001", "127.0.0.1.",
    "017700000001", "0177.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("url", ["/notes", "notes?next=https://elsewhere.example/", "https://parrot.example/x"])
async def test_the_base_url_can_be_called(url: str) -> None:
    """By relative and absolute URLs."""
    platform = Platform()
    await a_client(platform, hosts=()).get(url)
    assert platform.seen[0].url.host == "parrot.example"


@pytest.mark.parametrize("host", ["parrot.example", "PARROT.example", "red.feathers.example", "a.b.feathers.example"])
async def test_declared_hosts_can_be_called(host: str) -> None:
    """By name, or by a pattern."""
    platform = Platform()
    hosts = ("Parrot.example", "*.Feathers.example")
    await a_client(platform, base_url="https://other.example", hosts=hosts).get(f"https://{host}/notes")
    assert len(platform.seen) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/",
        "https://feathers.example/",
        "https://evil-feathers.example/",
        "https://parrot.example.evil.example/",
        "https://parrot.example@evil.example/",
        "https://evil.example/?host=parrot.example",
        "https://parrot.example./",
        "https://127.0.0.1/",
    ],
)
async def test_other_hosts_cannot_be_called(url: str) -> None:
    """Neither by a request nor by a stream; the platform never sees it."""
    platform = Platform()
    http = a_client(platform)
    with pytest.raises(sdk.Rejected, match="did not declare the host"):
        await http.get(url)
    with pytest.raises(sdk.Rejected, match="did not declare the host"):
        async with http.stream("GET", url):
            pass
    assert not platform.seen


@pytest.mark.parametrize("url", ["http://parrot.example/", "http://red.feathers.example/", "ftp://parrot.example/"])
async def test_nothing_is_called_in_clear(url: str) -> None:
    """The grant would be read on the way."""
    platform = Platform()
    with pytest.raises(sdk.Rejected, match="would carry the grant in clear"):
        await a_client(platform).get(url)
    assert not platform.seen


async def test_a_sandbox_in_clear_opens_no_other_host_in_clear() -> None:
    """Whoever runs the host chose its address; a link to anywhere else in clear, or to its other ports, is refused."""
    platform = Platform()
    http = a_client(platform, base_url="http://127.0.0.1:9000/v1", hosts=("parrot.example", "127.0.0.1", "*"))
    await http.get("/notes")
    await http.get("http://127.0.0.1:9000/v1/notes?page=2")
    for url in ("http://parrot.example/", "http://127.0.0.1:9001/", "http://127.0.0.1/", "http://8.8.8.8/"):
        with pytest.raises(sdk.Rejected, match="in clear"):
            await http.get(url)
    assert len(platform.seen) == 2


@pytest.mark.parametrize("url", ["https://[", "https://parrot.example:port/", "https://par rot\n.example/"])
async def test_what_is_no_url_is_refused(url: str) -> None:
    """It is an error of ours, not of httpx."""
    with pytest.raises(sdk.Rejected):
        await a_client(Platform()).get(url)


async def test_a_relative_url_needs_a_base() -> None:
    """The error says which."""
    with pytest.raises(sdk.Rejected, match="base_url"):
        await a_client(Platform(), base_url="", hosts=("*",)).get("/notes")


@pytest.mark.parametrize(
    "host", ["files.example", "FILES.example.", "8.8.8.8", "[2001:4860:4860::8888]", "xn--e1a.xn--p1ai"]
)
async def test_a_star_allows_public_hosts(host: str) -> None:
    """Names with a domain, and public addresses."""
    platform = Platform()
    await a_client(platform, hosts=("*",)).get(f"https://{host}/")
    assert len(platform.seen) == 1


@pytest.mark.parametrize("host", PRIVATE + PLAIN)
async def test_a_star_allows_no_inner_host(host: str) -> None:
    """Neither the own machine, nor its network, nor what a cloud tells its machines, however it is written."""
    platform = Platform()
    with pytest.raises(sdk.Rejected):
        await a_client(platform, hosts=("*",)).get(f"https://{host}/")
    assert not platform.seen


@pytest.mark.parametrize("address", [each.strip("[]") for each in PRIVATE])
def test_no_inner_address_is_public(address: str) -> None:
    """Nor one that holds an inner one."""
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_outer_addresses_are_public(address: str) -> None:
    """Also behind a translator."""
    assert is_public(ipaddress.ip_address(address))


async def test_redirects_are_not_followed() -> None:
    """Where the platform points elsewhere, that is malformed."""
    platform = Platform(httpx.Response(302, headers={"Location": "https://parrot.example/v1/there"}))
    with pytest.raises(sdk.Malformed, match="302, a redirect"):
        await a_client(platform).get("/notes")
    with pytest.raises(sdk.Malformed, match="302, a redirect"):
        async with a_client(platform).stream("GET", "/notes"):
            pass
    assert len(platform.seen) == 2


@pytest.mark.parametrize(
    "to", ["https://elsewhere.example/", "http://parrot.example/", "https://127.0.0.1/", "//evil.example/"]
)
async def test_redirects_lead_to_no_other_host(to: str) -> None:
    """Also where the connector asks to follow them, in a stream too."""
    platform = Platform(httpx.Response(302, headers={"Location": to}))
    http = a_client(platform)
    with pytest.raises(sdk.Rejected):
        await http.get("/notes", follow_redirects=True)
    with pytest.raises(sdk.Rejected):
        async with http.stream("GET", "/notes", follow_redirects=True):
            pass
    assert [request.url.path for request in platform.seen] == ["/v1/notes", "/v1/notes"]


async def test_redirects_to_declared_hosts_carry_no_grant() -> None:
    """A download may lead to another declared host, which is not told the token."""
    there = httpx.Response(302, headers={"Location": "https://red.feathers.example/file"})
    platform = Platform(there, httpx.Response(200, text="a file"))
    answer = await a_client(platform).get("/notes", follow_redirects=True)
    assert answer.text == "a file"
    assert ["Authorization" in request.headers for request in platform.seen] == [True, False]


async def test_redirects_without_end_are_malformed() -> None:
    """It is no error of httpx."""
    platform = Platform(httpx.Response(302, headers={"Location": "/v1/notes"}))
    with pytest.raises(sdk.Malformed, match="TooManyRedirects"):
        await a_client(platform).get("/notes", follow_redirects=True)


@pytest.fixture
async def inner() -> Any:
    """A server of the own machine: its port, and what it was sent."""
    got: list[bytes] = []
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.read(100))
        writer.close()
        gone.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], got, gone


async def test_a_public_name_that_leads_inside_is_sent_nothing(inner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address of the connection is looked at before a byte goes over it."""
    port, got, gone = inner
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [_inside(port)])
    http = a_client(Platform(), hosts=("*",), transport=None, base_url="https://parrot.example")
    with pytest.raises(sdk.Rejected, match="leads to an address that is not public"):
        await http.get(f"https://rebound.example:{port}/", auth=None)
    with pytest.raises(sdk.Rejected, match="leads to an address that is not public"):
        async with http.stream("GET", f"https://rebound.example:{port}/"):
            pass
    await asyncio.wait_for(gone.wait(), 5)
    assert set(got) == {b""}
    await http.aclose()


async def test_a_declared_name_may_lead_inside(inner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connector names it, so it is trusted: here TLS begins."""
    port, got, gone = inner
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [_inside(port)])
    http = a_client(Platform(), hosts=("own.example", "*"), transport=None, attempts=1)
    with pytest.raises(sdk.RetryLater):
        await http.get(f"https://own.example:{port}/")
    await asyncio.wait_for(gone.wait(), 5)
    assert got[0].startswith(b"\x16\x03")
    await http.aclose()


async def test_a_proxy_may_be_inside(inner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the environment names a proxy, it is that which connects."""
    port, got, gone = inner
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    http = a_client(Platform(), hosts=("*",), transport=None, attempts=1)
    with pytest.raises(sdk.RetryLater):
        await http.get("https://files.example/")
    await asyncio.wait_for(gone.wait(), 5)
    assert got[0].startswith(b"CONNECT files.example:443")
    await http.aclose()


def _inside(port: int) -> tuple[Any, ...]:
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
