"""What every connector must do."""

from chorally_mail.connector import Mail
from chorally_mail.testing.levers import Mailbox

from chorally_sdk.testing import ConnectorContract


class TestMail(ConnectorContract):
    connector = Mail
    platform = Mailbox
