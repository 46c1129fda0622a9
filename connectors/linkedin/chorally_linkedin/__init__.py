"""LinkedIn pages for Chorally: comments, replies and mentions come in, answers and posts go out."""

import chorally_sdk as sdk
from chorally_linkedin.connector import LinkedIn

__all__ = ["LinkedIn", "chorally_connector"]


@sdk.hookimpl
def chorally_connector() -> type[sdk.Connector]:
    """Return the connector class of this package."""
    return LinkedIn
