"""What every connector must do."""

from chorally_bluesky import Bluesky

from chorally_sdk.testing import ConnectorContract


class TestBluesky(ConnectorContract):
    connector = Bluesky
