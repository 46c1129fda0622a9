"""Who may still use a token: asked at every request, so kept in memory."""

from collections import OrderedDict
from typing import NamedTuple

from chorally_core.ports.documents import Documents
from chorally_core.services.identity.model import User


class _State(NamedTuple):
    version: int
    tenant: str
    generation: int
    disabled: bool


class Standing:
    """The state of users, read once and told of every change; right where one process owns the data folder."""

    def __init__(self, documents: Documents, *, most: int = 10_000) -> None:
        self._documents = documents
        self._most = most
        self._by_id: OrderedDict[str, _State] = OrderedDict()

    async def is_valid(self, subject: str, tenant: str, generation: int) -> bool:
        """Whether the user is there, is the tenant's, is not disabled, and has had no later generation of tokens."""
        state = self._by_id.get(subject)
        if state is None:
            user = await self._documents.get(User, subject)
            if user is None:
                return False
            state = self.learn(user)
        return not state.disabled and state.generation == generation and state.tenant == tenant

    def learn(self, user: User) -> _State:
        """Take note of a user as stored, unless something newer is known."""
        known = self._by_id.get(user.id)
        if known is not None and known.version >= user.version:
            return known
        state = _State(user.version, user.tenant, user.token_generation, user.disabled)
        self._by_id[user.id] = state
        if len(self._by_id) > self._most:
            self._by_id.popitem(last=False)
        return state
