"""Connectors that believe the wrong tokens."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import chorally_sdk as sdk
from tests.sdk.kit.bad import bad
from tests.sdk.kit.tokens import AUDIENCE, ISSUER, KEYS, Tokens, TokenTwin


def told(hook: sdk.RawHook) -> dict[str, Any]:
    """What a token says, whoever signed it."""
    part = hook.headers.get("authorization", "..").split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) or "{}")
    return found


@bad("genuine-token", twin=TokenTwin, is_whole=False)
class RefusesTokens(Tokens):
    """Asks for a maker that makes none."""

    def claims(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Json | sdk.Verdict:
        """Ask."""
        return sdk.claims(hook, keys, "https://elsewhere.example", AUDIENCE)


@bad("token-audience", twin=TokenTwin)
class ForAnybody(Tokens):
    """Takes the audience from the token itself."""

    def claims(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Json | sdk.Verdict:
        """Ask nothing."""
        return sdk.claims(hook, keys, ISSUER, told(hook).get("aud") or AUDIENCE)


@bad("token-issuer", twin=TokenTwin)
class OfAnybody(Tokens):
    """Takes the maker from the token itself."""

    def claims(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Json | sdk.Verdict:
        """Ask nothing."""
        return sdk.claims(hook, keys, told(hook).get("iss") or ISSUER, AUDIENCE)


@bad("token-times", twin=TokenTwin)
class AtAnyTime(Tokens):
    """Judges the times by the token's own."""

    def claims(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Json | sdk.Verdict:
        """Look at no clock."""
        made = datetime.fromtimestamp(told(hook).get("iat", 0), UTC)
        return sdk.claims(hook.model_copy(update={"received_at": made}), keys, ISSUER, AUDIENCE)


@bad("token-key", twin=TokenTwin)
class ReadsUnsigned(Tokens):
    """Reads the claims, and leaves the signature to others."""

    def claims(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Json | sdk.Verdict:
        """Believe them."""
        found = sdk.claims(hook, keys, ISSUER, AUDIENCE)
        is_right = isinstance(found, sdk.Verdict) and found.kind == "reject" and told(hook).get("iss") == ISSUER
        return told(hook) if is_right and told(hook).get("aud") == AUDIENCE else found


@bad("new-key", twin=TokenTwin)
class KnowsItsKeys(Tokens):
    """Refuses what the keys of today do not open."""

    def claims(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Json | sdk.Verdict:
        """Refuse."""
        found = sdk.claims(hook, keys, ISSUER, AUDIENCE)
        return sdk.reject() if isinstance(found, sdk.Verdict) else found


@bad("declared-keys", twin=TokenTwin)
class DeclaresNoKeys(Tokens):
    """Expects a key set that nobody fetches for it."""

    manifest = Tokens.manifest.model_copy(update={"hooks": sdk.Hooks(scope="app", jwks=(f"{KEYS}/old",))})
