"""Microsoft for Chorally: mailboxes of Outlook over Graph, and bots of Teams over the Bot Framework."""

import chorally_sdk as sdk
from chorally_microsoft.connector import Microsoft

__all__ = ["Microsoft", "chorally_connector"]


@sdk.hookimpl
def chorally_connector() -> type[sdk.Connector]:
    """Return the connector class of this package."""
    return Microsoft
