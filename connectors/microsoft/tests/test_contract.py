"""What every connector must do, for each kind of account."""

from chorally_microsoft import Microsoft
from chorally_microsoft.sandbox import TeamsBot

from chorally_sdk.testing import ConnectorContract


class TestOutlook(ConnectorContract):
    connector = Microsoft


class TestTeams(ConnectorContract):
    connector = Microsoft
    platform = TeamsBot
