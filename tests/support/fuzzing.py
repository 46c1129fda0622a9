"""Asks every operation of the whole API what schemathesis makes up, and judges the answers by the OpenAPI document."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

import hypothesis
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.coverage._operation import iter_coverage_cases
from schemathesis.transport.requests import REQUESTS_TRANSPORT

from tests.support.api import Api, a_note, an_api
from tests.support.credentials import EVERYTHING, LIVE, UNBOUNDED
from tests.support.odd import MALFORMED, ODD, SEEDS, Square, with_odd
from tests.support.plaza import PlazaPlatform

BASE = "http://chorally.test"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
STREAM_S = 0.2
"""How long a stream of events is listened to."""
_PARAMETER = re.compile(r"\{([^}]+)\}")


@schemathesis.serializer("application/x-ndjson")
def _lines(_: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


@dataclass
class Found:
    """What is wrong with an operation."""

    operation: str
    why: str
    example: str

    def __str__(self) -> str:
        return f"{self.operation}: {self.why}\n    {self.example}"


@dataclass
class Fuzzing:
    """Asks, learns ids from the answers, and keeps what is wrong."""

    api: Api
    run: Callable[[Any], Any]
    """Runs a coroutine in the loop of the system."""
    credentials: dict[str, str]
    """Values of the ``Authorization`` header by kind."""
    schema: Any = None
    ids: dict[str, list[str]] = field(default_factory=dict)
    """Ids by what stands before them in a path, such as ``/message/v1/tickets/``."""
    asked: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    found: dict[tuple[str, str], Found] = field(default_factory=dict)

    def read(self) -> None:
        """Read the document that is served."""
        content = self.run(self._sent("GET", "/openapi.json", "", [], b""))[2]
        self.schema = schemathesis.openapi.from_dict(json.loads(content))

    def seed(self) -> None:
        """Make records, so that there are ids to ask for."""
        for path, body in SEEDS:
            request = requests.Request("POST", BASE + path, json=body).prepare()
            request.headers["Authorization"] = self.credentials["Bearer"]
            status, _, content = self.send(request)
            if not 200 <= status < 300:
                raise AssertionError(f"{path}: {status} {content!r}")
            self.learn(path, request, status, content)
        for operation in self.operations():
            if operation.method == "get" and "{" not in operation.path and not _is_stream(operation):
                request = requests.Request("GET", BASE + operation.path).prepare()
                request.headers["Authorization"] = self.credentials["Bearer"]
                status, _, content = self.send(request)
                self.learn(operation.path, request, status, content)

    def operations(self) -> list[Any]:
        """Return the operations: those that make things first, those that take them away last."""
        order = {"post": 1, "put": 2, "patch": 2, "get": 3, "delete": 4}
        every = [one.ok() for one in self.schema.get_all_operations()]
        return sorted(every, key=lambda one: (order[one.method], one.path.count("/"), one.path))

    def cover(self, operation: Any, *, every: int = 1, most: int | None = None) -> None:
        """Ask the limits of each value, one at a time; of these requests each so-manieth, or the first ones."""
        cases = iter_coverage_cases(
            operation=operation, generation_modes=list(GenerationMode), generate_duplicate_query_parameters=True,
            unexpected_methods=METHODS, generation_config=operation.schema.config.generation_for(operation=operation),
        )  # fmt: skip
        offset = sum(map(ord, operation.label)) % every
        for number, case in enumerate(islice(cases, most)):
            if number % every == offset % every:
                if number // every % 4:  # else with an id that belongs to nothing
                    for name, known in list(self.known(operation.path))[-1].items():
                        case.path_parameters[name] = known
                self.ask(case)

    def fuzz(self, operation: Any, *, examples: int) -> None:
        """Ask what is made up at random, right and wrong, the same at each run."""
        for mode in GenerationMode:
            for ids in self.known(operation.path):
                try:
                    strategy = operation.as_strategy(generation_mode=mode, path_parameters=ids or None)
                    settings = hypothesis.settings(
                        max_examples=examples, derandomize=True, database=None, deadline=None,
                        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
                    )  # fmt: skip

                    @settings
                    @hypothesis.given(strategy)
                    def asked(case: Any) -> None:
                        self.ask(case)

                    asked()
                except Unsatisfiable:  # nothing of the operation can be wrong
                    continue

    def odd(self, operation: Any, *, every: int = 1) -> None:
        """Ask with bodies that are none, and with values that only somebody who means harm would send."""
        offset = sum(map(ord, operation.label))
        known = list(self.known(operation.path))[-1]
        path = _PARAMETER.sub(lambda found: known.get(found[1], "0" * 32), operation.path)
        method = operation.method.upper()
        sent: list[tuple[str, bytes | None]] = []
        for name in (one.name for one in operation.query):
            sent += [(f"?{urlencode({name: _text(value)}, errors='surrogatepass')}", None) for value in ODD]
        if "{" in operation.path:
            for value in ODD[:8]:
                asked = quote(_text(value), safe="", errors="surrogatepass") or "%20"
                self.judge(operation, self._prepared(method, BASE + _PARAMETER.sub(asked, operation.path), None))
        if operation.body:
            sent += [("", content) for content in MALFORMED]
            for body in self._bodies(operation):
                sent += [("", json.dumps(one).encode()) for one in with_odd(body)]
        for number, (query, content) in enumerate(sent):
            if (number + offset) % every == 0:
                self.judge(operation, self._prepared(method, BASE + path + query, content))

    def bare(self, operation: Any) -> None:
        """Ask without proof, and with a wrong one: both are refused alike."""
        if not operation.definition.raw.get("security"):
            return
        request = self._prepared(operation.method.upper(), BASE + _PARAMETER.sub("0" * 32, operation.path), None)
        for value in (None, "Bearer a.b.c", "Token wrong.acme", "Bearer \u00e9"):
            if value is not None:
                request.headers["Authorization"] = value
            status, headers, content = self.send(request)
            self.asked[operation.label] += 1
            self.statuses[status] += 1
            if status != 401 or "www-authenticate" not in headers or not content.startswith(b'{"type"'):
                self.note(operation.label, f"{value} is answered with {status}", f"{content[:200]!r}")

    def _bodies(self, operation: Any) -> list[Any]:
        """Return a right body or two."""
        cases = iter_coverage_cases(
            operation=operation, generation_modes=[GenerationMode.POSITIVE], generate_duplicate_query_parameters=False,
            unexpected_methods=set(), generation_config=operation.schema.config.generation_for(operation=operation),
        )  # fmt: skip
        found = [case.body for case in islice(cases, 40) if isinstance(case.body, dict | list)]
        found += [body for path, body in SEEDS if path == operation.path]
        return sorted(found, key=lambda body: len(json.dumps(body)))[-2:]

    @staticmethod
    def _prepared(method: str, url: str, content: bytes | None) -> Any:
        prepared = requests.Request(method, BASE, data=content).prepare()
        prepared.url = url
        if content is not None:
            prepared.headers["Content-Type"] = "application/json"
        return prepared

    def known(self, path: str) -> Iterator[dict[str, str]]:
        """Return the ids that stand for the parameters of a path; and none, for made-up ones."""
        yield {}
        found: dict[str, str] = {}
        whole = path
        for name in _PARAMETER.findall(path):
            before = whole.split("{", 1)[0]
            ids = self.ids.get(before)
            if not ids:
                return
            found[name] = ids[-1]
            whole = whole.replace(f"{{{name}}}", ids[-1], 1)
        if found:
            yield found

    def ask(self, case: Any) -> None:
        """Send one request with each credential by turns, and judge the answer."""
        case.headers = {name: value for name, value in (case.headers or {}).items() if name.lower() != "authorization"}
        given = REQUESTS_TRANSPORT.serialize_case(case, base_url=BASE)
        given.pop("timeout", None)
        self.judge(case.operation, requests.Request(**given).prepare(), case)

    def judge(self, operation: Any, request: Any, case: Any = None) -> None:
        """Send one request and judge the answer."""
        label = operation.label
        self.asked[label] += 1
        scheme = list(self.credentials)[self.asked[label] % len(self.credentials)]
        if operation.definition.raw.get("security"):
            request.headers["Authorization"] = self.credentials[scheme]
        status, headers, content = self.send(request)
        self.statuses[status] += 1
        response = Response(
            status_code=status, headers=headers, content=content, request=request, elapsed=0.0, verify=False,
            encoding="utf-8",
        )  # fmt: skip
        shown = (
            f"{request.method} {request.url} {(request.body or b'')[:300]!r} as {scheme} -> {status} {content[:300]!r}"
        )
        if request.method != operation.method.upper():
            if status not in (404, 405) and not self._is_another(request):
                self.note(label, f"{request.method} is answered with {status}", shown)
            return
        if status >= 400 and headers.get("content-type") != ["application/problem+json"]:
            self.note(label, f"{status} is no problem document", shown)
        is_stream = headers.get("content-type", [""])[0].startswith("text/event-stream")
        checks = [check for check in CHECKS if not (is_stream and check is response_schema_conformance)]
        try:
            (
                case or operation.Case(path_parameters=dict.fromkeys(_PARAMETER.findall(operation.path), "x"))
            ).validate_response(response, checks=checks)
        except FailureGroup as group:
            for failure in group.exceptions:
                self.note(
                    label,
                    f"{type(failure).__name__}: {str(failure)[:400]}",
                    shown,
                    f"{type(failure).__name__} {status}",
                )
        self.learn(operation.path, request, status, content)

    def send(self, request: Any) -> tuple[int, dict[str, list[str]], bytes]:
        """Send a request as it is."""
        parts = urlsplit(request.url)
        body = request.body or b""
        headers = [(name.lower().encode("latin-1"), _bytes(value)) for name, value in request.headers.items()]
        content = body.encode() if isinstance(body, str) else bytes(body)
        answered: tuple[int, dict[str, list[str]], bytes] = self.run(
            self._sent(request.method, parts.path, parts.query, headers, content)
        )
        return answered

    async def _sent(
        self, method: str, path: str, query: str, headers: list[tuple[bytes, bytes]], content: bytes
    ) -> tuple[int, dict[str, list[str]], bytes]:
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
            "path": unquote(path), "raw_path": path.encode(), "root_path": "", "query_string": query.encode(),
            "scheme": "http", "headers": [(b"host", b"chorally.test"), *headers], "server": ("chorally.test", 80),
            "client": ("192.0.2.1", 40000),
        }  # fmt: skip
        sent: list[Any] = []
        received = iter([{"type": "http.request", "body": content, "more_body": False}])

        async def receive() -> Any:
            if (message := next(received, None)) is not None:
                return message
            await asyncio.sleep(STREAM_S)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        async with asyncio.timeout(20):
            await self.api.system.app(scope, receive, send)
        told: dict[str, list[str]] = {}
        for name, value in sent[0]["headers"]:
            told.setdefault(name.decode().lower(), []).append(value.decode("latin-1"))
        return int(sent[0]["status"]), told, b"".join(part.get("body", b"") for part in sent[1:])

    def figures(self) -> str:
        """Return how much was asked."""
        answered = ", ".join(f"{count} x {status}" for status, count in sorted(self.statuses.items()))
        return f"{sum(self.asked.values())} requests to {len(self.asked)} operations: {answered}"

    def note(self, operation: str, why: str, example: str, kind: str = "") -> None:
        """Keep the first example of what is wrong."""
        self.found.setdefault((operation, kind or why), Found(operation, why, example))

    def learn(self, path: str, request: Any, status: int, content: bytes) -> None:
        """Keep the ids of what was made or listed."""
        if status >= 300 or not content.startswith(b"{"):
            return
        found = json.loads(content)
        before = urlsplit(request.url).path.rstrip("/") + "/"
        items = found.get("items") if isinstance(found.get("items"), list) else [found] if status == 201 else []
        for item in items:
            if isinstance(item, dict) and isinstance(item.get("id"), str):
                known = self.ids.setdefault(before, [])
                if item["id"] not in known:
                    known.append(item["id"])
        if path == "/message/v1/tickets/{ticket_id}/messages":
            for item in items:
                self.ids.setdefault("/message/v1/messages/", []).append(item["id"])

    def _is_another(self, request: Any) -> bool:
        """Whether the method is that of another operation at the same path."""
        path = urlsplit(request.url).path
        for one in self.operations():
            shape = re.sub(r"\\\{[^}]+\\\}", "[^/]*", re.escape(one.path))
            if one.method.upper() == request.method and re.fullmatch(shape, path):
                return True
        return False


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _is_stream(operation: Any) -> bool:
    return "text/event-stream" in operation.definition.raw["responses"].get("200", {}).get("content", {})


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("latin-1", "replace")


@contextmanager
def fuzzing(folder: Path) -> Iterator[Fuzzing]:
    """Give a system with records of every kind, and what asks it."""
    with asyncio.Runner() as runner:
        given = an_api(folder, platform=PlazaPlatform(), connector=Square, service_tokens=EVERYTHING, **UNBOUNDED)
        api = runner.run(given.__aenter__())
        try:
            runner.run(api.hook(a_note("note-1"), a_note("note-2", "bob", "where is my order?")))
            bearer = api.system.token("acme", "installation-operator")
            asks = Fuzzing(api, runner.run, {"Bearer": f"Bearer {bearer}", "Token": f"Token {LIVE[0]}.acme"})
            asks.read()
            asks.seed()
            yield asks
        finally:
            runner.run(given.__aexit__(None, None, None))
