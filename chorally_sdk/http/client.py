"""The HTTP client a connector is given.

It looks like ``httpx.AsyncClient`` and adds what no connector should have to think of: the grant is
applied by the connector's ``auth``, every answer goes through its ``fault``, only declared hosts are
called, a read is repeated where that is safe, and a visible call whose answer got lost raises
``OutcomeUnknown`` instead of being tried again.
"""

import asyncio
import copy
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx
import tenacity

from chorally_sdk.errors import ConnectorError, Malformed, OutcomeUnknown, Reauthorize, Rejected, RetryLater
from chorally_sdk.http.breaker import Breaker
from chorally_sdk.http.grants import Authorised, Grants, is_repeatable
from chorally_sdk.http.hosts import Hosts, Network
from chorally_sdk.http.judging import Dialect, judged, tell_usage
from chorally_sdk.http.metering import Meter, Metering
from chorally_sdk.http.quota import Usage
from chorally_sdk.http.reading import MAX_BYTES, TooLarge, whole
from chorally_sdk.http.repeating import is_brief, pause
from chorally_sdk.model.accounts import Grant

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
"""Errors after which it is certain that the platform did not get the request."""
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


Watch = Callable[[str], AbstractContextManager[Callable[[httpx.Response], None]]]
"""Sees calls, as to trace them; it changes nothing about them."""


def _unwatched(answer: httpx.Response) -> None:
    """Nobody watches."""


