"""The connector's base class and its abilities."""

from chorally_sdk.connector.abilities import (
    ABILITIES,
    ASGIApp,
    Authorizes,
    Discovers,
    Downloads,
    Fetches,
    Finds,
    Moderates,
    OffersTemplates,
    Prepares,
    Publishes,
    Pulls,
    Receives,
    Renews,
    Replies,
    Revokes,
    Sandboxes,
    Subscribes,
    abilities_of,
)
from chorally_sdk.connector.base import Connector
from chorally_sdk.connector.upgrading import cursor_of_today, settings_of_today

__all__ = [
    "ABILITIES", "ASGIApp", "Authorizes", "Connector", "Discovers", "Downloads", "Fetches", "Finds", "Moderates",
    "OffersTemplates", "Prepares", "Publishes", "Pulls", "Receives", "Renews", "Replies", "Revokes", "Sandboxes",
    "Subscribes", "abilities_of", "cursor_of_today", "settings_of_today",
]  # fmt: skip
