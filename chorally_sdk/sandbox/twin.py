"""The twin of a platform: an ASGI application made of marked methods, with everything that twins share."""

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, ClassVar

import httpx
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from chorally_sdk.model.accounts import Grant
from chorally_sdk.sandbox.clock import Clock
from chorally_sdk.sandbox.control import control_routes
from chorally_sdk.sandbox.faults import Fault, Faults, spoiled
from chorally_sdk.sandbox.levers import Levers
from chorally_sdk.sandbox.oauth import OAuth, Refused
from chorally_sdk.sandbox.routes import Call, Endpoint, Failure, Refusal, Said, routes_of

ERRORS: Mapping[str, Failure] = {
    "token": Failure(401, {"error": "the token is not valid"}, means={"type": "Reauthorize"}),
    "forbidden": Failure(403, {"error": "not permitted"}, means={"type": "Rejected", "reason": "permission"}),
    "gone": Failure(404, {"error": "there is no such object"}, means={"type": "Rejected", "reason": "gone"}),
    "invalid": Failure(400, {"error": "the request is not valid"}, means={"type": "Rejected", "reason": "invalid"}),
    "rate": Failure(
        429,
        {"error": "too many calls"},
        headers={"Retry-After": "60"},
        means={"type": "RateLimited", "wait_s": 60},
    ),
    "down": Failure(503, {"error": "out of order"}, means={"type": "RetryLater"}),
}
"""The errors of a platform that says no more than HTTP does; a twin's own replace them by name."""

_FAILED: Mapping[str, str] = {
    "error_500_before": "down",
    "error_500_after": "down",
    "rate_limit": "rate",
    "rate_limit_date": "rate",
    "expired_token": "token",
    "forbidden": "forbidden",
    "gone": "gone",
    "invalid": "invalid",
}
_KINDS = (
    *("timeout_before_effect", "timeout_after_effect", "connection_refused", "connection_reset"),
    *("connection_reset_after_effect", "not_json", *_FAILED),
)


