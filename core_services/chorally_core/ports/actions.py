"""What the API needs to change something: load, decide, commit, and again if somebody was faster."""

from collections.abc import Callable, Iterable
from typing import Protocol

from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import Change, Found


class Actions(Protocol):
    """Carries out decisions that a request asks for."""

    async def act(self, keys: Iterable[Key], decide: Callable[[Found], Change]) -> Change:
        """Return the change that was made durable; its documents bear the versions that they were stored with.

        Loads the documents, calls ``decide`` and commits. Where a document was changed meanwhile, all of
        it is repeated, so ``decide`` must have no other effect. What ``decide`` raises ends the action with
        nothing done.
        """
