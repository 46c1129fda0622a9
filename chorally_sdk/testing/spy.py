"""A text that notes when it is compared letter by letter."""

from typing import Any


class Spy(str):
    """A text whose comparison by ``==`` is noted, whatever was cut from it."""

    __slots__ = ("_noted",)
    _noted: list[str]

    def __new__(cls, value: str, noted: list[str]) -> "Spy":
        """Spy on a text."""
        made = super().__new__(cls, value)
        made._noted = noted
        return made

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str) and len(self) >= 16 and len(other) >= 16:
            self._noted.append(self)
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__

    def _of(self, text: str) -> "Spy":
        return Spy(text, self._noted)

    def partition(self, *given: Any) -> Any:
        """As of a text; the parts spy on."""
        return tuple(self._of(part) for part in super().partition(*given))

    def rpartition(self, *given: Any) -> Any:
        """As of a text; the parts spy on."""
        return tuple(self._of(part) for part in super().rpartition(*given))

    def split(self, *given: Any, **options: Any) -> Any:
        """As of a text; the parts spy on."""
        return [self._of(part) for part in super().split(*given, **options)]

    def removeprefix(self, *given: Any) -> "Spy":
        """As of a text; what is left spies on."""
        return self._of(super().removeprefix(*given))

    def strip(self, *given: Any) -> "Spy":
        """As of a text; what is left spies on."""
        return self._of(super().strip(*given))

    def lower(self) -> "Spy":
        """As of a text; what comes of it spies on."""
        return self._of(super().lower())

    def __getitem__(self, place: Any) -> "Spy":
        return self._of(super().__getitem__(place))
