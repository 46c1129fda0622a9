"""Guestbook for Chorally: notes come in, answers go out."""

import chorally_sdk as sdk
from chorally_guestbook.connector import Guestbook

__all__ = ["Guestbook", "chorally_connector"]


@sdk.hookimpl
def chorally_connector() -> type[sdk.Connector]:
    """Return the connector class of this package."""
    return Guestbook
