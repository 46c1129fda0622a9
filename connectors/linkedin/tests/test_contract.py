"""What every connector must do."""

from chorally_linkedin import LinkedIn

from chorally_sdk.testing import ConnectorContract


class TestLinkedIn(ConnectorContract):
    connector = LinkedIn
