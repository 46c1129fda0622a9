"""What a connector can do: every ability there is, each a small base class that it mixes in or leaves out."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from chorally_sdk.connector.granting import Authorizes, Discovers, Renews, Revokes
from chorally_sdk.connector.reading import Downloads, Fetches, Pulls, Receives, Subscribes
from chorally_sdk.connector.writing import Finds, Moderates, OffersTemplates, Prepares, Publishes, Replies

_Scope = MutableMapping[str, Any]
ASGIApp = Callable[
    [_Scope, Callable[[], Awaitable[MutableMapping[str, Any]]], Callable[[MutableMapping[str, Any]], Awaitable[None]]],
    Awaitable[None],
]
"""An ASGI application, as the ASGI specification types it."""


class Sandboxes(ABC):
    """Brings a stand-in of its platform for demonstrations and tests."""

    @classmethod
    @abstractmethod
    def sandbox(cls) -> ASGIApp:
        """Return a stateful twin of the documented API."""


ABILITIES: tuple[type, ...] = (
    *(Renews, Authorizes, Revokes, Discovers),
    *(Pulls, Receives, Fetches, Subscribes, Downloads),
    *(Prepares, Replies, Publishes, Finds, Moderates, OffersTemplates),
    Sandboxes,
)
"""All abilities there are; what a connector can do is which of these it inherits."""


def abilities_of(connector: type) -> tuple[str, ...]:
    """Return the names of the abilities that a connector class has."""
    return tuple(ability.__name__ for ability in ABILITIES if issubclass(connector, ability))


__all__ = [
    "ABILITIES", "ASGIApp", "Authorizes", "Discovers", "Downloads", "Fetches", "Finds", "Moderates", "OffersTemplates",
    "Prepares", "Publishes", "Pulls", "Receives", "Renews", "Replies", "Revokes", "Sandboxes", "Subscribes",
    "abilities_of",
]  # fmt: skip