class Http:
    """An HTTP client for one account; a host makes it, a connector uses it as ``self.http``."""

    def __init__(
        self,
        *,
        base_url: str,
        hosts: tuple[str, ...],
        grant: Grant | None = None,
        grants: Grants | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: httpx.Timeout = TIMEOUT,
        on_usage: Callable[[Usage], None] | None = None,
        attempts: int = 3,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        max_bytes: int = MAX_BYTES,
        watch: Watch = lambda method: nullcontext(_unwatched),
        meter: Meter | None = None,
        breaker: Breaker | None = None,
        private: Sequence[Network] = (),
    ) -> None:
        """Prepare a client; no connection is opened before the first call.

        Args:
            base_url: What relative URLs are resolved against, and trusted; the grant's own wins, and is not.
            hosts: Hosts that may be called; ``*`` stands for every public address.
            grant: What authorises calls, None where nothing was given yet.
            grants: Gives the grant of each call instead, and another one when the platform refuses it.
            transport: Replaces httpx's own, in tests and for speed.
            timeout: Seconds for connecting, reading, writing.
            on_usage: Told what answers say of the quota.
            attempts: How often a safe call is tried before its error is raised.
            sleep: Awaited between attempts, with seconds.
            max_bytes: Largest body that ``request`` reads; ``stream`` has no such limit.
            watch: Entered around each call with its method; what it gives is told the answer.
            meter: Asked before each request for its part of the quotas, and told what answers say of them.
            breaker: Refuses calls while the platform is down.
            private: Networks that ``*`` reaches too, by the choice of whoever runs the host.
        """
        self._grant = grant
        self._grants = grants
        self.hosts = Hosts(httpx.URL(base_url), hosts, private)
        """Whom the connector may call, also by other protocols."""
        self._client = httpx.AsyncClient(
            base_url=(grant.base_url if grant else "") or base_url,
            transport=transport,
            timeout=timeout,
            verify=True if transport else _tls(),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # a call leaves nothing to the next
            event_hooks={"request": [self.hosts.check, self._ask]},
        )
        self._metering = Metering(self._client.base_url, meter, _visible.get)
        self._breaker = breaker
        self._on_usage = on_usage
        self._attempts = attempts
        self._sleep = sleep
        self._max_bytes = max_bytes
        self._watch = watch
        self._connector: Dialect | None = None
        self._bare = Authorised(None, None)
        self._authorised = self._bare

    def bound(self, connector: Dialect) -> "Http":
        """Return this client speaking the connector's dialect."""
        twin = copy.copy(self)
        twin._connector = connector
        twin._authorised = twin._bare = Authorised(None, self._grant)
        if self._grant:
            twin._authorised = Authorised(connector.auth(self._grant), self._grant)
        return twin

    async def request(self, method: str, url: str, *, auth: Any = _UNSET, **options: Any) -> httpx.Response:
        """Call the platform and return its answer, which ``fault`` found right.

        Args:
            method: HTTP method.
            url: Absolute, or relative to the base URL.
            auth: None sends the request bare; anything else replaces the grant's authorisation.
            options: As ``httpx.AsyncClient.request`` takes them; what follows a redirect calls declared hosts only,
                and a visible call follows none.

        Raises:
            ConnectorError: What the answer, or its absence, causes.
        """
        if _visible.get() or method.upper() not in SAFE:
            return await self._once(method, url, auth, options)
        retrying = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=pause,
            retry=tenacity.retry_if_exception(is_brief),
            reraise=True,
            sleep=self._sleep,
        )
        return await retrying(self._once, method, url, auth, options)

    async def _once(self, method: str, url: str, auth: Any, options: dict[str, Any]) -> httpx.Response:
        way = await self._way(auth)
        try:
            return await self._asked(method, url, way, options)
        except Reauthorize as refusal:
            return await self._asked(method, url, await self._another_way(way, options, refusal), options)

    async def _asked(self, method: str, url: str, way: Authorised, options: dict[str, Any]) -> httpx.Response:
        with self._guarding():
            async with self._opened(method, url, way, options) as opened:
                answer = await whole(opened, self._max_bytes)
            await self._judge(answer, way)
        return answer

    async def _way(self, auth: Any) -> Authorised:
        """How a call is authorised: as the caller says, else by the grant that is good now."""
        if auth is not _UNSET:
            return Authorised(auth, self._bare.grant)
        if self._grants is not None:
            return self._by(await self._grants.fresh())
        return self._authorised

    async def _another_way(self, way: Authorised, options: dict[str, Any], refusal: Reauthorize) -> Authorised:
        """What takes the place of a grant that was refused; raises the refusal where nothing does."""
        if self._grants is None or way.grant is None or not way.renews:
            raise refusal
        another = self._by(await self._grants.instead(way.grant, refusal))
        if not is_repeatable(options):
            raise RetryLater("the token was renewed after the call had begun; it is made again") from refusal
        return another

    def _by(self, grant: Grant) -> Authorised:
        if self._authorised.grant is not grant and self._connector is not None:
            self._authorised = Authorised(self._connector.auth(grant), grant, renews=True)
        return self._authorised

    @asynccontextmanager
    async def stream(
        self, method: str, url: str, *, auth: Any = _UNSET, **options: Any
    ) -> AsyncIterator[httpx.Response]:
        """Open an answer whose body is read in pieces; a refused one is read, as far as it is short, and raised."""
        way = await self._way(auth)
        async with AsyncExitStack() as stack:
            try:
                answer = await self._streamed(stack, method, url, way, options)
            except Reauthorize as refusal:
                way = await self._another_way(way, options, refusal)
                answer = await self._streamed(stack, method, url, way, options)
            yield answer

    async def _streamed(
        self, stack: AsyncExitStack, method: str, url: str, way: Authorised, options: dict[str, Any]
    ) -> httpx.Response:
        with self._guarding():
            answer = await stack.enter_async_context(self._opened(method, url, way, options))
            if answer.is_success:
                await self._tell(answer, None)
                return answer
            read = await whole(answer)
            await self._judge(read, way)
            return read

    @asynccontextmanager
    async def _opened(
        self, method: str, url: str, way: Authorised, options: dict[str, Any]
    ) -> AsyncIterator[httpx.Response]:
        if _visible.get():
            options = {**options, "follow_redirects": False}
        try:
            with self._watch(method) as told:
                where = self._where(url, way)
                async with self._client.stream(method, where, auth=way.auth, **options) as answer:
                    told(answer)
                    yield answer
        except httpx.InvalidURL as error:
            raise Rejected(f"this is no URL that can be called ({error})") from error
        except (httpx.RequestError, TooLarge) as error:
            raise _lost(error) from error

    def _where(self, url: str, way: Authorised) -> str:
        """Where a call goes: what is relative, to the place that a grant which may change is valid at now."""
        base = way.grant.base_url if self._grants is not None and way.grant else ""
        return f"{base.rstrip('/')}/{url.lstrip('/')}" if base and httpx.URL(url).is_relative_url else url

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

    async def _ask(self, request: httpx.Request) -> None:
        await self._metering.ask(request)

    def _guarding(self) -> AbstractContextManager[None]:
        return self._breaker.guarding() if self._breaker else nullcontext()

    async def _tell(self, answer: httpx.Response, fault: ConnectorError | None) -> None:
        usages: list[Usage] = []
        if self._connector is not None and (self._on_usage or self._metering.meter):
            tell_usage(self._connector, answer, usages.append, self._on_usage or _nobody)
        await self._metering.tell(answer.request, usages, fault)

    async def _judge(self, answer: httpx.Response, way: Authorised) -> None:
        fault = judged(self._connector, answer, way.grant) if self._connector else None
        await self._tell(answer, fault)
        if fault is None:
            return
        if _visible.get() and answer.status_code >= 500:
            raise OutcomeUnknown(f"the platform answered {answer.status_code} to a visible call") from fault
        raise fault


def _nobody(usage: Usage) -> None:
    """Take in what nobody wants to know."""


def _lost(error: Exception) -> ConnectorError:
    """Say what follows where there is no answer, or none that can be read."""
    what = str(error) if isinstance(error, TooLarge) else type(error).__name__
    if isinstance(error, _UNSENT):
        return RetryLater(f"the platform cannot be reached ({what})")
    if _visible.get():
        return OutcomeUnknown(f"no answer to a visible call ({what})")
    if isinstance(error, httpx.TransportError):
        return RetryLater(f"the platform cannot be reached ({what})")
    return Malformed(f"the platform's answer cannot be read ({what})")


@cache
def _tls() -> ssl.SSLContext:
    """Return what all clients trust; reading it takes time and memory, and there are as many clients as accounts."""
    return httpx.create_ssl_context()
