"""Platforms' published key sets (JSON Web Key Sets), by which webhooks are judged: read when needed, kept fresh.

Whoever sends webhooks with names of keys that do not exist makes nobody read more often than once in a minute.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import httpx
import structlog

import chorally_sdk as sdk
from chorally_sdk.model.base import Json

log = structlog.get_logger(__name__)

_AT_LEAST_S = 60.0  # between two readings of one set
_FRESH_S = 3600.0  # after which a set is read again, as a key may have been withdrawn
_WAIT_S = 10.0  # that a webhook waits for a set at most

Read = Callable[[str], Awaitable[Json]]


class KeySets:
    """Has the key sets at hand."""

    def __init__(self, read: Read, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Begin without any.

        Args:
            read: Reads a set by its URL.
            monotonic: Seconds that only grow.
        """
        self._read = read
        self._monotonic = monotonic
        self._sets: dict[str, Json] = {}
        self._tried_at: dict[str, float] = {}
        self._one_at_a_time = asyncio.Lock()

    def of(self, urls: Sequence[str]) -> dict[str, Json]:
        """Return those of some sets that are at hand."""
        return {url: self._sets[url] for url in urls if url in self._sets}

    async def renew(self, urls: Sequence[str]) -> bool:
        """Read sets again that were not read lately; return whether one has changed."""
        changed = False
        async with self._one_at_a_time:
            for url in urls:
                if self._monotonic() - self._tried_at.get(url, -_AT_LEAST_S) >= _AT_LEAST_S:
                    changed = await self._renewed(url) or changed
        return changed

    async def keep_fresh(self) -> bool:
        """Read again what was read long ago; return whether one has changed."""
        due = [url for url in self._sets if self._monotonic() - self._tried_at[url] >= _FRESH_S]
        return await self.renew(due) if due else False

    async def _renewed(self, url: str) -> bool:
        self._tried_at[url] = self._monotonic()
        try:
            async with asyncio.timeout(_WAIT_S):
                found = await self._read(url)
        except Exception as error:  # those at hand stay good
            log.warning("a key set could not be read", url=url, error=f"{type(error).__name__}: {error}")
            return False
        changed = self._sets.get(url) != found
        self._sets[url] = found
        return changed


def reader(transport: Callable[[str], httpx.AsyncBaseTransport | None] = lambda host: None) -> Read:
    """Return what reads sets over HTTPS, from the very host that the manifest names."""

    async def read(url: str) -> Json:
        host = httpx.URL(url).host
        http = sdk.Http(base_url=url, hosts=(host,), transport=transport(host), attempts=1, max_bytes=1024 * 1024)
        try:
            found = (await http.get(url, auth=None)).json()
        finally:
            await http.aclose()
        if not isinstance(found, dict) or not isinstance(found.get("keys"), list):
            raise sdk.Malformed("this is no key set: it has no list of keys")
        return found

    return read
