"""The e-mail connector of Chorally: IMAP in, SMTP out."""

from typing import TYPE_CHECKING

import chorally_sdk as sdk

if TYPE_CHECKING:
    from chorally_mail.connector import Mail


@sdk.hookimpl
def chorally_connector() -> "type[Mail]":
    """Return the connector class; imported here, so that naming the package costs nothing."""
    from chorally_mail.connector import Mail

    return Mail
