"""OAuth for connectors, and grants that renew themselves.

``Client`` is what a connector's ``authorize``, ``exchange`` and ``renew`` need, in a few lines; ``Renewing`` keeps the
grants of accounts good, once for everybody who uses them, with whatever store a host has. Not imported with the SDK:
``from chorally_sdk import oauth``.
"""

from chorally_sdk.oauth.answers import carried, grant_of, life_of, scopes_of
from chorally_sdk.oauth.client import Client
from chorally_sdk.oauth.files import FileGrants
from chorally_sdk.oauth.kept import Kept
from chorally_sdk.oauth.pkce import challenge_of, new_verifier
from chorally_sdk.oauth.renewing import Live, Renewing
from chorally_sdk.oauth.stores import GrantStore, MemoryGrants

__all__ = [
    # for connectors
    "Client", "carried", "grant_of", "life_of", "scopes_of",
    # for hosts
    "challenge_of", "new_verifier", "Renewing", "Live", "Kept", "GrantStore", "MemoryGrants", "FileGrants",
]  # fmt: skip
