"""URLs that a tenant gave lead to the public internet, and to networks that the operator named."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from chorally_core.adapters.outside import PublicOutside
from chorally_core.ports.outside import Answer, NoAnswer, NotAllowed, Opened, TooLong
from hypothesis import given
from hypothesis import strategies as st

from chorally_sdk.http.hosts import LOOPBACK

Seen = list[bytes]
SHORT = timedelta(seconds=5)


class Server:
    """Says the same to everybody, on loopback."""

    def __init__(self) -> None:
        self.seen: Seen = []
        self.says = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-a: 1\r\nX-A: 2\r\n\r\nhello"
        self.then: Callable[[], Any] = lambda: None
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request, and answer."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        self.seen.append(head + await reader.readexactly(length))
        writer.write(self.says)
        await writer.drain()
        if (waits := self.then()) is not None:
            await waits
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server on loopback."""
    made = Server()
    listening = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    async with listening:
        made.port = listening.sockets[0].getsockname()[1]
        yield made


@pytest.fixture
async def near() -> AsyncIterator[PublicOutside]:
    """A client for which the operator has named loopback."""
    made = PublicOutside(LOOPBACK, plain_http=True)
    yield made
    await made.aclose()


async def get(client: PublicOutside, url: str, **options: Any) -> Answer:
    """Call a URL in short time."""
    return await client.call("GET", url, **{"within": SHORT, "max_bytes": 100, **options})


class Names:
    """Says where names lead, the last of these from then on."""

    def __init__(self, *rounds: tuple[str, ...]) -> None:
        self._rounds = rounds
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[Any]:
        """Return the addresses of the round."""
        if not self._rounds:
            raise socket.gaierror
        found = self._rounds[min(len(self.asked), len(self._rounds) - 1)]
        self.asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]


def near_by(*rounds: tuple[str, ...]) -> PublicOutside:
    """Return a client for which the operator has named loopback, and for which names lead there and elsewhere."""
    return PublicOutside(LOOPBACK, plain_http=True, look_up=Names(*rounds))


async def test_a_call_gives_the_answer(server: Server, near: PublicOutside) -> None:
    """Status, headers by small names, and the body; the body and headers of the call arrive."""
    answer = await near.call(
        "POST",
        f"http://127.0.0.1:{server.port}/in?a=1",
        headers={"x-own": "7"},
        body=b"note",
        within=SHORT,
        max_bytes=9,
    )

    assert (answer.status, answer.headers["x-a"], answer.body, answer.cut) == (200, "1, 2", b"hello", False)
    (request,) = server.seen
    assert request.startswith(b"POST /in?a=1 HTTP/1.1\r\n")
    assert b"x-own: 7" in request.lower()
    assert request.endswith(b"\r\n\r\nnote")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "ftp://example.com/", "//example.com/", "example.com", "https://", "https:///x", "",
        "https://user@example.com/", "https://user:word@example.com/", "https://example.com:22/",
        "https://example.com:25/", "https://example.com:0/", "https://example.com:99999/", "file:///etc/passwd",
        "https://localhost/", "https://metadata.google.internal/", "https://127.1/", "https://2130706433/",
        "https://0x7f.0.0.1/", "https://017700000001/", "https://[::1]/", "https://[::ffff:7f00:1]/",
        "https://169.254.169.254/latest/meta-data/", "https://168.63.129.16/", "https://[fd00:ec2::254]/",
        "https://[::127.0.0.1]/", "https://exa\nmple.com/", "https://exam ple.com/", "https://" + "a" * 5000,
        "gopher://example.com/", "https://[64:ff9b:1::7f00:1]/", "https://192.0.0.192/", "https://１２７.0.0.1/",
        "https://%31%32%37.0.0.1/",
    ],
)  # fmt: skip
async def test_urls_that_are_seen_to_be_wrong_are_refused(url: str) -> None:
    """By the check that is made when one is given, and by a call."""
    client = PublicOutside()
    with pytest.raises(NotAllowed):
        client.check(url)
    with pytest.raises(NotAllowed):
        await get(client, url)


@pytest.mark.parametrize(
    "url", ["https://example.com/a?b#c", "https://EXAMPLE.com:8443", "https://9.9.9.9/", "https://[2620:fe::fe]/"]
)
def test_public_urls_are_let_through(url: str) -> None:
    """Names, and addresses of both kinds."""
    PublicOutside().check(url)


@given(st.ip_addresses(), st.integers(0, 6))
def test_an_address_is_called_only_if_it_is_public_however_it_is_written(at: Any, spelling: int) -> None:
    """Decimal, octal, hexadecimal, short, mapped into IPv6 and written out."""
    number = int(at)
    if at.version == 4:
        first, rest = number >> 24, number & 0xFFFFFF
        short = f"{hex(first)}.{rest}"
        host = [str(at), str(number), hex(number), f"0{number:o}", f"{first}.{rest}", f"[::ffff:{at}]", short][spelling]
    else:
        host = f"[{at}]" if spelling % 2 else f"[{at.exploded.upper()}]"
    try:
        PublicOutside().check(f"https://{host}/")
    except NotAllowed:
        return
    inner = at.ipv4_mapped or at if isinstance(at, ipaddress.IPv6Address) else at
    assert inner.is_global
    assert not inner.is_multicast


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.5", "169.254.169.254", "0.0.0.0", "::ffff:127.0.0.1"])  # noqa: S104  # refused
async def test_a_name_that_leads_to_an_inner_address_is_not_called(server: Server, address: str) -> None:
    """Nothing is connected to, though the name looks well."""
    with pytest.raises(NotAllowed, match="leads to no address that is public"):
        await get(PublicOutside(look_up=Names((address,))), f"https://hooks.example.com:{server.port}/")
    assert server.seen == []


