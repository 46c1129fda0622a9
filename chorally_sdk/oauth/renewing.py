"""Keeps grants good: early, once for all who use them, stored before they are used.

Within a process one task renews for all tasks and threads; between processes the store's right to renew, its
compare-and-swap and the generation see to it that a refresh token has one consumer and that a slow loser is fenced off.
"""

import asyncio
import logging
import random as chance
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from chorally_sdk.errors import ConnectorError, RateLimited, Reauthorize, RetryLater
from chorally_sdk.model.accounts import Grant
from chorally_sdk.oauth.answers import carried
from chorally_sdk.oauth.flights import Flights
from chorally_sdk.oauth.kept import Kept
from chorally_sdk.oauth.stores import GrantStore

_log = logging.getLogger(__name__)
_POLL_S = (0.02, 0.5)  # seconds between looks at what another process does, from the first to the last
_STORING = 5  # tries to store what a renewal brought, before it is kept for the next occasion

Renew = Callable[[str, Grant | None], Awaitable[Grant]]
Told = Callable[[str, Kept], Awaitable[None]]


async def _nobody(name: str, kept: Kept) -> None:
    """Tell nobody."""


class Renewing:
    """Renews the grants of a store; shared by all tasks and threads of a process."""

    def __init__(
        self,
        store: GrantStore,
        renew: Renew,
        *,
        now: Callable[[], datetime],
        call_s: float = 30.0,
        settles: timedelta = timedelta(0),
        on_refused: Told = _nobody,
        on_renewed: Told = _nobody,
        on_trouble: Told = _nobody,
        random: Callable[[], float] = chance.random,
        new_id: Callable[[], str] = secrets.token_hex,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Prepare to renew.

        Args:
            store: Where the grants are.
            renew: Asks the platform for another grant: a connector's ``renew``.
            now: The clock.
            call_s: Seconds that asking may take.
            settles: How long an attempt that was interrupted is left alone, as its request may still be under way;
                as long as ``call_s`` where a process may lose the right to renew while it lives.
            on_refused: Told when the platform refuses a grant, once.
            on_renewed: Told when another grant is stored, before anybody uses it.
            on_trouble: Told when a renewal fails for what only whoever runs the system can mend.
            random: Gives 0 to 1, to spread the renewals of many grants.
            new_id: Gives ids that no other process gives.
            sleep: Waits for seconds.
        """
        self._store = store
        self._renew = renew
        self._now = now
        self._call_s = call_s
        self._settles = settles
        self._on_refused = on_refused
        self._on_renewed = on_renewed
        self._on_trouble = on_trouble
        self._random = random
        self._new_id = new_id
        self._sleep = sleep
        self._flights = Flights()
        self._known: dict[str, tuple[Kept, datetime | None]] = {}
        self._unstored: dict[str, tuple[int, Grant]] = {}

    async def put(self, name: str, grant: Grant | None) -> Kept:
        """Store a grant that a consent or a person gave, over whatever is there."""
        while True:
            known = await self._store.load(name)
            if grant is None:
                changed = Kept(version=known.version if known else 0, generation=known.generation + 1 if known else 0)
            else:
                changed = (known or Kept()).replaced(grant, self._now())
            if await self._store.swap(name, changed):
                return self._learn(name, changed.model_copy(update={"version": changed.version + 1}))

    async def fresh(self, name: str, refused: Grant | None = None) -> Grant:
        """Return a grant that is good, renewed first where it is about to end or is the one that was refused.

        While another process renews it, one that has not ended is returned as it is.

        Raises:
            Reauthorize: The platform refuses the grant, or there is none.
            RetryLater: It has ended and cannot be renewed at the moment.
        """
        for _ in range(3):
            known = self._known.get(name)
            if known is not None and (grant := self._at_hand(*known, refused)) is not None:
                return grant
            generation = known[0].generation if known is not None else 0
            await self._flights.join(name, lambda: self._settle(name, refused))
            found = self._known[name][0] if name in self._known else Kept()
            if found.grant is not None and (found.generation > generation or not _same(found.grant, refused)):
                return found.grant
        raise RetryLater("the grant is being renewed for others; come back")

    def forget(self, name: str) -> None:
        """Forget what is known of a grant in this process; the store is asked at the next use."""
        self._known.pop(name, None)

    async def kept(self, name: str) -> Kept | None:
        """Return what the store keeps under a name."""
        return await self._store.load(name)

    def _at_hand(self, kept: Kept, due_at: datetime | None, refused: Grant | None) -> Grant | None:
        """What can be used without asking the store: it is good, or does while the platform is left alone."""
        good = self._good(kept, due_at, refused)
        if good is None and kept.held_up(self._now()) and self._is_enough(kept, refused):
            return kept.grant
        return good

    def _good(self, kept: Kept, due_at: datetime | None, refused: Grant | None) -> Grant | None:
        if kept.grant is None or kept.refused or _same(kept.grant, refused):
            return None
        return kept.grant if due_at is None or self._now() < due_at else None

    def _learn(self, name: str, kept: Kept) -> Kept:
        known = self._known.get(name)
        if known is not None and known[0].generation == kept.generation:
            self._known[name] = (kept, known[1])
        else:
            self._known[name] = (kept, kept.due_at(self._random()))
        return kept

    def _needs(self, name: str, kept: Kept, refused: Grant | None) -> bool:
        """Whether the platform must be asked; what cannot be had at all, or not now, is raised."""
        self._learn(name, kept)
        if kept.refused:
            raise Reauthorize(kept.refused)
        if self._good(*self._known[name], refused) is not None:
            return False
        now = self._now()
        wait = kept.held_up(now) or kept.left_alone(now, self._settles)
        if wait is None:
            return True
        if self._is_enough(kept, refused):
            return False
        why = f"the token has ended and cannot be renewed now: {kept.trouble or 'its renewal was interrupted'}"
        raise RateLimited(why, wait=wait, scope="app") if kept.throttled else RetryLater(why, wait=wait)

    def _is_enough(self, kept: Kept, refused: Grant | None) -> bool:
        """Whether the grant does until it can be renewed."""
        return kept.is_usable(self._now()) and not (kept.grant and _same(kept.grant, refused))

    async def _settle(self, name: str, refused: Grant | None) -> None:
        """Bring about that a good grant is known, or raise why there is none."""
        pause, waited = _POLL_S[0], 0.0
        while True:
            await self._store_late(name)
            kept = await self._store.load(name)
            if kept is None:
                self.forget(name)
                raise Reauthorize("there is no grant; connect the account again")
            if not self._needs(name, kept, refused):
                return
            if await self._store.hold(name):
                break
            if self._is_enough(kept, refused):
                return  # another process is at it
            if waited > self._call_s + self._settles.total_seconds():
                raise RetryLater("another process has been renewing the grant for long; come back")
            await self._sleep(pause)
            waited += pause
            pause = min(pause * 1.5, _POLL_S[1])
        try:
            while True:
                kept = await self._store.load(name)  # as the last who had the right has left it
                if kept is None or not self._needs(name, kept, refused):
                    return
                if await self._attempt(name, kept):
                    refused = None
        finally:
            await self._store.release(name)

    async def _attempt(self, name: str, kept: Kept) -> bool:
        """Ask the platform once and store what follows; False where the grant was changed before it was asked."""
        attempt, generation = self._new_id(), kept.generation
        if not await self._store.swap(name, kept.begun(attempt, self._now())):
            return False
        error: Exception
        try:
            async with asyncio.timeout(self._call_s):
                made = await self._renew(name, kept.grant)
        except TimeoutError:
            error = RetryLater(f"the platform did not renew the token within {self._call_s:g} seconds")
        except Exception as raised:
            error = raised
        else:
            await self._keep(name, generation, carried(kept.grant, made))
            return True
        if isinstance(error, Reauthorize) and kept.attempt:
            lost = "an earlier renewal was interrupted before its answer was stored, and the token before it is refused"
            error = Reauthorize(f"{lost}; connect the account again ({error})")
        await self._note(name, generation, attempt, error)
        return True

    async def _keep(self, name: str, generation: int, grant: Grant) -> None:
        """Store what a renewal brought; a store that fails is tried again, now and at the next occasion."""
        self._unstored[name] = (generation, grant)
        for left in reversed(range(_STORING)):
            try:
                await self._store_late(name)
            except Exception as error:
                if not left:
                    raise RetryLater("the renewed token could not be stored yet") from error
                _log.warning("a renewed token could not be stored (%s); it is tried again", type(error).__name__)
                await self._sleep(0.2)
            else:
                return

    async def _store_late(self, name: str) -> None:
        """Store what a renewal brought and nobody has stored, unless a newer grant has taken its place."""
        generation, grant = self._unstored.get(name, (0, None))
        while grant is not None:
            kept = await self._store.load(name)
            changed = kept.renewed(generation, grant, self._now()) if kept is not None else None
            if changed is None:
                _log.warning("a renewal came too late: a newer grant has taken its place")
                self._unstored.pop(name, None)
            elif await self._store.swap(name, changed):
                self._unstored.pop(name, None)
                stored = self._learn(name, changed.model_copy(update={"version": changed.version + 1}))
                await self._on_renewed(name, stored)
            else:
                continue
            return

    async def _note(self, name: str, generation: int, attempt: str, error: Exception) -> None:
        """Store why a renewal failed, unless another attempt or another grant has taken its place."""
        why = str(error) if isinstance(error, ConnectorError) else f"the renewal failed ({type(error).__name__})"
        while (kept := await self._store.load(name)) is not None:
            if isinstance(error, Reauthorize):
                changed = kept.is_refused(generation, attempt, why)
            else:
                wait = error.wait if isinstance(error, RetryLater) else None
                throttled = isinstance(error, RateLimited)
                changed = kept.put_off(generation, attempt, why, wait, self._now(), throttled=throttled)
            if changed is None:
                return
            if await self._store.swap(name, changed):
                stored = self._learn(name, changed.model_copy(update={"version": changed.version + 1}))
                if stored.refused:
                    await self._on_refused(name, stored)
                elif not isinstance(error, RetryLater):
                    _log.error("a grant cannot be renewed: %s", why, exc_info=error)
                    await self._on_trouble(name, stored)
                return


class Live:
    """One grant of a ``Renewing``, as an HTTP client wants it (``Grants``)."""

    def __init__(self, renewing: Renewing, name: str) -> None:
        self._renewing = renewing
        self.name = name

    async def fresh(self) -> Grant:
        """Return the grant, renewed first where it is about to end."""
        return await self._renewing.fresh(self.name)

    async def instead(self, refused: Grant, refusal: Reauthorize) -> Grant:
        """Return another grant than the one that was refused."""
        return await self._renewing.fresh(self.name, refused)


def _same(grant: Grant, other: Grant | None) -> bool:
    return other is not None and grant.access == other.access
