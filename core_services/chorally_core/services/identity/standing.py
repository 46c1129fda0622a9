"""Who may still use a token: asked at every request, so kept in memory."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from chorally_core.ports.documents import Documents
from chorally_core.services.identity.model import User


class _State(NamedTuple):
    known_at: float
    version: int
    tenant: str
    generation: int
    disabled: bool


class Standing:
    """The state of users: told of every change that this process makes, and read again for those of others."""

    def __init__(
        self,
        documents: Documents,
        *,
        most: int = 10_000,
        kept_s: float | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; users are read when they are asked for.

        Args:
            documents: Where users are.
            most: How many are kept in memory.
            kept_s: Seconds after which a user is read again; never where None, as one process changes them all.
            monotonic: Gives seconds that only grow.
        """
        self._documents = documents
        self._most = most
        self._kept_s = kept_s
        self._monotonic = monotonic
        self._by_id: OrderedDict[str, _State] = OrderedDict()

    async def is_valid(self, subject: str, tenant: str, generation: int) -> bool:
        """Whether the user is there, is the tenant's, is not disabled, and has had no later generation of tokens."""
        state = self._by_id.get(subject)
        if state is None or self._is_old(state):
            user = await self._documents.get(User, subject)
            if user is None:
                self._by_id.pop(subject, None)
                return False
            state = self.learn(user)
        return not state.disabled and state.generation == generation and state.tenant == tenant

    async def is_enabled(self, subject: str) -> bool:
        """Whether nobody has disabled a user whom an outside issuer keeps; one who is not known yet is not."""
        state = self._by_id.get(subject)
        if state is None or self._is_old(state):
            user = await self._documents.get(User, subject)
            if user is None:
                return True
            state = self.learn(user)
        return not state.disabled

    def _is_old(self, state: _State) -> bool:
        return self._kept_s is not None and self._monotonic() - state.known_at >= self._kept_s

    def learn(self, user: User) -> _State:
        """Take note of a user as stored, unless something newer is known."""
        known = self._by_id.get(user.id)
        if known is not None and known.version > user.version:
            return known
        state = _State(self._monotonic(), user.version, user.tenant, user.token_generation, user.disabled)
        self._by_id[user.id] = state
        if len(self._by_id) > self._most:
            self._by_id.popitem(last=False)
        return state
