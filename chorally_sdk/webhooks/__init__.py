"""Helpers for ``Receives.verify``: proofs, handshakes and verdicts; no I/O, no clock but the hook's arrival."""

from chorally_sdk.webhooks.handshakes import challenge_of, echoed, json_of, proven
from chorally_sdk.webhooks.public_keys import claims, signed_by
from chorally_sdk.webhooks.signatures import fields, is_recent, same, signature, signed, stamped
from chorally_sdk.webhooks.verdicts import accept, handshake, reject, stale_keys

__all__ = [
    "accept", "challenge_of", "claims", "echoed", "fields", "handshake", "is_recent", "json_of", "proven", "reject",
    "same", "signature", "signed", "signed_by", "stale_keys", "stamped",
]  # fmt: skip
