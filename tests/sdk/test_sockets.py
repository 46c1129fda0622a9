"""WebSockets are opened on the terms of the client, and what ends them is one of our errors."""

from collections.abc import AsyncIterator
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

import chorally_sdk as sdk
from chorally_sdk.testing.host import connect
from tests.sdk.parrot import Parrot


class Live(Parrot):
    """May call every public host."""

    manifest = Parrot.manifest.model_copy(update={"hosts": ("*",)})


async def echo(line: ServerConnection) -> None:
    """Say again what was said; close with the code that is asked for."""
    async for message in line:
        if message == "goodbye":
            await line.close(4004, "who are you")
        await line.send(message)


def gate(line: ServerConnection, request: Request) -> Response | None:
    """Let in who carries the token."""
    if request.path == "/closed":
        return line.respond(HTTPStatus.TOO_MANY_REQUESTS, "later")
    return None if request.headers.get("Authorization") == "Bearer t" else line.respond(HTTPStatus.UNAUTHORIZED, "no")


@pytest.fixture
async def place() -> AsyncIterator[str]:
    """A server on loopback."""
    async with serve(echo, "127.0.0.1", 0, process_request=gate) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def at(place: str) -> Live:
    """Return a connector whose platform is there."""
    return connect(Live, base_url=f"http://{place}")


HEADERS = {"Authorization": "Bearer t"}


async def test_messages_go_and_come(place: str) -> None:
    """Text and bytes; nothing within a time is no loss."""
    async with at(place).socket(f"ws://{place}/live", headers=HEADERS) as line:
        await line.send("hello")
        await line.send(b"\x00")
        assert [await line.receive(), await line.receive()] == ["hello", b"\x00"]
        with pytest.raises(TimeoutError):
            await line.receive(timedelta(0))
        await line.send("still here")
        assert await line.receive() == "still here"


async def ended(place: str, *, then: str = "", **options: Any) -> None:
    """Have a connection closed by the other end, and go on."""
    async with at(place).socket(f"ws://{place}", headers=HEADERS, **options) as line:
        await line.send("goodbye")
        if then:
            with pytest.raises(sdk.RetryLater):
                await line.receive()
            await line.send(then)
        await line.receive()


async def test_a_closing_is_a_loss_unless_it_means_something(place: str) -> None:
    """The connector knows the platform's codes; what is sent after it is a loss too."""
    with pytest.raises(sdk.RetryLater, match=r"^the platform closed the connection \(4004 who are you\)$"):
        await ended(place)
    with pytest.raises(sdk.RetryLater, match="4004"):
        await ended(place, then="hello")
    with pytest.raises(sdk.Reauthorize):
        await ended(place, closed=lambda code, reason: sdk.Reauthorize() if code == 4004 else None)


async def test_a_refusal_means_what_it_means_by_http(place: str) -> None:
    """The connector's own reading of it."""
    with pytest.raises(sdk.Reauthorize):
        async with at(place).socket(f"ws://{place}/live"):
            pass
    with pytest.raises(sdk.RateLimited):
        async with at(place).socket(f"ws://{place}/closed"):
            pass


@pytest.mark.parametrize(
    "url",
    [
        "https://parrot.example",
        "wss://",
        "ws://parrot.example",
        "wss://10.0.0.1",
        "nonsense",
        "wss://a\x00b",
        "ws://127.0.0.1:1/",
    ],
)
async def test_no_other_url_is_opened(place: str, url: str) -> None:
    """Neither in clear, nor to an inner address, nor what is none."""
    with pytest.raises(sdk.Rejected):
        async with at(place).socket(url):
            pass


async def test_a_host_that_was_not_declared_is_not_called(place: str) -> None:
    """As by HTTP."""
    with pytest.raises(sdk.Rejected, match="did not declare"):
        async with connect(Parrot).socket("wss://stranger.example"):
            pass


async def test_a_server_that_does_not_speak_it_is_for_later(place: str) -> None:
    """Also where it expects no encryption."""
    with pytest.raises(sdk.RetryLater, match="cannot be opened"):
        async with at(place).socket(f"wss://{place}"):
            pass
