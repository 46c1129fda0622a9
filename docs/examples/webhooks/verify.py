"""Verifies that a call comes from Chorally: the body as it came, the headers by their names in small letters."""

import hmac
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping

TOLERANCE_S = 300


def is_ours(secret: str, headers: Mapping[str, str], body: bytes, now: float | None = None) -> bool:
    """Whether a call was signed by this secret, a few minutes ago at most."""
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isdigit() or abs((time.time() if now is None else now) - int(timestamp)) > TOLERANCE_S:
        return False
    key = b64decode(secret.removeprefix("whsec_"))
    expected = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")
    wanted = b"v1," + b64encode(expected)
    given = headers.get("webhook-signature", "").split()  # several, while a secret is being changed
    return any(hmac.compare_digest(wanted, each.encode()) for each in given)
