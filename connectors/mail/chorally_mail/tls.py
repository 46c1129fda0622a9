"""Certificates: the system's authorities, and a private one where the account names it."""

import ssl

import chorally_sdk as sdk


def context(ca_file: str | None) -> ssl.SSLContext:
    """Return a client context that checks host name and certificate.

    Raises:
        Rejected: The CA file cannot be read.
    """
    made = ssl.create_default_context()
    if ca_file:
        try:
            made.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise sdk.Rejected("the CA file cannot be read; name a readable PEM file in the settings") from error
    return made
