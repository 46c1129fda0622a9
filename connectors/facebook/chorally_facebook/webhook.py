"""Webhooks of Meta: the handshake, the signature, and what a body holds."""

from collections.abc import Sequence

from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_facebook.shapes import Hook, read
from chorally_facebook.translate import from_feed

SIGNATURE = "x-hub-signature-256"


def judge(hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
    """Return the verdict on a request of Meta; an empty secret never opens anything.

    A GET is the handshake ("Setup Webhooks Subscriptions"): answered by the bare challenge. A POST is
    signed over its raw bytes; the older header ``X-Hub-Signature`` is SHA-1 and counts for nothing.
    """
    if hook.method == "GET":
        token, challenge = hook.query.get("hub.verify_token", ""), hook.query.get("hub.challenge", "")
        known = hook.query.get("hub.mode") == "subscribe" and sdk.same(token, _live(keys, "verify_token"))
        return sdk.handshake(challenge) if known and challenge else sdk.reject(403)
    scheme, _, signature = hook.headers.get(SIGNATURE, "").partition("=")
    genuine = scheme == "sha256" and sdk.signed(hook.body, signature, _live(keys, "app_secret"))
    return sdk.accept() if genuine else sdk.reject()


def events(hook: sdk.RawHook) -> Sequence[sdk.Event]:
    """Return what a body says of comments, for all pages in it; none of it where it is about other objects.

    Raises:
        Malformed: The body is not in the documented shape.
    """
    body = read(Hook, hook.body, "webhook")
    if body.object != "page":
        return []
    return [
        event
        for entry in body.entry
        for change in entry.changes
        if change.field == "feed"
        for event in from_feed(entry.id, change.value, entry.time, hook.body)
    ]


def _live(keys: sdk.Keys, name: str) -> tuple[SecretStr, ...]:
    return tuple(secret for secret in keys.secrets.get(name, ()) if secret.get_secret_value())
