"""Facebook pages for Chorally: comments, messages and posts come in, answers and posts go out."""

import chorally_sdk as sdk
from chorally_facebook.connector import Facebook

__all__ = ["Facebook", "chorally_connector"]


@sdk.hookimpl
def chorally_connector() -> type[sdk.Connector]:
    """Return the connector class of this package."""
    return Facebook
