"""Google Business Profile for Chorally: reviews of locations come in, replies go out."""

import chorally_sdk as sdk
from chorally_google_business.connector import GoogleBusiness

__all__ = ["GoogleBusiness", "chorally_connector"]


@sdk.hookimpl
def chorally_connector() -> type[sdk.Connector]:
    """Return the connector class of this package."""
    return GoogleBusiness