async def test_the_connection_goes_to_the_address_that_was_judged(server: Server) -> None:
    """A name is looked up once for a call: what it leads to a moment later does not matter."""
    names = Names(("127.0.0.1",), ("203.0.113.9",))
    client = PublicOutside(LOOPBACK, plain_http=True, look_up=names)
    answer = await get(client, f"http://hooks.example.com:{server.port}/")
    assert (answer.body, names.asked) == (b"hello", ["hooks.example.com"])
    assert b"host: hooks.example.com" in server.seen[0].lower()


async def test_an_inner_address_beside_a_good_one_is_passed_over(server: Server) -> None:
    """Loopback is allowed here, the others are not."""
    client = near_by(("10.0.0.9", "169.254.169.254", "127.0.0.1"))
    assert (await get(client, f"http://hooks.example.com:{server.port}/")).status == 200


async def test_every_redirect_is_judged(server: Server, near: PublicOutside) -> None:
    """The metadata of a cloud is not reached by a way around."""
    server.says = b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest\r\ncontent-length: 0\r\n\r\n"
    with pytest.raises(NotAllowed):
        await get(near, f"http://127.0.0.1:{server.port}/", redirects=3)
    server.says = b"HTTP/1.1 302 Found\r\nlocation: file:///etc/passwd\r\ncontent-length: 0\r\n\r\n"
    with pytest.raises(NotAllowed):
        await get(near, f"http://127.0.0.1:{server.port}/", redirects=3)


async def test_redirects_are_followed_as_often_as_asked_for_and_never_for_a_post(
    server: Server, near: PublicOutside
) -> None:
    """What is left over is an answer; an answer to a post is never carried elsewhere."""
    server.says = b"HTTP/1.1 307 X\r\nlocation: /again\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    url = f"http://127.0.0.1:{server.port}/"
    assert ((await get(near, url)).status, len(server.seen)) == (307, 1)
    assert ((await get(near, url, redirects=2)).status, len(server.seen)) == (307, 4)
    answer = await near.call("POST", url, body=b"x", within=SHORT, max_bytes=9, redirects=2)
    assert (answer.status, len(server.seen)) == (307, 5)


async def test_authorisation_stays_with_the_host_it_was_given_for(server: Server, near: PublicOutside) -> None:
    """Another name is another host, also where the machine is the same."""
    server.says = (
        f"HTTP/1.1 302 X\r\nlocation: http://localhost:{server.port}/b\r\ncontent-length: 0\r\n"
        "connection: close\r\n\r\n"
    ).encode()
    await get(
        near, f"http://127.0.0.1:{server.port}/", headers={"Authorization": "Bearer x", "x-own": "1"}, redirects=1
    )
    first, second = server.seen
    assert b"bearer x" in first.lower()
    assert b"bearer x" not in second.lower()
    assert b"x-own: 1" in second.lower()


async def test_bytes_are_bounded(server: Server, near: PublicOutside) -> None:
    """A call gives the beginning; pieces end with an error. What is packed is not unpacked."""
    server.says = b"HTTP/1.1 200 OK\r\ncontent-length: 300\r\n\r\n" + b"x" * 300
    url = f"http://127.0.0.1:{server.port}/"
    answer = await get(near, url)
    assert (len(answer.body), answer.cut) == (100, True)
    read = bytearray()
    async with near.opened("GET", url, within=SHORT, max_bytes=200) as opened:
        with pytest.raises(TooLong):
            await _read(opened, read)
    assert len(read) == 200
    assert b"accept-encoding: identity" in server.seen[0].lower()


async def _read(opened: Opened, into: bytearray) -> None:
    async for piece in opened.pieces():
        into += piece


async def test_time_is_bounded_for_the_whole_call(server: Server, near: PublicOutside) -> None:
    """Also of a server that says something again and again."""
    hold = asyncio.Event()
    server.says = b"HTTP/1.1 200 OK\r\ncontent-length: 300\r\n\r\nx"
    server.then = hold.wait
    with pytest.raises(NoAnswer, match="too long"):
        await get(near, f"http://127.0.0.1:{server.port}/", within=timedelta(milliseconds=50))
    hold.set()


async def test_what_cannot_be_reached_is_told(near: PublicOutside) -> None:
    """A closed port, and a name that nobody knows."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(NoAnswer, match="does not answer"):
            await get(near, f"http://127.0.0.1:{taken.getsockname()[1]}/")

    with pytest.raises(NoAnswer, match="cannot be found"):
        await get(near_by(), "https://nobody.example/")


async def test_no_proxy_of_the_environment_is_used(
    server: Server, near: PublicOutside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would look names up by itself."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await get(near, f"http://127.0.0.1:{server.port}/")).status == 200


async def test_no_cookie_is_kept(server: Server, near: PublicOutside) -> None:
    """A call leaves nothing to the next."""
    server.says = b"HTTP/1.1 200 OK\r\nset-cookie: a=1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    for _ in range(2):
        await get(near, f"http://127.0.0.1:{server.port}/")
    assert b"cookie" not in server.seen[1].lower()
