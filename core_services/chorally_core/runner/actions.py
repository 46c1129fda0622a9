"""Changes that a person or a program asks for through the API, by the same rules as an event's."""

from collections.abc import Callable, Iterable

from chorally_core.ports.documents import Conflict, Document, Key
from chorally_core.ports.handlers import Change, Found
from chorally_core.ports.ledger import Ledger, Work
from chorally_core.runner import traced
from chorally_core.runner.workspace import Numbers, Workspace

_TRIES = 8


class Actions:
    """Loads, decides, commits; decides again when somebody else was faster."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._numbers = Numbers(ledger.documents)

    async def act(
        self,
        keys: Iterable[Key],
        decide: Callable[[Found], Change],
        *,
        numbers: tuple[type[Document], str] | None = None,
    ) -> Change:
        """Carry out one decision and return what it changed.

        Args:
            keys: The documents that the decision needs.
            decide: Returns the change; whatever it raises is raised.
            numbers: A kind and tenant that the decision may take a number for.

        Raises:
            Conflict: Others changed the same documents at every try.
        """
        wanted = list(keys)
        for attempt in range(_TRIES):
            if numbers is not None:
                await self._numbers.ensure(*numbers, 1)
            space = Workspace(self._ledger.documents, self._numbers)
            await space.look_up(wanted)
            change = traced.asked(decide(space.found))
            space.apply(change)
            try:
                await self._ledger.commit(Work(space.steps))
            except Conflict:
                if attempt == _TRIES - 1:
                    raise
                continue
            return change
        raise AssertionError("unreachable")
