"""The HTTP client a connector is given.

It looks like ``httpx.AsyncClient`` and adds what no connector should have to think of: the grant is
applied by the connector's ``auth``, every answer goes through its ``fault``, only declared hosts are
called, a read is repeated where that is safe, and a visible call whose answer got lost raises
``OutcomeUnknown`` instead of being tried again.
"""

import asyncio
import copy
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import httpx
import tenacity

from chorally_sdk.errors import OutcomeUnknown, RateLimited, Rejected, RetryLater
from chorally_sdk.model.accounts import Grant

if TYPE_CHECKING:
    from chorally_sdk.connector.base import Connector
    from chorally_sdk.http.faults import Usage

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_UNSET: Any = object()
_visible: ContextVar[bool] = ContextVar("chorally_visible_call", default=False)


@contextmanager
def visible_call() -> Iterator[None]:
    """Mark what is called within as visible to people: unknown outcomes are said, nothing is repeated."""
    token = _visible.set(True)
    try:
        yield
    finally:
        _visible.reset(token)


class Http:
    """An HTTP client for one account; a host makes it, a connector uses it as ``self.http``."""

    def __init__(
        self,
        *,
        base_url: str,
        hosts: tuple[str, ...],
        grant: Grant | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: httpx.Timeout = TIMEOUT,
        on_usage: "Callable[[Usage], None] | None" = None,
        attempts: int = 3,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Prepare a client; no connection is opened before the first call.

        Args:
            base_url: What relative URLs are resolved against; the grant's own wins.
            hosts: Hosts that may be called; ``*`` stands for every public address.
            grant: What authorises calls, None where nothing was given yet.
            transport: Replaces httpx's own, in tests and for speed.
            timeout: Seconds for connecting, reading, writing.
            on_usage: Told what answers say of the quota.
            attempts: How often a safe call is tried before its error is raised.
            sleep: Awaited between attempts, with seconds.
        """
        self._base = (grant.base_url if grant else "") or base_url
        self._hosts = hosts
        self._grant = grant
        self._client = httpx.AsyncClient(base_url=self._base, transport=transport, timeout=timeout)
        self._on_usage = on_usage
        self._attempts = attempts
        self._sleep = sleep
        self._connector: Connector | None = None
        self._auth: httpx.Auth | None = None

    def bound(self, connector: "Connector") -> "Http":
        """Return this client speaking the connector's dialect."""
        twin = copy.copy(self)
        twin._connector = connector
        twin._auth = connector.auth(self._grant) if self._grant else None
        return twin

    async def request(self, method: str, url: str, *, auth: Any = _UNSET, **options: Any) -> httpx.Response:
        """Call the platform and return its answer, which ``fault`` found right.

        Args:
            method: HTTP method.
            url: Absolute, or relative to the base URL.
            auth: None sends the request bare; anything else replaces the grant's authorisation.
            options: As ``httpx.AsyncClient.request`` takes them.

        Raises:
            ConnectorError: What the answer, or its absence, causes.
        """
        self._permit(url)
        if _visible.get() or method.upper() not in SAFE:
            return await self._once(method, url, auth, options)
        retrying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=2.0),
            retry=tenacity.retry_if_exception(_is_brief),
            reraise=True,
            sleep=self._sleep,
        )
        return await retrying(self._once, method, url, auth, options)

    async def _once(self, method: str, url: str, auth: Any, options: dict[str, Any]) -> httpx.Response:
        try:
            answer = await self._client.request(method, url, auth=self._chosen(auth), **options)
        except httpx.TransportError as error:
            raise self._lost(error) from error
        self._judge(answer)
        return answer

    @asynccontextmanager
    async def stream(
        self, method: str, url: str, *, auth: Any = _UNSET, **options: Any
    ) -> AsyncIterator[httpx.Response]:
        """Open an answer whose body is read in pieces; a refused one is read whole and raised."""
        self._permit(url)
        try:
            async with self._client.stream(method, url, auth=self._chosen(auth), **options) as answer:
                if answer.status_code >= 400:
                    await answer.aread()
                    self._judge(answer)
                yield answer
        except httpx.TransportError as error:
            raise self._lost(error) from error

    async def get(self, url: str, **options: Any) -> httpx.Response:
        """GET; see ``request``."""
        return await self.request("GET", url, **options)

    async def post(self, url: str, **options: Any) -> httpx.Response:
        """POST; see ``request``."""
        return await self.request("POST", url, **options)

    async def put(self, url: str, **options: Any) -> httpx.Response:
        """PUT; see ``request``."""
        return await self.request("PUT", url, **options)

    async def patch(self, url: str, **options: Any) -> httpx.Response:
        """PATCH; see ``request``."""
        return await self.request("PATCH", url, **options)

    async def delete(self, url: str, **options: Any) -> httpx.Response:
        """DELETE; see ``request``."""
        return await self.request("DELETE", url, **options)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _chosen(self, auth: Any) -> httpx.Auth | None:
        return self._auth if auth is _UNSET else auth

    def _permit(self, url: str) -> None:
        target = self._client.base_url.join(url) if "://" in url else self._client.base_url
        host, base = target.host, self._client.base_url
        if target.scheme != "https" and target.scheme != base.scheme:
            raise Rejected(f"{target.scheme}://{host} would carry the grant in clear; only https is called")
        if host == base.host and host:
            return
        if not host or not any(_allows(pattern, host) for pattern in self._hosts):
            raise Rejected(f"the connector did not declare the host {host!r}; add it to the manifest's hosts")

    def _judge(self, answer: httpx.Response) -> None:
        if self._connector is None:
            return
        if self._on_usage:
            for usage in self._connector.usage(answer):
                self._on_usage(usage)
        fault = self._connector.fault(answer)
        if fault is None:
            return
        if _visible.get() and answer.status_code >= 500:
            raise OutcomeUnknown(f"the platform answered {answer.status_code} to a visible call") from fault
        raise fault

    def _lost(self, error: httpx.TransportError) -> RetryLater | OutcomeUnknown:
        what = type(error).__name__
        unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        if _visible.get() and not unsent:
            return OutcomeUnknown(f"no answer to a visible call ({what})")
        return RetryLater(f"the platform cannot be reached ({what})")


def _is_brief(error: BaseException) -> bool:
    """Whether a safe call may be repeated at once: a lost answer or a 5xx that asks for no long wait."""
    if not isinstance(error, RetryLater) or isinstance(error, RateLimited):
        return False
    return error.wait is None or error.wait <= timedelta(seconds=2)


def _allows(pattern: str, host: str) -> bool:
    if pattern != "*":
        return fnmatchcase(host.lower(), pattern.lower())
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return host.lower() != "localhost" and "." in host
