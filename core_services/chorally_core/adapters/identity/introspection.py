"""Asks an outside issuer whether a token still counts (RFC 7662): it ends with the session and with the user.

A signature says who somebody was when the token was made. That they have signed out since, or may not work any more,
only the issuer knows; it is asked again and again, so that this counts within a stated time.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import httpx
import structlog

from chorally_core.ports.identity import IdentityUnavailable

log = structlog.get_logger(__name__)

_MAX_BYTES = 256 * 1024
_WAIT_S = 5
_HELD = timedelta(minutes=10)


_NO_REALM = ((403, "Realm not enabled"), (404, "Realm does not exist"))
"""How Keycloak says that nobody can sign in there any more: a status, and its word for it."""


class _Known(NamedTuple):
    at: datetime
    active: bool


class Introspection:
    """Knows for a while which tokens are active."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        url: str,
        client_id: str,
        secret: str,
        every: timedelta,
        clock: Callable[[], datetime],
        held: timedelta = _HELD,
        most: int = 10_000,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            http: Asks; its time-out should be a few seconds.
            url: The issuer's ``introspection_endpoint``.
            client_id: Our client there, which is confidential.
            secret: Its secret.
            every: How long an answer is believed: within this time a sign-out counts.
            clock: Gives the time.
            held: How long an active token stays so while the issuer cannot be reached, after it was asked last.
            most: How many tokens are remembered.
        """
        self._http = http
        self._url = url
        self._auth = httpx.BasicAuth(client_id, secret)
        self._every = every
        self._clock = clock
        self._held = held
        self._most = most
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._asking: dict[str, asyncio.Task[bool]] = {}

    async def is_active(self, token_id: str, token: str) -> bool:
        """Whether a token counts; the same token asked about at once is asked about once.

        Args:
            token_id: Tells it from others.
            token: The token.

        Raises:
            IdentityUnavailable: The issuer cannot be asked, and it is too long ago that it said so.
        """
        known = self._known.get(token_id)
        if known is not None and self._clock() - known.at < self._every:
            return known.active
        asking = self._asking.get(token_id)
        if asking is None:
            asking = self._asking[token_id] = asyncio.create_task(self._settle(token_id, token, known))
            asking.add_done_callback(lambda _: self._asking.pop(token_id, None))
        return await asyncio.shield(asking)

    async def _settle(self, token_id: str, token: str, known: _Known | None) -> bool:
        at = self._clock()
        try:
            active = await self._ask(token)
        except (httpx.HTTPError, ValueError) as error:
            log.warning("a token cannot be looked at", url=self._url, error=f"{type(error).__name__}: {error}")
            if known is not None and known.active and at - known.at < self._held:
                return True
            raise IdentityUnavailable("the issuer cannot be asked whether the token counts", _WAIT_S) from None
        self._known[token_id] = _Known(at, active)
        self._known.move_to_end(token_id)
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return active

    async def _ask(self, token: str) -> bool:
        form = {"token": token, "token_type_hint": "access_token"}
        async with self._http.stream("POST", self._url, data=form, auth=self._auth) as answer:
            content = b""
            async for part in answer.aiter_bytes():
                content += part
                if len(content) > _MAX_BYTES:
                    raise ValueError(f"it answers with more than {_MAX_BYTES} bytes")
        if _is_ended(answer.status_code, content):
            return False
        if answer.status_code in (400, 401, 403):
            raise ValueError(f"it answers {answer.status_code}: is our client there, confidential, its secret right?")
        answer.raise_for_status()
        told = httpx.Response(200, content=content).json()
        if not isinstance(told, dict) or not isinstance(told.get("active"), bool):
            raise ValueError("it does not say whether the token is active")
        return bool(told["active"])


def _is_ended(status: int, content: bytes) -> bool:
    """Whether an answer says that the realm is disabled or gone, and with it every session."""
    if status not in (403, 404):
        return False
    try:
        told = httpx.Response(200, content=content).json()
    except ValueError:
        return False  # something in between says so, not Keycloak
    said = (told.get("error"), told.get("error_description")) if isinstance(told, dict) else ()
    return any((status, word) in _NO_REALM for word in said)
