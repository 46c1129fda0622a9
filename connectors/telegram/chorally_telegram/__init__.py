"""Telegram bots for Chorally: what people write comes in by webhook or long polling, answers and files go out."""

import chorally_sdk as sdk
from chorally_telegram.connector import Telegram

__all__ = ["Telegram", "chorally_connector"]


@sdk.hookimpl
def chorally_connector() -> type[sdk.Connector]:
    """Return the connector class of this package."""
    return Telegram
