"""Where an account's calls go, and how its own words are known.

With Instagram Login everything is at graph.instagram.com and ``me`` is the account. With Facebook Login it is at
graph.facebook.com, and ``me`` is the account's page, whose are conversations, messages and subscriptions.

Webhooks name the account by its professional id, which /me calls ``user_id``; the ``id`` of /me is another for every
app. Comments and conversations may name either, so our own words are known by both, and by the user name.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from chorally_meta.listing import path

import chorally_sdk as sdk


@dataclass(frozen=True)
class Api:
    """One account of the Graph API."""

    http: sdk.Http
    account: str
    """The professional account's id: that of webhooks."""
    username: str = ""
    scoped_id: str = ""
    """The account's id in this app, as Instagram Login's /me has it."""
    base: str = ""
    """Empty for the connector's own host."""
    is_by_facebook: bool = False

    @classmethod
    def of(cls, http: sdk.Http, account: sdk.Account, base: str) -> "Api":
        """Return the API of a connected account; ``base`` is empty with Instagram Login."""
        known: Mapping[str, object] = account.data
        username, scoped = known.get("username") or account.name, known.get("scoped_id") or ""
        return cls(http, account.external_id, str(username), str(scoped), base, bool(base))

    def at(self, *parts: str) -> str:
        """Return the URL of an object or of its edge, of ids that cannot leave their segment."""
        return f"{self.base}{path(*parts)}"

    def own(self, *parts: str) -> str:
        """Return the URL of an edge of the account: media, mentions, tags."""
        return self.at(self.account, *parts)

    def mine(self, *parts: str) -> str:
        """Return the URL of an edge of whoever the token is: conversations, messages, subscriptions."""
        return self.at("me", *parts)

    def is_ours(self, external_id: str | None, username: str | None = None) -> bool:
        """Whether somebody is the account itself."""
        if external_id and external_id in {self.account, self.scoped_id}:
            return True
        return bool(username and self.username) and str(username).casefold() == self.username.casefold()
