"""Matrix for Chorally: rooms are read by sync or told to an application service, and answered."""

import chorally_sdk as sdk
from chorally_matrix.connector import Matrix

__all__ = ["Matrix", "chorally_connector"]


@sdk.hookimpl
def chorally_connector() -> type[sdk.Connector]:
    """Return the connector class of this package."""
    return Matrix
