"""What every connector must do."""

from chorally_trustpilot import Trustpilot

from chorally_sdk.testing import ConnectorContract


class TestTrustpilot(ConnectorContract):
    connector = Trustpilot
