"""Authorisation of routes: the caller, the refusals, and the search for routes that nobody guards."""

from typing import Annotated, Any

import httpx
import pytest
from chorally_core.api.auth import allowed, open_route
from chorally_core.api.guarded import open_routes, unguarded
from chorally_core.api.problem import install
from chorally_core.api.responses import describe
from chorally_core.ports.identity import Caller, IdentityUnavailable, Unauthenticated
from chorally_core.ports.permissions import Permission
from fastapi import APIRouter, Depends, FastAPI, Request, Response, WebSocket

ADA = Caller(tenant="acme", subject="ada", kind="user", permissions=frozenset({Permission.TICKETS_READ}))


class Known:
    """Knows Ada by the word "ada"."""

    async def authenticate(self, authorization: str) -> Caller:
        if authorization == "later":
            raise IdentityUnavailable("the keys cannot be fetched", 60)
        if authorization != "ada":
            raise Unauthenticated("the token has expired")
        return ADA


def an_app() -> FastAPI:
    """Return an application with one route of each kind, all guarded."""
    app = FastAPI()
    install(app)
    app.state.identity = Known()

    @app.get("/tickets")
    async def tickets(caller: Annotated[Caller, allowed(Permission.TICKETS_READ)], request: Request) -> str:
        assert request.state.caller is caller
        return str(caller.subject)

    @app.get("/logs", dependencies=[allowed(Permission.LOGS_READ)])
    async def logs() -> None:
        raise AssertionError("nobody may")

    @app.get("/me")
    async def me(caller: Annotated[Caller, allowed()], number: int) -> str:
        return f"{caller.tenant} {number}"

    @app.get("/health")
    @open_route("says nothing but that it lives")
    async def health() -> str:
        return "ok"

    return app


async def _get(path: str, *authorization: str, app: FastAPI | None = None) -> httpx.Response:
    transport = httpx.ASGITransport(app or an_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        return await http.get(path, headers=[("Authorization", value) for value in authorization])


async def test_whoever_has_the_permission_comes_in() -> None:
    """The endpoint gets the caller, and so does whatever looks at the request's state."""
    assert (await _get("/tickets", "ada")).json() == "ada"
    assert (await _get("/me?number=7", "ada")).json() == "acme 7"
    assert (await _get("/health")).json() == "ok"


@pytest.mark.parametrize(
    ("authorization", "challenge", "detail"),
    [
        ((), 'Token realm="chorally"', "has no Authorization header"),
        (("bob",), 'error="invalid_token"', "has expired"),
        (("",), 'error="invalid_token"', "has expired"),
        (("ada", "ada"), 'error="invalid_token"', "more than one"),
    ],
)
async def test_without_proof_the_answer_is_401(authorization: tuple[str, ...], challenge: str, detail: str) -> None:
    """With the reason, and how to do better; two headers prove nobody, even if one of them would."""
    answer = await _get("/tickets", *authorization)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Bearer realm="chorally"')
    assert challenge in answer.headers["www-authenticate"]
    assert detail in answer.json()["detail"]


async def test_the_caller_is_proven_before_anything_is_judged() -> None:
    """A stranger does not learn what a request should look like."""
    assert (await _get("/me?number=x")).status_code == 401
    assert (await _get("/me?number=x", "ada")).status_code == 422


async def test_without_the_permission_the_answer_is_403() -> None:
    """It names what is missing, for people and for programs."""
    answer = await _get("/logs", "ada")
    assert answer.status_code == 403
    assert "logs:read" in answer.json()["detail"]
    assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="logs:read"'


async def test_while_nobody_can_be_proven_the_answer_is_503() -> None:
    """A caller who may be right is told to come again, not that they are wrong."""
    answer = await _get("/tickets", "later")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")


async def test_an_application_without_identity_lets_nobody_in() -> None:
    """Forgotten wiring fails closed."""
    app = an_app()
    del app.state.identity
    with pytest.raises(AttributeError):
        await _get("/tickets", "ada", app=app)


def test_a_guarded_application_has_no_unguarded_route() -> None:
    """The framework's own pages are told apart."""
    assert unguarded(an_app()) == []
    assert open_routes(an_app()) == {"/health": "says nothing but that it lives"}


def _forgotten(app: FastAPI) -> None:
    @app.post("/forgotten")
    async def forgotten() -> None: ...


def _included(app: FastAPI) -> None:
    router = APIRouter(prefix="/in")

    @router.get("/cluded")
    async def included() -> None: ...

    app.include_router(router)


def _mounted(app: FastAPI) -> None:
    inner = FastAPI(openapi_url=None)
    _included(inner)
    app.mount("/mounted/v1", inner)


def _bare(app: FastAPI) -> None:
    async def raw(scope: Any, receive: Any, send: Any) -> None: ...

    app.mount("/raw", raw)


def _socket(app: FastAPI) -> None:
    @app.websocket("/socket")
    async def socket(websocket: WebSocket) -> None: ...


def _plain(app: FastAPI) -> None:
    async def plain(request: Request) -> Response:
        raise AssertionError("never called")

    app.add_route("/plain", plain, methods=["GET"])


@pytest.mark.parametrize(
    ("add", "found"),
    [
        (_forgotten, "POST /forgotten"),
        (_included, "GET /in/cluded"),
        (_mounted, "GET /mounted/v1/in/cluded"),
        (_bare, "* /raw"),
        (_socket, "* /socket"),
        (_plain, "GET/HEAD /plain"),
    ],
)
def test_an_unguarded_route_is_found_wherever_it_hides(add: Any, found: str) -> None:
    """In a router, in a mounted application, as a socket, or as a bare ASGI application."""
    app = an_app()
    add(app)
    assert unguarded(app) == [found]


def test_a_router_guards_what_is_in_it() -> None:
    """A dependency of the router, or a dependency's dependency, counts."""
    app = an_app()

    async def reader(caller: Annotated[Caller, allowed(Permission.TICKETS_READ)]) -> str:
        return caller.subject

    guarded = APIRouter(prefix="/g", dependencies=[allowed(Permission.LOGS_READ)])

    @guarded.get("/a")
    async def a() -> None: ...

    app.include_router(guarded)
    plain = APIRouter(prefix="/p")

    @plain.get("/b")
    async def b() -> None: ...

    app.include_router(plain, dependencies=[allowed()])

    @app.get("/c")
    async def c(subject: Annotated[str, Depends(reader)]) -> None: ...

    assert unguarded(app) == []


def test_a_permission_is_shown_where_a_client_looks() -> None:
    """OpenAPI lists both ways to authenticate, either of which will do, with the permission."""
    app = an_app()
    describe(app)
    assert app.openapi() == app.openapi()
    document = app.openapi()
    assert document["paths"]["/tickets"]["get"]["security"] == [
        {"Bearer": ["tickets:read"]},
        {"ServiceToken": ["tickets:read"]},
    ]
    assert "security" not in document["paths"]["/health"]["get"]
    schemes = document["components"]["securitySchemes"]
    assert (schemes["Bearer"]["scheme"], schemes["ServiceToken"]["name"]) == ("bearer", "Authorization")
