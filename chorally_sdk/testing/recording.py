"""Recording what is said with a platform, without secrets, and playing it again."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx

HIDDEN = "***"
_HEADERS = frozenset(
    (
        *("authorization", "proxy-authorization", "cookie", "set-cookie", "dpop", "dpop-nonce", "x-api-key"),
        *("x-signature", "www-authenticate", "api-key", "apikey", "x-goog-channel-token"),
    )
)
_SECRET = re.compile(
    r"(^|_|-)(access_?token|refresh_?token|id_?token|token|secret|password|passwd|signature|code|code_verifier|"
    r"assertion|appsecret_proof|api_?key|client_secret|jwt|private_?key)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Exchange:
    """One request and what came of it: an answer, or the name of an error."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    status: int = 0
    answer_headers: tuple[tuple[str, str], ...] = ()
    answer: bytes = b""
    error: str = ""

    def response(self) -> httpx.Response:
        """Return the answer as a client sees it."""
        return httpx.Response(self.status, headers=list(self.answer_headers), content=self.answer)


class Recorder(httpx.AsyncBaseTransport):
    """Passes requests on and keeps them, with their answers, in ``exchanges``."""

    def __init__(
        self,
        inner: httpx.AsyncBaseTransport,
        exchanges: list[Exchange],
        *,
        begins: Callable[[], None] = lambda: None,
    ) -> None:
        """Stand before a transport.

        Args:
            inner: Answers.
            exchanges: Where they are kept.
            begins: Called as a request begins, before its body is read.
        """
        self._inner = inner
        self._exchanges = exchanges
        self._begins = begins

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on."""
        self._begins()
        body = await request.aread()
        asked = Exchange(request.method, str(request.url), tuple(request.headers.items()), body)
        at = len(self._exchanges)
        self._exchanges.append(asked)
        try:
            answer = await self._inner.handle_async_request(request)
            content = await answer.aread()
        except httpx.HTTPError as error:
            self._exchanges[at] = _with(asked, error=type(error).__name__)
            raise
        headers = tuple(
            (name, value)
            for name, value in answer.headers.items()
            if name not in {"content-encoding", "transfer-encoding", "content-length"}
        )
        self._exchanges[at] = _with(asked, status=answer.status_code, answer_headers=headers, answer=content)
        return httpx.Response(
            answer.status_code, headers=list(headers), content=content, request=request, extensions={}
        )

    async def aclose(self) -> None:
        """Close what is behind."""
        await self._inner.aclose()

    def save(self, path: Path, *, secrets: Iterable[str] = (), source: str = "") -> None:
        """Write what was recorded, without secrets.

        Args:
            path: A JSON file.
            secrets: Words that must not be in it, besides what is known to be secret by its name.
            source: Where the answers come from, and when.
        """
        exchanges = [redacted(exchange, secrets) for exchange in self._exchanges]
        told = {"source": source, "exchanges": [_plain(exchange) for exchange in exchanges]}
        path.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", "utf-8")


class NotRecorded(AssertionError):
    """A request that no recording answers."""


class Replay(httpx.AsyncBaseTransport):
    """Answers requests by recordings: the first unused one of the same method, URL and body, secrets left out."""

    def __init__(self, path: Path) -> None:
        read = json.loads(path.read_text("utf-8"))
        self.source: str = read["source"]
        self._left = [_read(exchange) for exchange in read["exchanges"]]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request.

        Raises:
            NotRecorded: Nothing of the kind was recorded, or it was asked too often.
        """
        asked = redacted(Exchange(request.method, str(request.url), (), await request.aread()))
        for exchange in self._left:
            if (exchange.method, exchange.url, exchange.body) == (asked.method, asked.url, asked.body):
                self._left.remove(exchange)
                if exchange.error:
                    raise getattr(httpx, exchange.error)("as it was recorded", request=request)
                return exchange.response()
        raise NotRecorded(f"nothing answers {asked.method} {asked.url}; record it again")

    @property
    def unused(self) -> Sequence[Exchange]:
        """What was recorded, and not asked for."""
        return tuple(self._left)


def redacted(exchange: Exchange, secrets: Iterable[str] = ()) -> Exchange:
    """Return an exchange without secrets: by the names of headers, parameters and fields, and by the words given."""
    words = sorted((word for word in secrets if word), key=len, reverse=True)

    def clean(text: str) -> str:
        for word in words:
            text = text.replace(word, HIDDEN)
        return text

    url = httpx.URL(exchange.url)
    query = url.query.decode()
    bare = str(url.copy_with(query=None))
    return Exchange(
        exchange.method,
        clean(f"{bare}?{_form(query)}" if query else bare),
        _headers(exchange.headers, clean),
        clean(_body(exchange.body)).encode("utf-8", "surrogateescape"),
        exchange.status,
        _headers(exchange.answer_headers, clean),
        clean(_body(exchange.answer)).encode("utf-8", "surrogateescape"),
        exchange.error,
    )


def _headers(headers: Iterable[tuple[str, str]], clean: Any) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, HIDDEN if name.lower() in _HEADERS or "signature" in name.lower() else clean(value))
        for name, value in headers
    )


def _form(text: str) -> str:
    pairs = parse_qsl(text, keep_blank_values=True)
    return urlencode([(name, HIDDEN if _SECRET.search(name) else value) for name, value in pairs], safe="*")


def _body(raw: bytes) -> str:
    text = raw.decode("utf-8", "surrogateescape")
    try:
        return json.dumps(_json(json.loads(text)), ensure_ascii=False)
    except ValueError:
        pass
    is_form = re.fullmatch(r"[\w.%+\-\[\]]+=[^\s<>{}]*", text.partition("&")[0]) is not None
    return _form(text) if is_form else text


def _json(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: HIDDEN if _SECRET.search(name) and isinstance(inner, str) else _json(inner)
            for name, inner in value.items()
        }
    if isinstance(value, str) and "://" in value and "?" in value:
        bare, _, query = value.partition("?")
        return f"{bare}?{_form(query)}"
    return [_json(inner) for inner in value] if isinstance(value, list) else value


def _plain(exchange: Exchange) -> dict[str, Any]:
    told = {**vars(exchange)}
    told["body"] = exchange.body.decode("utf-8", "surrogateescape")
    told["answer"] = exchange.answer.decode("utf-8", "surrogateescape")
    return {name: value for name, value in told.items() if value}


def _read(told: dict[str, Any]) -> Exchange:
    raw = {name: told.get(name, "").encode("utf-8", "surrogateescape") for name in ("body", "answer")}
    pairs = {n: tuple((k, v) for k, v in told.get(n, ())) for n in ("headers", "answer_headers")}
    return Exchange(**{**told, **raw, **pairs})


def _with(exchange: Exchange, **changes: Any) -> Exchange:
    return Exchange(**{**vars(exchange), **changes})
