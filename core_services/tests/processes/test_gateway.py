"""One address in front of several processes: what is asked arrives, what is answered comes back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest
from chorally_core.gateway import Gateway
from chorally_core.serving import listen, served
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse


class Process:
    """A process that tells what it was asked, and streams."""

    def __init__(self, name: str) -> None:
        self.app = FastAPI()
        self.name = name
        self.left = asyncio.Event()
        self.go_on = asyncio.Event()
        self.reasons: list[str] = []
        self.app.add_api_route("/readyz", self._ready)
        self.app.add_api_route("/{_:path}/events", self._events)
        self.app.add_api_route("/{_:path}", self._echo, methods=["GET", "POST", "PUT"])

    async def _ready(self) -> Response:
        found = {"ready": not self.reasons, "reasons": self.reasons, "degraded": ["without Redis"]}
        return JSONResponse(found, 503 if self.reasons else 200)

    async def _echo(self, request: Request) -> Response:
        body = await request.body()
        told = {
            "by": self.name,
            "method": request.method,
            "path": f"{request.scope['raw_path'].decode()}?{request.url.query}",
            "headers": dict(request.headers),
            "size": len(body),
        }
        return JSONResponse(told, 201, {"X-Own": "kept", "Connection": "close"})

    async def _events(self) -> Response:
        async def events() -> AsyncIterator[bytes]:
            try:
                yield b"data: one\n\n"
                await self.go_on.wait()
                yield b"data: two\n\n"
                await asyncio.Event().wait()
            finally:
                self.left.set()

        return StreamingResponse(events(), media_type="text/event-stream")


class Front:
    """A gateway before processes, reached over loopback."""

    def __init__(
        self,
        gateway: Gateway,
        http: httpx.AsyncClient,
        places: dict[str, str | None],
        processes: dict[str, Process],
    ) -> None:
        self.gateway = gateway
        self.http = http
        self.places = places
        self.processes = processes


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    """Return a gateway before the processes of io and message; log has none at the moment."""
    async with contextlib.AsyncExitStack() as stack:
        processes = {name: Process(name) for name in ("io", "message")}
        places: dict[str, str | None] = {"log": None}
        for name, process in processes.items():
            places[name] = await stack.enter_async_context(served(process.app, listen("127.0.0.1", 0)))
        gateway = Gateway(lambda: places)
        stack.push_async_callback(gateway.aclose)
        url = await stack.enter_async_context(served(gateway, listen("127.0.0.1", 0)))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=url, trust_env=False, timeout=10))
        yield Front(gateway, http, places, processes)


@pytest.mark.parametrize(
    ("path", "by"),
    [
        ("/message/v1/tickets", "message"),
        ("/io/v1/accounts", "io"),
        ("/facebook/v1/webhook/token", "io"),
        ("/asyncapi.json", "io"),
    ],
)
async def test_a_path_leads_to_the_process_that_serves_it(front: Front, path: str, by: str) -> None:
    """Services by their name; what is no service is a platform, whose door is io's."""
    assert (await front.http.get(path)).json()["by"] == by


async def test_a_request_arrives_as_it_was_sent(front: Front) -> None:
    """Method, query, encoded characters, body and headers."""
    sent = {"X-Mine": "1", "Authorization": "Bearer t"}
    answer = await front.http.put("/message/v1/a%2Fb?q=x%20y&q=z", content=b"x" * 300_000, headers=sent)
    told = answer.json()
    assert (answer.status_code, answer.headers["x-own"]) == (201, "kept")
    assert (told["method"], told["size"]) == ("PUT", 300_000)
    assert told["path"] == "/message/v1/a%2Fb?q=x%20y&q=z"
    assert told["headers"]["host"] == front.http.base_url.netloc.decode()
    assert (told["headers"]["x-mine"], told["headers"]["authorization"]) == ("1", "Bearer t")
    assert "transfer-encoding" not in told["headers"]


async def test_processes_are_told_who_sent_a_request_whatever_it_says_itself(front: Front) -> None:
    """Rates without a token go by the address."""
    transport = httpx.ASGITransport(front.gateway, client=("203.0.113.5", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://chorally.test") as http:
        answer = await http.get("/message/v1/tickets", headers={"X-Forwarded-For": "9.9.9.9"})
    assert answer.json()["headers"]["x-forwarded-for"] == "203.0.113.5"


async def test_a_body_of_unknown_length_arrives(front: Front) -> None:
    """Piece by piece."""

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"abc"

    assert (await front.http.post("/io/v1/x", content=parts())).json()["size"] == 9


async def test_events_come_through_as_they_happen_and_who_leaves_is_let_go(front: Front) -> None:
    """The first event is there before the second is made; the process hears that its reader has gone."""
    process = front.processes["message"]
    async with front.http.stream("GET", "/message/v1/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        parts = answer.aiter_bytes()
        assert await anext(parts) == b"data: one\n\n"
        process.go_on.set()
        assert await anext(parts) == b"data: two\n\n"
    async with asyncio.timeout(5):
        await process.left.wait()


async def test_a_process_that_is_not_there_is_a_problem_that_ends(front: Front) -> None:
    """None was started, or it has just died: 503 and when to come again; the other processes serve."""
    front.places["message"] = "http://127.0.0.1:1"
    for path in ("/log/v1/logs", "/message/v1/tickets"):
        answer = await front.http.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert answer.headers["content-type"] == "application/problem+json"
        assert path.split("/")[1] in answer.json()["detail"]
    assert (await front.http.get("/io/v1/accounts")).status_code == 201


async def test_a_process_that_dies_before_it_answers_leaves_a_doubt(front: Front) -> None:
    """The request may have been carried out, and the caller is told so."""

    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(die, "127.0.0.1", 0) as dying:
        port = dying.sockets[0].getsockname()[1]
        front.places["message"] = f"http://127.0.0.1:{port}"
        answer = await front.http.post("/message/v1/tickets", json={})
    assert answer.status_code == 502
    assert "Idempotency-Key" in answer.json()["detail"]


async def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(front: Front) -> None:
    """The connection breaks here as it did there."""

    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(die, "127.0.0.1", 0) as dying:
        port = dying.sockets[0].getsockname()[1]
        front.places["message"] = f"http://127.0.0.1:{port}"
        with pytest.raises(httpx.RemoteProtocolError):
            await front.http.get("/message/v1/tickets")


async def test_all_processes_must_be_ready_and_each_says_what_it_lacks(front: Front) -> None:
    """The gateway's own readiness names the process."""
    front.processes["io"].reasons.append("webhooks are refused")
    answer = await front.http.get("/readyz")
    assert answer.status_code == 503
    assert sorted(answer.json()["reasons"]) == ["io: webhooks are refused", "log: the process is not there"]
    assert "message: without Redis" in answer.json()["degraded"]

    del front.places["log"]
    front.processes["io"].reasons.clear()
    assert (await front.http.get("/readyz")).status_code == 200
    front.places["io"] = "http://127.0.0.1:1"
    assert (await front.http.get("/readyz")).json()["reasons"] == ["io: the process does not answer (ConnectError)"]


@pytest.mark.parametrize("path", ["/", "/message", "/message/v2/tickets", "/nothing"])
async def test_what_is_nowhere_is_not_found(front: Front, path: str) -> None:
    """Only what begins with a name and a version is asked for elsewhere."""
    assert (await front.http.get(path)).status_code == 404


async def test_operators_find_the_services(front: Front) -> None:
    """A page that leads to each of them, and that the gateway answers at all."""
    assert (await front.http.get("/healthz")).text == "ok\n"
    assert "/message/v1/docs" in (await front.http.get("/docs")).text
