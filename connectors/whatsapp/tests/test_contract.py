"""What every connector must do."""

from chorally_whatsapp import WhatsApp

from chorally_sdk.testing import ConnectorContract


class TestWhatsApp(ConnectorContract):
    connector = WhatsApp
