"""The keys of an outside issuer, such as Keycloak, fetched from its JSON Web Key Set."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import httpx
import structlog

from chorally_core.adapters.identity.keys import VerifyingKey, usable
from chorally_core.ports.identity import IdentityUnavailable, Unauthenticated

log = structlog.get_logger(__name__)

_MAX_BYTES = 1024 * 1024
_EVERY = timedelta(minutes=1)
_MAX_AGE = timedelta(minutes=15)


class NoSuchIssuer(Unauthenticated):
    """There is no key set where the issuer's should be: a realm that nobody has made."""

    def __init__(self) -> None:
        super().__init__("the token is of an issuer that is not there")


class RemoteKeys:
    """Keeps the keys found at a URL: fetched when first needed, when old, and when a token names an unknown one."""

    def __init__(self, url: str, http: httpx.AsyncClient, clock: Callable[[], datetime]) -> None:
        """Remember where the keys are; nothing is fetched yet.

        Args:
            url: Address of the key set, the provider's ``jwks_uri``.
            http: Fetches it; its time-out should be a few seconds.
            clock: Gives the time.
        """
        self._url = url
        self._http = http
        self._clock = clock
        self._keys: dict[str, VerifyingKey] = {}
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._failed = False
        self._is_missing = False
        self._one = asyncio.Lock()
        self.revision = 0

    async def key(self, kid: str) -> VerifyingKey | None:
        """Return the key of that id; the issuer is asked at most once a minute.

        While the issuer cannot be reached, the keys that it gave last remain good.

        Raises:
            IdentityUnavailable: The key is not among those known and the issuer cannot be reached.
            NoSuchIssuer: No key is known, and there is no issuer.
        """
        if not self._is_wanted(kid):
            return self._keys.get(kid)
        async with self._one:
            if self._is_wanted(kid) and self._may_ask():
                await self._fetch()
        found = self._keys.get(kid)
        if self._is_missing and not self._keys:
            raise NoSuchIssuer
        if found is None and self._failed:
            raise IdentityUnavailable("the issuer's keys cannot be fetched; try again later", _EVERY.seconds)
        return found

    @property
    def is_known(self) -> bool:
        """Whether the issuer has given keys."""
        return bool(self._keys)

    def _is_wanted(self, kid: str) -> bool:
        return kid not in self._keys or self._fetched_at is None or self._clock() - self._fetched_at >= _MAX_AGE

    def _may_ask(self) -> bool:
        return self._tried_at is None or self._clock() - self._tried_at >= _EVERY

    async def _fetch(self) -> None:
        self._tried_at = self._clock()
        try:
            keys = usable(await self._documents())
            if not keys:
                raise ValueError("it holds no key that signs with RS256 or ES256")
        except (httpx.HTTPError, ValueError) as error:
            self._failed = True
            self._is_missing = isinstance(error, httpx.HTTPStatusError) and error.response.status_code == 404
            log.warning("the issuer's keys cannot be fetched", url=self._url, error=f"{type(error).__name__}: {error}")
            return
        if set(self._keys) - set(keys):
            self.revision += 1
        self._keys = keys
        self._fetched_at = self._tried_at
        self._failed = self._is_missing = False

    async def _documents(self) -> list[object]:
        async with self._http.stream("GET", self._url, headers={"Accept": "application/json"}) as answer:
            answer.raise_for_status()
            content = b""
            async for part in answer.aiter_bytes():
                content += part
                if len(content) > _MAX_BYTES:
                    raise ValueError(f"it is longer than {_MAX_BYTES} bytes")
        found = httpx.Response(200, content=content).json()
        if not isinstance(found, dict) or not isinstance(found.get("keys"), list):
            raise ValueError("it is not a JSON Web Key Set")
        return list(found["keys"])
