"""Consents at the sandbox: codes, short-lived and long-lived tokens, and the pages that a person has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from chorally_sdk.sandbox import OAuth, Refused
from chorally_sdk.sandbox.oauth import Token

SHORT = timedelta(hours=2)
LONG = timedelta(seconds=5183944)
"""As the documentation's example has it: about 60 days."""


@dataclass(eq=False)
class Owned:
    """A page that a person has a role on, and its own token."""

    id: str
    name: str
    token: str
    tasks: list[str] = field(default_factory=lambda: ["MODERATE", "CREATE_CONTENT", "MESSAGING", "MANAGE"])

    def shown(self) -> dict[str, Any]:
        """Return it as ``/me/accounts`` lists it."""
        return {"id": self.id, "name": self.name, "access_token": self.token, "tasks": self.tasks}


class Login:
    """The token endpoint: codes become short-lived tokens, those become long-lived ones while they live."""

    def __init__(self, oauth: OAuth) -> None:
        self.oauth = oauth
        self.person_id = "900000000000001"
        self.person_name = "Sandbox Person"

    def token(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Answer the token endpoint.

        Raises:
            Refused: No token is given.
        """
        kind = form.get("grant_type") or ("authorization_code" if "code" in form else "")
        told = self.oauth.answer({**form, "grant_type": kind})
        told.pop("refresh_token", None)
        if kind == "fb_exchange_token":
            self._made_long(self.oauth.live(told["access_token"]))
            told["expires_in"] = int(LONG.total_seconds())
        return told

    def long(self) -> Token:
        """Return a long-lived token of the person, without any ceremony."""
        return self._made_long(self.oauth.issue(lasting=True))

    def is_person(self, token: str) -> bool:
        """Whether a token is a person's, and lives."""
        return self.oauth.live(token) is not None

    def _made_long(self, token: Token | None) -> Token:
        if token is None:
            raise Refused("invalid_grant")
        token.expires_at = self.oauth.now() + LONG
        return token
