"""Bluesky for Chorally: replies, mentions and quotes come in, answers and posts go out."""

import chorally_sdk as sdk
from chorally_bluesky.connector import Bluesky

__all__ = ["Bluesky", "chorally_connector"]


@sdk.hookimpl
def chorally_connector() -> type[sdk.Connector]:
    """Return the connector class of this package."""
    return Bluesky
