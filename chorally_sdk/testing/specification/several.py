"""Several descriptions as one: platforms describe each of their APIs by itself."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from chorally_sdk.testing.recording import Exchange
from chorally_sdk.testing.specification.description import Description, Operation


class Described(Protocol):
    """What a platform says of its APIs, in one description or in several."""

    def operation(self, exchange: Exchange) -> Operation | None:
        """Return the operation that a call is of; None where there is none."""

    def parameters(self, exchange: Exchange) -> Iterator[str]:
        """Yield what is wrong about the parameters of a call."""

    def request(self, exchange: Exchange) -> Iterator[str]:
        """Yield what is wrong about the body of a call."""

    def answer(self, exchange: Exchange) -> Iterator[str]:
        """Yield what is wrong about the answer to a call."""

    def hook(self, body: bytes) -> Iterator[str]:
        """Yield what is wrong about the body of a webhook."""

    @property
    def has_hooks(self) -> bool:
        """Whether webhooks are described."""


class Several:
    """Judges by the description that knows the call; where several do, by the one that it fits best."""

    def __init__(self, parts: Sequence[Description]) -> None:
        self._parts = parts

    def operation(self, exchange: Exchange) -> Operation | None:
        """Return the operation that a call is of; None where there is none."""
        return next((found for part in self._parts if (found := part.operation(exchange))), None)

    def parameters(self, exchange: Exchange) -> Iterator[str]:
        """Yield what is wrong about the parameters of a call."""
        yield from min(([*part.parameters(exchange)] for part in self._knowing(exchange)), key=len, default=[])

    def request(self, exchange: Exchange) -> Iterator[str]:
        """Yield what is wrong about the body of a call."""
        yield from min(([*part.request(exchange)] for part in self._knowing(exchange)), key=len, default=[])

    def answer(self, exchange: Exchange) -> Iterator[str]:
        """Yield what is wrong about the answer to a call."""
        yield from min(([*part.answer(exchange)] for part in self._knowing(exchange)), key=len, default=[])

    def hook(self, body: bytes) -> Iterator[str]:
        """Yield what is wrong about the body of a webhook; nothing where hooks are not described."""
        yield from min(([*part.hook(body)] for part in self._parts if part.has_hooks), key=len, default=[])

    @property
    def has_hooks(self) -> bool:
        """Whether webhooks are described."""
        return any(part.has_hooks for part in self._parts)

    def _knowing(self, exchange: Exchange) -> list[Description]:
        return [part for part in self._parts if part.operation(exchange)]
