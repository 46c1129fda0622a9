"""What every connector must do."""

from chorally_instagram import Instagram
from chorally_instagram.sandbox import Account

from chorally_sdk.testing import ConnectorContract


class TestInstagram(ConnectorContract):
    connector = Instagram
    platform = Account
