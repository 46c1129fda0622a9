"""What was published last, so that only what is new is published: a help, on which nothing rests."""

from collections import OrderedDict


class Recent:
    """A bounded memory of what was published last for an id."""

    def __init__(self, size: int, known: OrderedDict[str, int] | None = None) -> None:
        """Remember at most ``size`` of them, beside what is ``known``."""
        self._size = size
        self._known: OrderedDict[str, int] = OrderedDict() if known is None else known
        self._new: dict[str, int] = {}

    def beside(self) -> "Recent":
        """Return the same memory for other work at the same time: what is new to one is not known to the other."""
        return Recent(self._size, self._known)

    def is_new(self, name: str, state: int) -> bool:
        """Whether something was not published in this state last; from now on it counts as new."""
        if self._new.get(name, self._known.get(name)) == state:
            return False
        self._new[name] = state
        return True

    def keep(self) -> None:
        """What was new is published."""
        self._known.update(self._new)
        self._new.clear()
        while len(self._known) > self._size:
            self._known.popitem(last=False)

    def give_up(self, *, everything: bool) -> None:
        """What was new was not published; with ``everything``, nor can the rest be relied on."""
        self._new.clear()
        if everything:
            self._known.clear()
