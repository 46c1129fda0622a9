"""The connector for Google Business Profile (mybusiness v4 and its v1 companions, read 2026-11-23)."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import httpx
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_google_business import api, faults, locations, notifications, posts, reading, replies, watching, webhook
from chorally_google_business.config import AccountSettings, AppSettings
from chorally_google_business.limits import BUDGETS, CHANNELS
from chorally_google_business.names import PLATFORM, POST, REPLIES, REVIEWS, Place, place_of
from chorally_sdk import oauth

SCOPE = "https://www.googleapis.com/auth/business.manage"
EVERY = timedelta(minutes=15)
"""Time between polls, which are the safety net below notifications."""
AGAIN = timedelta(hours=6)
"""Time between two looks at what renews no review."""


class GoogleBusiness(
    sdk.Connector, sdk.Authorizes, sdk.Revokes, sdk.Discovers, sdk.Pulls, sdk.Receives, sdk.Fetches, sdk.Subscribes,
    sdk.Replies, sdk.Publishes, sdk.Finds, sdk.Moderates, sdk.Sandboxes,
):  # fmt: skip
    """A location on Google: its reviews, told by Pub/Sub and polled as a safety net, and the replies to them."""

    manifest = sdk.Manifest(
        platform=PLATFORM,
        title="Google Business Profile",
        base_url=f"https://{api.REVIEWS}",
        hosts=(api.REVIEWS, api.ACCOUNTS, api.LOCATIONS, api.NOTIFICATIONS, api.OAUTH),
        scopes=(SCOPE,),
        hooks=sdk.Hooks(scope="app", jwks=(api.CERTS_URL,)),
        channels=CHANNELS,
        budgets=BUDGETS,
        app_settings=AppSettings,
        account_settings=AccountSettings,
    )

    async def authorize(self, state: str, challenge: str, redirect_uri: str, hint: str) -> sdk.Consent:
        """Give Google's page of consent, asking for a refresh token each time."""
        last = {"access_type": "offline", "prompt": "consent"}
        more = {"login_hint": hint} if hint else {}
        return self._oauth().consent(state, challenge, redirect_uri, keep=None, **last, **more)

    async def exchange(self, callback: sdk.Callback) -> sdk.Grant:
        """Turn the code into a grant that lasts.

        Raises:
            Rejected: The code is refused, or Google gave no refresh token with it.
        """
        grant = await self._oauth().exchange(callback)
        if grant.refresh is None:
            raise sdk.Rejected(
                "Google gave no refresh token; remove the app at myaccount.google.com/connections, and start again"
            )
        return grant

    async def renew(self, grant: sdk.Grant | None) -> sdk.Grant:
        """Renew the hour of an access token; the refresh token stays the same."""
        return await self._oauth().refresh(grant)

    async def revoke(self, grant: sdk.Grant) -> None:
        """Give a consent back where the app's settings say so: Google ends all of that person's with it."""
        if self._app is not None and self._app.gives_consent_back:
            await self._oauth().revoke(grant)

    async def accounts(self) -> Sequence[sdk.AccountInfo]:
        """List the locations that the person may manage."""
        return await locations.discovered(self.http)

    async def check(self) -> sdk.AccountInfo:
        """Name the location."""
        place = self._place
        try:
            return await locations.looked_up(self.http, place)
        except faults.ScopeMissing:
            name = self.account.name or place.location
            return sdk.AccountInfo(external_id=place.location, name=name, missing_scopes=frozenset({SCOPE}))

    def fault(self, answer: httpx.Response) -> sdk.ConnectorError | None:
        """Classify an answer by Google's own statuses."""
        return faults.fault(answer)

    def streams(self) -> Sequence[sdk.Stream]:
        """Return the reviews, and what becomes of their replies."""
        return [sdk.Stream(name=REVIEWS, every=EVERY), sdk.Stream(name=REPLIES, every=AGAIN)]

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield reviews from the last changed one down, or what changed about the newest of them."""
        settings = self._settings
        how = {"without_text": settings.without_text}
        if stream == REPLIES:
            most = settings.looked_at_again
            pages = watching.watch(self.http, self._place, cursor, since, now=self.now(), most=most, **how)
        else:
            pages = reading.walk(self.http, self._place, cursor, since, **how)
        async for page in pages:
            yield page

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Judge a notification by the token that Pub/Sub puts on it."""
        return webhook.judge(hook, keys, self._app)

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Return a ping for the review that is named."""
        return webhook.events(hook)

    async def fetch(self, ping: sdk.Ping) -> Sequence[sdk.Event]:
        """Return the review that a ping names, and its reply."""
        return await reading.fetch(self.http, self._place, ping.external_id or "")

    async def subscribe(self, callback: str, secret: SecretStr, current: sdk.Subscription | None) -> sdk.Subscription:
        """Have the account's notifications go to our topic; where that pushes them is set in Google's console."""
        topic = self._app.pubsub_topic if self._app is not None else ""
        return await notifications.subscribe(self.http, self._place.account, topic, current)

    async def unsubscribe(self, current: sdk.Subscription) -> None:
        """End the notifications of the account, for all its locations."""
        await notifications.unsubscribe(self.http, current)

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Reply to a review, in place of the reply that it has."""
        return await replies.push(self.http, self._place, message)

    async def publish(self, publication: sdk.Publication) -> sdk.Receipt:
        """Post on the location."""
        return await posts.publish(self.http, self._place, publication)

    async def find(self, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
        """Look whether the review has the reply, or the location the post."""
        if isinstance(outgoing, sdk.Publication):
            return await posts.find(self.http, self._place, outgoing)
        return await replies.find(self.http, self._place, outgoing)

    async def moderate(self, action: sdk.Action) -> None:
        """Edit or delete a reply of ours, or a post."""
        if action.channel == POST:
            await posts.moderate(self.http, self._place, action)
            return
        await replies.moderate(self.http, self._place, action)

    @classmethod
    def sandbox(cls) -> sdk.ASGIApp:
        """Return a few locations that live in memory; needs ``chorally-google-business[sandbox]``."""
        from chorally_google_business.sandbox import Sandbox  # heavy, and of no use in production

        return Sandbox()

    def _oauth(self) -> oauth.Client:
        app = self._app or AppSettings(client_id="", client_secret=SecretStr(""))
        return oauth.Client(
            self,
            app.client_id,
            app.client_secret,
            token_url=api.at(self.http, api.OAUTH, "/token"),
            revocation_url=api.at(self.http, api.OAUTH, "/revoke"),
            authorize_url=api.CONSENT_URL,
        )

    @property
    def _app(self) -> AppSettings | None:
        return self.app.settings if isinstance(self.app.settings, AppSettings) else None

    @property
    def _settings(self) -> AccountSettings:
        settings = self.account.settings
        return settings if isinstance(settings, AccountSettings) else AccountSettings()

    @property
    def _place(self) -> Place:
        return place_of(self.account)
