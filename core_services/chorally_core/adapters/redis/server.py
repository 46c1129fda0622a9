"""Asks Redis, directly or by way of Sentinels, and says in our own words why it has not answered."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection
from typing import Any, cast
from uuid import uuid4

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel
from redis.backoff import NoBackoff

from chorally_core.adapters.redis import scripts
from chorally_core.adapters.redis.errors import Crowded, Unavailable
from chorally_core.adapters.redis.settings import RedisSettings
from chorally_core.ports.coordination import Taken

CONNECTIONS = 32
"""Calls at once; more wait for their turn."""
PROBE_S = 1.0
"""Seconds that a probe may take, with a new connection, TLS, and Sentinels that do not answer."""
HEARTBEAT_S = 5.0
"""Seconds of silence after which the connection that is woken over is asked whether it still lives."""

_FAILURES = (exceptions.RedisError, OSError, EOFError, RuntimeError)  # the last: uvloop, of a transport just closed


class RedisServer:
    """Speaks to Redis; every call ends in time, with an answer, ``Unavailable`` or ``Crowded``.

    A call is never repeated: a rate is rather taken from twice than more given than there is, but not even that.
    """

    def __init__(self, settings: RedisSettings, *, clock: Callable[[], float] | None = None) -> None:
        """Prepare; nothing is connected before it is needed.

        Args:
            settings: Where Redis is.
            clock: Seconds that rates and notes go by. The server's own where None, as it must be where several
                processes share them: their clocks differ.
        """
        self._prefix = settings.prefix
        self._channel = f"{settings.prefix}:wake".encode()
        self._own = uuid4().hex.encode()
        self._timeout_s = settings.timeout_ms / 1000
        self._probe_s = max(PROBE_S, self._timeout_s)
        self._heartbeat_s = HEARTBEAT_S
        self._clock = clock
        self._room = asyncio.Semaphore(CONNECTIONS)
        self._client, self._sentinels = _clients(settings, self._probe_s)
        self._take = self._client.register_script(scripts.TAKE)
        self._note = self._client.register_script(scripts.NOTE)
        self._notes = self._client.register_script(scripts.NOTES)

    async def take(self, rate: str, *, limit: int, per_s: float, amount: int = 1, leaving: int = 0) -> Taken:
        """Take from a rate."""
        keys = [self._key("rate", rate)]
        async with self._asked():
            granted, wait_s = await self._take(keys, [limit, repr(per_s), amount, leaving, self._now()])
        return Taken(granted == 1, float(wait_s))

    async def note(self, place: str, name: str, value: str, ttl_s: float) -> None:
        """Leave or remove a note."""
        keys, words = self._keys(place), [_to_bytes(name), _to_bytes(value)]
        async with self._asked():
            await self._note(keys, [*words, repr(ttl_s), self._now()])

    async def notes(self, place: str) -> dict[str, str]:
        """Return the notes of a place."""
        keys = self._keys(place)
        async with self._asked():
            found = [_from_bytes(word) for word in await self._notes(keys, [self._now()])]
        return dict(zip(found[::2], found[1::2], strict=True))

    async def probe(self) -> None:
        """Return once Redis takes writes, over a new connection: to wherever the master is by now."""
        async with self._in_words(self._probe_s):
            await self._client.connection_pool.disconnect(inuse_connections=False)
            await self._client.set(f"{self._prefix}:probe", b"1", px=1000)
            await self._client.publish(self._channel, self._own)  # says nothing; it must be allowed

    async def tell(self, places: Collection[str]) -> None:
        """Tell the other processes that places are woken."""
        async with self._asked(), self._client.pipeline(transaction=False) as pipe:
            for place in places:
                pipe.publish(self._channel, self._own + b" " + _to_bytes(place))
            await pipe.execute()

    async def hear(self, subscribed: Callable[[], None], told: Callable[[str], None]) -> None:
        """Subscribe to what other processes tell, and stay until the connection is lost: until ``Unavailable``.

        Args:
            subscribed: Called once nothing that is told from now on is missed.
            told: Called with each place that another process wakes.
        """
        async with self._client.pubsub() as pubsub:
            async with self._in_words(self._probe_s):
                await pubsub.subscribe(self._channel)
                await pubsub.get_message(timeout=None)
            subscribed()
            silent = False
            while True:
                message = await self._next(pubsub, self._probe_s if silent else self._heartbeat_s)
                if message is None and silent:
                    raise Unavailable(_reason(TimeoutError(), self._probe_s))
                silent = message is None
                if silent:
                    async with self._in_words(self._probe_s):
                        await pubsub.ping()
                elif message["type"] == "message":
                    sender, _, place = message["data"].partition(b" ")
                    if place and sender != self._own:
                        told(_from_bytes(place))

    async def _next(self, pubsub: Any, wait_s: float) -> Any:
        """Return what came next; None where nothing came in time."""
        async with self._in_words(wait_s + self._probe_s):
            return await pubsub.get_message(timeout=wait_s)

    async def close(self) -> None:
        """Close all connections."""
        for client in (self._client, *self._sentinels):
            with contextlib.suppress(TimeoutError, *_FAILURES):  # it is closed on our side all the same
                async with asyncio.timeout(self._probe_s):
                    await client.aclose()

    def _key(self, kind: str, name: str) -> bytes:
        """Return the key of a name: a prefix and a kind have no colon, so no two names share a key."""
        return f"{self._prefix}:{kind}:".encode() + _to_bytes(name)

    def _keys(self, place: str) -> list[bytes]:
        return [self._key("notes", place), self._key("ends", place)]

    def _now(self) -> str:
        return "" if self._clock is None else repr(self._clock())

    @contextlib.asynccontextmanager
    async def _asked(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._room.acquire()
        except TimeoutError:
            raise Crowded from None
        try:
            async with self._in_words(self._timeout_s):
                yield
        finally:
            self._room.release()

    @contextlib.asynccontextmanager
    async def _in_words(self, patience_s: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(patience_s):
                yield
        except _FAILURES as error:
            raise Unavailable(_reason(error, patience_s)) from error


class _Sentinels(Sentinel):
    """Asks all Sentinels at once, so that one that does not answer holds nobody up."""

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        """Return the address of the master, as the first Sentinel says that sees it in good health."""
        asked = [asyncio.create_task(self._master(sentinel, service_name)) for sentinel in self.sentinels]
        try:
            for answer in asyncio.as_completed(asked):
                with contextlib.suppress(exceptions.RedisError, OSError):  # another may answer
                    address = await answer
                    if address is not None:
                        return address
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        raise MasterNotFoundError("no Sentinel knows a master")

    async def _master(self, sentinel: Any, name: str) -> tuple[str, int] | None:
        state = (await sentinel.sentinel_masters()).get(name)
        return (state["ip"], state["port"]) if state and self.check_master_state(state, name) else None


def _clients(settings: RedisSettings, connect_s: float) -> tuple[Redis, list[Redis]]:
    """Return the client of the master, and those of the Sentinels.

    The time of a call is bounded around it, not by ``socket_timeout``, which would cost a task for each command.
    """
    common: dict[str, Any] = {
        "socket_connect_timeout": connect_s,
        "socket_timeout": None,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }
    if settings.tls:
        common |= {"ssl": True, "ssl_ca_certs": settings.ca_file and str(settings.ca_file)}
    login = {"username": settings.user or None, "password": settings.password.get_secret_value() or None}
    master = common | login | {"db": settings.database}
    if not settings.master:
        host, port = settings.servers[0]
        return Redis(host=host, port=port, **master), []
    password = settings.sentinel_password.get_secret_value() or None
    theirs = common | {"username": settings.sentinel_user or None, "password": password}
    sentinels = _Sentinels(settings.servers, sentinel_kwargs=theirs)  # type: ignore[no-untyped-call]
    return cast("Redis", sentinels.master_for(settings.master, **master)), sentinels.sentinels


def _reason(error: Exception, patience_s: float) -> str:
    """Say why Redis has not done what it was asked for, without what it or the driver says, which may tell too much."""
    if isinstance(error, TimeoutError | exceptions.TimeoutError):
        return f"it has not answered within {patience_s * 1000:g} ms"
    if isinstance(error, exceptions.AuthenticationError):
        return "it refuses the user or the password; correct them in the URL"
    if isinstance(error, exceptions.NoPermissionError):
        needed = (
            "EVALSHA, SCRIPT LOAD, SET and all that the scripts do on PREFIX:*, PUBLISH and SUBSCRIBE to PREFIX:wake"
        )
        return f"the user may not do what is needed: {needed}"
    if isinstance(error, MasterNotFoundError):
        return "no Sentinel that answers knows a master of this name in good health"
    if isinstance(error, exceptions.ReadOnlyError):
        return "the server takes no writes; it is a replica"
    if isinstance(error, exceptions.InvalidResponse):
        return "what answers does not speak as Redis does; check the host, the port and TLS"
    if isinstance(error, exceptions.ConnectionError | OSError | EOFError):
        return f"it cannot be reached ({type(error).__name__})"
    return f"it refuses what it is asked for ({type(error).__name__})"


def _to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _from_bytes(word: bytes) -> str:
    return word.decode("utf-8", "surrogatepass")
