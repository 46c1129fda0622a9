"""A good connector without a consent, and its twin."""

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

import httpx
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.sandbox import Failure
from tests.sdk.kit.shapes import HOST, NOTE, AppSettings
from tests.sdk.kit.twin import GuestbookTwin


class Machine(sdk.Connector, sdk.Renews):
    """Needs no consent: its grant is the app's own."""

    manifest = sdk.Manifest(
        platform="guestbook",
        version="1.2.0",
        base_url=f"https://{HOST}",
        hosts=(HOST,),
        channels=(sdk.Channel(name=NOTE),),
        app_settings=AppSettings,
    )

    async def check(self) -> sdk.AccountInfo:
        """Name the wall."""
        told = (await self.http.get("/me")).json()
        return sdk.AccountInfo(external_id=told["id"], name=told["name"])

    async def renew(self, grant: sdk.Grant | None) -> sdk.Grant:
        """Issue a grant."""
        assert isinstance(self.app.settings, AppSettings)
        secret = self.app.settings.client_secret.get_secret_value()
        form = {"grant_type": "client_credentials", "client_id": self.app.settings.client_id, "client_secret": secret}
        told = (await self.http.post("/oauth/token", data=form, auth=None)).json()
        ends = self.now() + timedelta(seconds=told["expires_in"])
        return sdk.Grant(
            access=SecretStr(told["access_token"]),
            expires_at=ends,
            scopes=frozenset(told["scope"].split()),
            base_url=grant.base_url if grant else "",
            keep=grant.keep if grant else {},
        )

    def fault(self, answer: httpx.Response) -> sdk.ConnectorError | None:
        """As the platform does."""
        if answer.status_code in (400, 401) and b'"invalid_client"' in answer.content:
            return sdk.Rejected("the app is not known to the platform; check its secret")
        return sdk.by_status(answer)


class MachineTwin(GuestbookTwin):
    """Where an app needs no consent, and no note is ever closed."""

    errors: ClassVar[Mapping[str, Failure]] = {"client": GuestbookTwin.errors["client"]}
