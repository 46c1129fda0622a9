"""The connector's base class and its abilities."""

from chorally_sdk.connector.abilities import (
    ABILITIES,
    ASGIApp,
    Downloads,
    Finds,
    Pulls,
    Receives,
    Replies,
    Sandboxes,
    abilities_of,
)
from chorally_sdk.connector.base import Connector

__all__ = [
    "ABILITIES", "ASGIApp", "Connector", "Downloads", "Finds", "Pulls", "Receives", "Replies", "Sandboxes",
    "abilities_of",
]  # fmt: skip
