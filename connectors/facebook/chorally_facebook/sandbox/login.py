"""Consents at the sandbox: codes, short-lived and long-lived tokens, and the pages that a person has."""

from datetime import timedelta
from typing import Any

from chorally_facebook.sandbox.world import World
from chorally_sdk.sandbox.oauth import OAuth, Refused

SHORT = timedelta(hours=2)
LONG = timedelta(seconds=5183944)  # as the documentation's example has it


class Login:
    """The token endpoint and the list of pages."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.oauth = OAuth(now=world.now, lifetime=SHORT, needs_pkce=False)
        self.tasks = ["MODERATE", "CREATE_CONTENT"]
        self.has_page = True
        """Whether the person still has a role on the page."""

    def token(self, form: dict[str, str]) -> dict[str, Any]:
        """Answer the token endpoint.

        Raises:
            Refused: No token is given.
        """
        kind = form.get("grant_type") or ("authorization_code" if "code" in form else "")
        told = self.oauth.answer({**form, "grant_type": kind})
        told.pop("refresh_token", None)
        if kind == "fb_exchange_token":
            token = self.oauth.live(told["access_token"])
            if token is None:
                raise Refused("invalid_grant")
            token.expires_at = self.world.now() + LONG
            told["expires_in"] = int(LONG.total_seconds())
        return told

    def is_person(self, token: str) -> bool:
        """Whether a token is a person's, and lives."""
        return self.oauth.live(token) is not None

    def pages(self) -> dict[str, Any]:
        """List the person's pages with their tokens."""
        page = {
            "id": self.world.page_id, "name": self.world.page_name, "access_token": self.world.access_token,
            "tasks": self.tasks,
        }  # fmt: skip
        return {"data": [page] if self.has_page else [], "paging": {"cursors": {"after": "QQ"}}}
