"""Consent at LinkedIn: sixty days, no PKCE, and a refresh token that a renewal neither replaces nor prolongs."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from chorally_linkedin.config import SCOPES
from chorally_linkedin.sandbox.courier import SECRET
from chorally_sdk.sandbox import OAuth

LIFE = timedelta(days=60)
REFRESH_LIFE = timedelta(days=365)


class Login(OAuth):
    """Issues tokens; to an app that is no approved partner, none that renews."""

    is_partner = True

    def __init__(self, now: Any) -> None:
        super().__init__(
            now, client_secret=SECRET, scopes=frozenset(SCOPES), lifetime=LIFE, rotates=False, needs_pkce=False
        )
        self.refresh_ends: dict[str, datetime] = {}

    def answer(self, form: Mapping[str, str], authorization: str = "") -> dict[str, Any]:
        """Answer at the token endpoint, as LinkedIn does: scopes with commas, and when the refresh token ends."""
        told = super().answer(form, authorization)
        told["scope"] = told["scope"].replace(" ", ",")
        refresh = told.get("refresh_token") or form.get("refresh_token")
        if not self.is_partner or not refresh:
            return {name: value for name, value in told.items() if name != "refresh_token"}
        ends = self.refresh_ends.setdefault(refresh, self.now() + REFRESH_LIFE)
        left = int((ends - self.now()).total_seconds())
        return {**told, "refresh_token": refresh, "refresh_token_expires_in": left}
