"""What every connector must do."""

from chorally_telegram import Telegram

from chorally_sdk.testing import ConnectorContract


class TestTelegram(ConnectorContract):
    connector = Telegram