class Twin(Levers):
    """A stateful twin of a documented API; a subclass marks its routes by ``answers`` and overrides levers."""

    kinds: ClassVar[frozenset[str]] = frozenset(
        (
            *(f"{kind}/{on}" for kind in _KINDS for on in ("read", "write", "token")),
            *(f"{kind}/read" for kind in ("truncated_page", "repeated_cursor", "extra_fields")),
        )
    )
    errors: ClassVar[Mapping[str, Failure]] = {}
    """What differs from ``ERRORS``, by name."""
    size: int = 25
    """The most that one page of a listing holds."""
    limit: int = 0
    """Calls in a minute; 0 for any number."""

    def __init__(self, *, clock: Clock | None = None, seed: int = 0, oauth: OAuth | None = None) -> None:
        """Make an empty platform.

        Args:
            clock: Its clock; one that stands where None.
            seed: Of all that is left to chance.
            oauth: Its OAuth server; one without scopes where None.
        """
        super().__init__()
        self.clock = clock or self.clock
        self.rng = random.Random(seed)  # noqa: S311 - chance that can be repeated, not a secret
        self.faults: Faults[Fault] = Faults(self.rng, self.clock.sleep, hold_s=0)
        self.oauth = oauth or OAuth(self.clock)
        self.calls = 0
        self._window = self.clock()
        self._in_window = 0
        routes = [
            Route(said.path, self._served(said, endpoint), methods=[said.method]) for said, endpoint in routes_of(self)
        ]
        self.app = Starlette(routes=[*control_routes(self), *routes])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, as an ASGI application."""
        await self.app(scope, receive, send)

    def transport(self) -> httpx.AsyncBaseTransport:
        """Reach it without a network."""
        return httpx.ASGITransport(app=self)

    def page_size(self, size: int) -> None:
        """Let listings show no more than this at once."""
        self.size = size

    def inject(self, kind: str, on: str, *, times: int = 1, wait_s: int = 60) -> None:
        """Let something go wrong with the next calls."""
        self.faults.waiting.append(Fault.model_validate({"on": on, "kind": kind, "times": times, "wait_s": wait_s}))

    def clear(self) -> None:
        """Let nothing more go wrong."""
        self.faults.waiting.clear()

    def revoke(self) -> None:
        """Take every grant back."""
        self.oauth.revoke()

    def refusals(self) -> Mapping[str, tuple[httpx.Response, dict[str, Any]]]:
        """Return the platform's errors by name, and what each must be."""
        table = {**ERRORS, **self.errors}
        return {
            name: (failure.as_answered("https://twin.example/"), dict(failure.means))
            for name, failure in table.items()
            if failure.means
        }

    def a_grant(self, **options: Any) -> Grant:
        """Return a grant that the platform knows; ``options`` are those of ``OAuth.issue``."""
        token = self.oauth.issue(**options)
        return Grant(
            access=SecretStr(token.access),
            refresh=SecretStr(token.refresh) if token.refresh else None,
            expires_at=token.expires_at,
            scopes=token.scopes,
        )

    def authorise(self, call: Call) -> None:
        """Judge a call by its token.

        Raises:
            Refusal: It has none that lives.
        """
        if self.oauth.live(call.token) is None:
            raise Refusal("token")

    def refused(self, name: str, **body: Any) -> Response:
        """Return an error by its name; what is given besides goes into its body."""
        failure = {**ERRORS, **self.errors}[name]
        if body and isinstance(failure.body, dict):
            failure = replace(failure, body={**failure.body, **body})
        return failure.response()

    def answer_token(self, call: Call) -> Response:
        """Answer at the token endpoint; a twin marks a route that calls this."""
        try:
            told = self.oauth.answer(call.fields, call.request.headers.get("authorization", ""))
        except Refused as refused:
            return JSONResponse({"error": refused.error}, refused.status)
        return JSONResponse(told)

    def state(self) -> Mapping[str, Any]:
        """Show what is there, for the control plane."""
        return {"made": [vars(made) for made in self.made()]} if "made" in self.offered() else {}

    def _served(self, said: Said, endpoint: Endpoint) -> Any:
        async def serve(request: Request) -> Response:
            self.calls += 1
            fault = self.faults.take(said.on)
            if fault and not fault.is_after:
                return self._failed(fault)
            answer = await self._answered(said, endpoint, request, fault)
            return (spoiled(answer, fault.kind) or self._failed(fault)) if fault else answer

        return serve

    async def _answered(self, said: Said, endpoint: Endpoint, request: Request, fault: Fault | None) -> Response:
        """What the platform answers, which may be an error of its own."""
        try:
            call = await Call.of(request)
            call.is_stuck = fault is not None and fault.kind == "repeated_cursor"
            if not said.is_open:
                self.authorise(call)
            self._count()
            told = await endpoint(call)
        except Refusal as refusal:
            return self.refused(refusal.name, **refusal.body)
        except KeyError:
            return self.refused("gone")
        except ValueError as wrong:
            return self.refused("invalid", detail=str(wrong))
        answer = told if isinstance(told, Response) else JSONResponse(told)
        if self.limit:
            answer.headers["X-RateLimit-Limit"] = str(self.limit)
            answer.headers["X-RateLimit-Remaining"] = str(self.limit - self._in_window)
        return answer

    def _count(self) -> None:
        if (self.clock() - self._window).total_seconds() >= 60:
            self._window, self._in_window = self.clock(), 0
        if self.limit and self._in_window >= self.limit:
            raise Refusal("rate")
        self._in_window += 1

    def _failed(self, fault: Fault) -> Response:
        if fault.kind not in _FAILED:
            return self.faults.no_answer(fault)
        answer = self.refused(_FAILED[fault.kind])
        if fault.kind == "rate_limit":
            answer.headers["Retry-After"] = str(fault.wait_s)
        if fault.kind == "rate_limit_date":
            answer.headers["Retry-After"] = format_datetime(_in_real_time(fault.wait_s), usegmt=True)
        return answer


def _in_real_time(seconds: int) -> datetime:
    """A date so far from now; the HTTP client reads dates by the real clock."""
    return datetime.now(UTC) + timedelta(seconds=seconds)
