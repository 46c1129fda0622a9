"""Identity: access tokens (built-in issuer or an outside one, verified alike) and service tokens."""

from chorally_core.adapters.identity.identity import TokenIdentity
from chorally_core.adapters.identity.issuer import Issuer
from chorally_core.adapters.identity.key_set import InvalidKeyring, KeySet
from chorally_core.adapters.identity.keyring import Keyring
from chorally_core.adapters.identity.remote_keys import RemoteKeys
from chorally_core.adapters.identity.service_tokens import InvalidServiceTokens, ServiceTokens
from chorally_core.adapters.identity.shared_keyring import SharedKeyring
from chorally_core.adapters.identity.verifier import ClaimPaths, Verifier

__all__ = [
    "ClaimPaths",
    "InvalidKeyring",
    "InvalidServiceTokens",
    "Issuer",
    "KeySet",
    "Keyring",
    "RemoteKeys",
    "ServiceTokens",
    "SharedKeyring",
    "TokenIdentity",
    "Verifier",
]
