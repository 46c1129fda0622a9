"""How a twin says its routes and its errors."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chorally_sdk.sandbox.parts import MULTIPART, Part, parts_of

_MARK = "_chorally_route"
Endpoint = Callable[..., Awaitable[Any]]
E = TypeVar("E", bound=Endpoint)


@dataclass(frozen=True)
class Said:
    """What ``answers`` said of a method."""

    method: str
    path: str
    on: str
    is_open: bool


def answers(method: str, path: str, *, on: str = "", is_open: bool = False) -> Callable[[E], E]:
    """Let a method of a twin answer calls.

    Args:
        method: HTTP method.
        path: As Starlette writes it: ``/notes/{note_id}``.
        on: The word by which faults name these calls; ``read`` or ``write`` by the method where empty.
        is_open: Whether it is answered without a token.
    """

    def mark(endpoint: E) -> E:
        word = on or ("read" if method in {"GET", "HEAD"} else "write")
        setattr(endpoint, _MARK, Said(method, path, word, is_open))
        return endpoint

    return mark


def routes_of(twin: object) -> list[tuple[Said, Endpoint]]:
    """Return the marked methods of a twin; what is written first is asked first, a subclass before its base."""
    found: dict[str, tuple[Said, Endpoint]] = {}
    for kind in type(twin).__mro__:
        for name, value in vars(kind).items():
            said = getattr(value, _MARK, None)
            if isinstance(said, Said) and name not in found:
                found[name] = (said, getattr(twin, name))
    return list(found.values())


@dataclass(frozen=True)
class Failure:
    """An error as the platform answers it, and what a connector must make of it."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    means: Mapping[str, Any] = field(default_factory=dict)
    """``type`` is the name of the error; ``reason``, ``wait_s`` and ``scope`` where it has them."""

    def response(self) -> Response:
        """Return it as an answer."""
        if isinstance(self.body, bytes | str):
            return Response(self.body, self.status, dict(self.headers))
        return JSONResponse(self.body, self.status, dict(self.headers))

    def as_answered(self, url: str) -> httpx.Response:
        """Return it as a client sees it."""
        shown = self.response()
        headers = {name.decode(): value.decode() for name, value in shown.raw_headers}
        return httpx.Response(
            self.status, headers=headers, content=bytes(shown.body), request=httpx.Request("POST", url)
        )


class Refusal(Exception):
    """Ends a call with one of the twin's errors, by its name."""

    def __init__(self, name: str, **body: Any) -> None:
        super().__init__(name)
        self.name = name
        self.body = body


@dataclass
class Call:
    """One call of a client."""

    request: Request
    query: dict[str, str]
    fields: dict[str, Any]
    """Of the body: JSON, or a form, with or without files."""
    files: dict[str, Part] = field(default_factory=dict)
    """Of a form with files."""
    is_stuck: bool = False
    """Whether paging shall lead back to the page that is asked for."""

    @classmethod
    async def of(cls, request: Request) -> "Call":
        """Read a request.

        Raises:
            Refusal: Its body cannot be read.
        """
        raw = await request.body()
        fields: dict[str, Any] = {}
        files: dict[str, Part] = {}
        media = request.headers.get("content-type", "")
        if media.startswith(MULTIPART):
            parts = list(parts_of(media, raw))
            fields = {part.name: part.text for part in parts if part.filename is None}
            files = {part.name: part for part in parts if part.filename is not None}
        elif raw and media.startswith("application/json"):
            try:
                read = json.loads(raw)
            except ValueError as error:
                raise Refusal("invalid") from error
            fields = read if isinstance(read, dict) else {"": read}
        elif raw and "form-urlencoded" in media:
            fields = dict(parse_qsl(raw.decode(), keep_blank_values=True))
        return cls(request, dict(request.query_params), fields, files)

    @property
    def token(self) -> str:
        """The bearer token, or the parameter ``access_token``; empty where there is neither."""
        scheme, _, token = self.request.headers.get("authorization", "").partition(" ")
        return token if scheme.lower() == "bearer" else self.query.get("access_token", "")

    @property
    def path(self) -> dict[str, str]:
        """What the path's names stand for."""
        return dict(self.request.path_params)

    def url(self, path: str) -> str:
        """Return an absolute URL of this platform, as the caller sees it."""
        return f"{self.request.url.scheme}://{self.request.url.netloc}{path}"
