"""OAuth for connectors, and grants that renew themselves.

``Client`` is what a connector's ``authorize``, ``exchange`` and ``renew`` need, in a few lines; ``Renewing`` keeps the
grants of accounts good, once for everybody who uses them, with whatever store a host has. Not imported with the SDK:
``from chorally_sdk import oauth``.
"""

from chorally_sdk.oauth.client import Client
from chorally_sdk.oauth.pkce import challenge_of, new_verifier

__all__ = ["Client", "challenge_of", "new_verifier"]
