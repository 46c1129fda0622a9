"""The identity API, at ``/identity/v1``: signing in, the key set, the caller, users and teams.

Where people sign in elsewhere, such as at a Keycloak, they are listed here once they came, and are changed there.
"""

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import SecretStr, ValidationError

from chorally_core.api import problem
from chorally_core.api.auth import CHALLENGE, allowed, open_route
from chorally_core.api.identity_users import LocalUsers, teams_router, users_router
from chorally_core.api.identity_views import AccessToken, Credentials, KeySet, Me, NewPassword, RoleList
from chorally_core.api.problem import Problem
from chorally_core.api.responses import problems
from chorally_core.ports.identity import Caller, Identity
from chorally_core.services.identity import Throttled, User, WrongCredentials
from chorally_core.services.identity.commands import change_own_password, keys_of_user, own_user

_MAX_BODY = 64 * 1024
_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"


def create_app(identity: Identity, local: LocalUsers | None = None) -> FastAPI:
    """Return the application to mount at ``/identity/v1``.

    Args:
        identity: Proves the callers.
        local: What the built-in users need; None where an outside issuer keeps them.
    """
    app = FastAPI(
        title="Chorally identity",
        version="1",
        description="Users, teams and roles of a tenant, and signing in.",
        generate_unique_id_function=lambda route: route.name,
        max_body_size=_MAX_BODY,
    )
    app.state.identity = identity
    problem.install(app)
    app.include_router(caller_router(local))
    if local is not None:
        app.include_router(sign_in_router(local))
        app.include_router(users_router(local))
        app.include_router(teams_router(local))
    return app


def caller_router(local: LocalUsers | None) -> APIRouter:
    """Return the routes about the caller and the roles."""
    router = APIRouter(tags=["caller"], responses=problems(401))

    @router.get("/me", summary="Show the caller")
    async def me(caller: Annotated[Caller, allowed()]) -> Me:
        """Return who the request is from and what they may do."""
        user = await local.documents.get(User, caller.subject) if local is not None and caller.kind == "user" else None
        return Me.of(caller, user)

    @router.get("/roles", summary="List the roles", dependencies=[allowed()])
    async def list_roles() -> RoleList:
        """Return the built-in roles and what each allows."""
        return RoleList.built_in()

    return router


def sign_in_router(local: LocalUsers) -> APIRouter:
    """Return the routes of the built-in issuer, and the change of one's own password."""
    router = APIRouter(tags=["sign-in"])

    @router.post(
        "/token",
        summary="Sign in",
        responses=problems(400, 401, 409, 413, 415, 429),
        openapi_extra={"requestBody": _credentials_body()},
    )
    @open_route("the body proves the user, by address and password")
    async def sign_in(request: Request, response: Response) -> AccessToken:
        """Return an access token for a user.

        In place of JSON, an OAuth form will do (RFC 6749, 4.3): `grant_type=password`, `tenant`, `username` (the
        address) and `password`, as `application/x-www-form-urlencoded`.
        """
        credentials = await _credentials(request)
        local.only_here(credentials.tenant)
        user = await _proven(local, request, credentials.tenant, credentials.email, credentials.password)
        issued = local.tokens.issue(
            subject=user.id, tenant=user.tenant, name=user.name, roles=user.roles, generation=user.token_generation
        )
        response.headers["Cache-Control"] = "no-store"
        return AccessToken(access_token=issued.access_token, expires_in=issued.expires_in_s)

    @router.get("/jwks", summary="Show the key set")
    @open_route("public keys, which whoever verifies tokens needs")
    async def show_keys(response: Response) -> KeySet:
        """Return the public keys that access tokens are verified with."""
        response.headers["Cache-Control"] = "public, max-age=300"
        return KeySet.model_validate(local.tokens.jwks())

    @router.post(
        "/me/password", status_code=204, summary="Change one's own password", responses=problems(401, 404, 409, 429)
    )
    async def change_password(body: NewPassword, request: Request, caller: Annotated[Caller, allowed()]) -> None:
        """Set a new password; all tokens of the user end, so sign in again."""
        local.only_here(caller.tenant)
        found = await local.documents.get(User, caller.subject) if caller.kind == "user" else None
        user = own_user(found, caller.tenant)
        await _proven(local, request, user.tenant, user.email, body.current)
        hashed = await local.passwords.hash(body.new.get_secret_value())
        at = local.clock()
        change = await local.actions.act(
            keys_of_user(caller.tenant, user_id=user.id),
            lambda found: change_own_password(found, user.id, hashed, by=caller, at=at),
        )
        local.learn(change)

    return router


async def _proven(local: LocalUsers, request: Request, tenant: str, email: str, password: SecretStr) -> User:
    """The user whose password it is."""
    address = request.client.host if request.client is not None else ""
    try:
        return await local.sign_in.user(tenant, email, password.get_secret_value(), address)
    except Throttled as error:
        raise Problem(429, str(error), code="throttled", headers={"Retry-After": str(error.wait_s)}) from None
    except WrongCredentials as error:
        headers = {"WWW-Authenticate": CHALLENGE}
        raise Problem(401, str(error), code="wrong-credentials", headers=headers) from None


async def _credentials(request: Request) -> Credentials:
    """The credentials in the body, whichever of the two ways they are written."""
    kind = request.headers.get("content-type", _JSON).partition(";")[0].strip().lower()
    body = await request.body()
    try:
        if kind == _JSON:
            return Credentials.model_validate_json(body)
        if kind == _FORM:
            return Credentials.model_validate(_from_form(body))
    except ValidationError as error:
        errors = [{"loc": ("body", *e["loc"]), "msg": e["msg"]} for e in error.errors(include_input=False)]
        raise RequestValidationError(errors) from None
    raise Problem(415, f"send {_JSON} or {_FORM}")


def _from_form(body: bytes) -> dict[str, str]:
    try:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=16))
    except ValueError:
        raise Problem(400, "the form is malformed", code="invalid-form") from None
    if form.get("grant_type") != "password":
        raise Problem(400, "grant_type must be password", code="unsupported-grant-type")
    found = {"email": form.get("username", form.get("email"))}
    found |= {field: form[field] for field in ("tenant", "password") if field in form}
    return {field: value for field, value in found.items() if value is not None}


def _credentials_body() -> dict[str, object]:
    """The OpenAPI description of the body, which is read by hand; of one kind, as generators of clients expect."""
    return {"required": True, "content": {_JSON: {"schema": Credentials.model_json_schema()}}}
