"""Trustpilot for Chorally: reviews of a business unit come in with their stars, replies and tags go out."""

import chorally_sdk as sdk
from chorally_trustpilot.connector import Trustpilot

__all__ = ["Trustpilot", "chorally_connector"]


@sdk.hookimpl
def chorally_connector() -> type[sdk.Connector]:
    """Return the connector class of this package."""
    return Trustpilot
