"""A connector for a made-up platform that says again what it is told, and a platform that answers as it is told."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpx
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing.host import NOW

TOKEN = "parrot-token-1234"
Answer = httpx.Response | Exception
Seen = list[httpx.Request]


class Parrot(sdk.Connector):
    """Does nothing but ask who it is."""

    manifest = sdk.Manifest(
        platform="parrot",
        base_url="https://parrot.example/v1",
        hosts=("parrot.example", "*.feathers.example"),
        channels=(sdk.Channel(name="parrot_note"),),
    )

    async def check(self) -> sdk.AccountInfo:
        """Ask who it is."""
        return sdk.AccountInfo(**(await self.http.get("/me")).json())


class Platform:
    """Gives its answers in turn, the last one again and again, and remembers what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.seen: Seen = []
        self._answers = list(answers) or [httpx.Response(200, json={})]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Give the next answer."""
        self.seen.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Sleeps:
    """Notes how long it is asked to sleep, and sleeps no time at all."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        """Note it."""
        self.seconds.append(seconds)


def a_client(
    platform: Callable[[httpx.Request], httpx.Response],
    connector: type[sdk.Connector] = Parrot,
    *,
    grant: sdk.Grant | None = sdk.Grant(access=SecretStr(TOKEN)),  # noqa: B008  # frozen
    **options: Any,
) -> sdk.Http:
    """Return the HTTP client of a connector, as its calls use it."""
    given: dict[str, Any] = {
        "base_url": connector.manifest.base_url,
        "hosts": connector.manifest.hosts,
        "sleep": Sleeps(),
        "transport": httpx.MockTransport(platform),
    }
    app, account = sdk.App(id="app"), sdk.Account(id="1", tenant="acme")
    http = sdk.Http(grant=grant, **{**given, **options})
    return connector(app, http, account, now=lambda: NOW).http


class Drops(httpx.AsyncByteStream):
    """A body that ends with an error after its pieces."""

    def __init__(self, pieces: Iterable[bytes], error: Exception | None = None) -> None:
        self._pieces = pieces
        self._error = error
        self.taken = 0

    async def __aiter__(self) -> Any:
        """Yield the pieces, then fail."""
        for piece in self._pieces:
            self.taken += 1
            yield piece
        if self._error:
            raise self._error


def endless(piece: bytes = b"x" * 65536) -> Iterator[bytes]:
    """Yield a piece for ever."""
    while True:
        yield piece
