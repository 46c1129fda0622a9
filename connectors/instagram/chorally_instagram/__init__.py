"""Instagram professional accounts for Chorally: comments, mentions and messages come in, answers and posts go out."""

import chorally_sdk as sdk
from chorally_instagram.connector import Instagram

__all__ = ["Instagram", "chorally_connector"]


@sdk.hookimpl
def chorally_connector() -> type[sdk.Connector]:
    """Return the connector class of this package."""
    return Instagram
