"""Authorisation of requests: each route says which permission it needs, or that it is open and why.

Who the caller is comes from the identity port at ``app.state.identity``; nothing is let through without it.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from chorally_core.api.addresses import Addresses, address_of
from chorally_core.api.problem import Problem
from chorally_core.ports.audit import ASKED, Asked
from chorally_core.ports.coordination import Coordination
from chorally_core.ports.identity import Caller, Identity, IdentityUnavailable, Unauthenticated

F = TypeVar("F", bound=Callable[..., Any])

OPEN = "__chorally_open__"
"""Attribute of an endpoint that needs no caller: the reason why."""

CHALLENGE = 'Bearer realm="chorally", Token realm="chorally"'
"""``WWW-Authenticate`` of an answer to a request without proof."""


class Allowed(SecurityBase):
    """Gives the caller of a request who has a permission; any caller where None is asked for.

    OpenAPI shows it as the scheme ``Bearer``; ``responses.describe`` adds the service tokens, since a second
    dependency would cost each request a tenth of its time.
    """

    scheme_name = "Bearer"
    model = HTTPBearer(
        bearerFormat="JWT", description="An access token: `Authorization: Bearer …`, from `/identity/v1/token`"
    )

    def __init__(self, permission: str | None) -> None:
        self.permission = permission

    async def __call__(self, request: Request) -> Caller:
        """Return the caller.

        Raises:
            Problem: 401, nobody is proven; 403, the permission is missing; 503, it cannot be told at the moment.
        """
        caller = await authenticated(request)
        if self.permission is not None and self.permission not in caller.permissions:
            raise Problem(
                403,
                f"the permission {self.permission} is missing; ask an administrator for a role that has it",
                code="permission-missing",
                headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{self.permission}"'},
            )
        return caller


def allowed(permission: str | None = None) -> Any:
    """Return the dependency that gives the caller, who must have the permission.

    ``caller: Annotated[Caller, allowed(Permission.TICKETS_READ)]`` in an endpoint, or
    ``dependencies=[allowed(...)]`` of a router. Without a permission any proven caller will do.
    """
    return Security(Allowed(permission), scopes=[str(permission)] if permission else [])


async def authenticated(request: Request) -> Caller:
    """Return who sent the request, also kept at ``request.state.caller``.

    Raises:
        Problem: 401, nobody is proven; 503, it cannot be told at the moment.
    """
    identity: Identity = request.app.state.identity
    values = request.headers.getlist("authorization")
    try:
        if not values:
            raise Unauthenticated("the request has no Authorization header")
        if len(values) > 1:
            raise Unauthenticated("the request has more than one Authorization header")
        caller = await identity.authenticate(values[0])
    except Unauthenticated as error:
        _within_refusals(request)
        challenge = CHALLENGE if not values else f'{CHALLENGE}, error="invalid_token"'
        raise Problem(401, error.reason, code="not-authenticated", headers={"WWW-Authenticate": challenge}) from None
    except IdentityUnavailable as error:
        raise Problem(
            503, error.reason, code="identity-unavailable", headers={"Retry-After": str(error.wait_s)}
        ) from error
    request.state.caller = caller
    ASKED.set(Asked(address_of(request.scope), caller.token_id))
    await _within_rate(request, caller)
    return caller


def _within_refusals(request: Request) -> None:
    """Let an address prove nobody for so many times a minute."""
    addresses: Addresses | None = getattr(request.app.state, "addresses", None)
    if addresses is not None and (wait_s := addresses.refuse(address_of(request.scope))):
        wait = str(max(1, math.ceil(wait_s)))
        detail = f"more than {addresses.refused_rate} requests a minute that prove nobody; wait {wait} seconds"
        raise Problem(429, detail, code="rate-limited", headers={"Retry-After": wait}) from None


async def _within_rate(request: Request, caller: Caller) -> None:
    """Let a tenant's requests through up to its rate, where the application has one."""
    state = request.app.state
    rate: int | None = getattr(state, "tenant_rate", None)
    if rate is None:
        return
    coordination: Coordination = state.coordination
    taken = await coordination.take(f"tenant/{caller.tenant}", limit=rate, per_s=60.0)
    if not taken.granted:
        wait = str(max(1, math.ceil(taken.wait_s)))
        detail = f"the tenant sends more than {rate} requests a minute; wait {wait} seconds"
        raise Problem(429, detail, code="rate-limited", headers={"Retry-After": wait})


def open_route(reason: str) -> Callable[[F], F]:
    """Mark an endpoint that anybody may call, and say how it is proven instead or why it need not be."""

    def mark(endpoint: F) -> F:
        setattr(endpoint, OPEN, reason)
        return endpoint

    return mark
