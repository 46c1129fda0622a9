"""What the mail connector is tested with: an IMAP and an SMTP server in miniature, on loopback, faults included."""

from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from chorally_mail.config import MailSettings
from chorally_mail.connector import Mail
from chorally_mail.testing.imap import FakeFolder, FakeImap
from chorally_mail.testing.smtp import FakeSmtp
from chorally_sdk.testing import connect

__all__ = ["FakeFolder", "FakeImap", "FakeSmtp", "a_mailbox"]


def a_mailbox(imap: FakeImap, smtp: FakeSmtp, **changes: Any) -> Mail:
    """Return a connector whose mailbox is on the two servers; ``changes`` are to its settings."""
    settings: dict[str, Any] = {
        "address": "help@shop.example",
        "name": "Shop",
        "imap_host": "127.0.0.1",
        "imap_port": imap.port,
        "imap_tls": "none",
        "smtp_host": "127.0.0.1",
        "smtp_port": smtp.port,
        "smtp_tls": "none",
        "password": SecretStr("s3cret-word"),
        "timeout": timedelta(seconds=5),
        "poll_every": timedelta(milliseconds=5),
    }
    return connect(Mail, settings=MailSettings(**(settings | changes)))
