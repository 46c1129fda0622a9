"""Instagram Login of the sandbox: codes, tokens of an hour, tokens of 60 days and their renewal, and ``/me``."""

from datetime import datetime, timedelta
from typing import Any

from chorally_meta.sandbox import graph_error
from starlette.responses import JSONResponse

from chorally_instagram.sandbox.base import AccountBase
from chorally_sdk.sandbox import Call, Refused, answers
from chorally_sdk.sandbox.oauth import Token

SHORT, LONG, YOUNGEST = timedelta(hours=1), timedelta(seconds=5183944), timedelta(hours=24)


class LoginRoutes(AccountBase):
    """The token endpoints, and who the token is."""

    def aged(self, age: timedelta = timedelta(days=2)) -> Token:
        """Return a long-lived token that was issued some time ago."""
        token = self.login.oauth.issue(lasting=True)
        token.expires_at = self.clock() + LONG - age
        return token

    @answers("POST", "/oauth/access_token", on="token", is_open=True)
    async def _exchange(self, call: Call) -> Any:
        if self.by_facebook:
            return self._token(self.asked(call))
        form, server = self.asked(call), self.login.oauth
        server.client_secret = self.courier.app_secret
        try:
            told = server.answer(form)
        except Refused:
            why = "Matching code was not found or was already used"
            return JSONResponse({"error_type": "OAuthException", "code": 400, "error_message": why}, 400)
        token = server.live(told["access_token"])
        if token is not None:
            token.expires_at = self.clock() + SHORT
        permissions = ",".join(sorted(told["scope"].split()))
        row = {"access_token": told["access_token"], "user_id": self.world.scoped_id, "permissions": permissions}
        return {"data": [row]}

    @answers("GET", "/access_token", on="token", is_open=True)
    async def _lengthen(self, call: Call) -> Any:
        asked = self.asked(call)
        known = self.login.oauth.live(asked.get("access_token", ""))
        if asked.get("client_secret") != self.courier.app_secret:
            return graph_error(101, "Error validating client secret.").response()
        if asked.get("grant_type") != "ig_exchange_token" or known is None:
            return self.refused("token")
        return self._long(known)

    @answers("GET", "/refresh_access_token", on="token", is_open=True)
    async def _renew(self, call: Call) -> Any:
        asked = self.asked(call)
        known = self.login.oauth.live(asked.get("access_token", ""))
        if asked.get("grant_type") != "ig_refresh_token" or known is None:
            return self.refused("token")
        issued: datetime = (known.expires_at or self.clock()) - LONG
        if self.clock() - issued < YOUNGEST:
            return self.refused("invalid", detail="The access token is not yet 24 hours old")
        return self._long(known)

    def _long(self, before: Token) -> dict[str, Any]:
        made = self.login.oauth.issue(before.scopes, lasting=True)
        made.expires_at = self.clock() + LONG
        return {"access_token": made.access, "token_type": "bearer", "expires_in": int(LONG.total_seconds())}

    def expire(self) -> None:
        """Let time pass until an hour before the newest token ends: only a living one is renewed."""
        ends = self.login.oauth.tokens[-1].expires_at or self.clock()
        left = ends - self.clock() - timedelta(hours=1)
        self.clock.pass_(seconds=max(left.total_seconds(), 0))

    def shown_me(self, call: Call) -> dict[str, Any]:
        """Return who the token is: the account, or its page.

        Raises:
            Refusal: It is nobody's.
        """
        world = self.world
        if self.by_facebook:
            page = self.page_of(call)
            told = self.shown_account(page)
        else:
            told = {"id": world.scoped_id, "user_id": world.account, "username": world.username}
        fields = self.fields(call, "id")
        return {field.name: told[field.name] for field in fields if field.name in told}
