"""What can go wrong on the way to Redis; no message holds a secret."""

from collections.abc import Sequence


class InvalidCoordination(ValueError):
    """The URL cannot be used; ``mistakes`` lists all that is wrong with it."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = tuple(mistakes)


class Unavailable(Exception):
    """Redis has not done what it was asked for; the message says why. It may have done it all the same."""


class Crowded(Exception):
    """Too many calls of this process are under way; Redis was not asked."""
