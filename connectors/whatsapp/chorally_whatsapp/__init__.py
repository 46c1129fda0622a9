"""WhatsApp Business numbers for Chorally: messages come in by webhook, answers and templates go out."""

import chorally_sdk as sdk
from chorally_whatsapp.connector import WhatsApp

__all__ = ["WhatsApp", "chorally_connector"]


@sdk.hookimpl
def chorally_connector() -> type[sdk.Connector]:
    """Return the connector class of this package."""
    return WhatsApp
