"""The connector for a page of LinkedIn: comments, mentions, posts (versioned REST API, read 2026-11-23)."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import httpx
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_linkedin import auth, comments, consent, faults, media, mentions, posts, subscribing, walk, webhook
from chorally_linkedin.api import Api
from chorally_linkedin.config import SCOPES, AccountSettings, AppSettings
from chorally_linkedin.limits import CHANNELS
from chorally_linkedin.names import COMMENT, COMMENTS, MENTIONS, digits_of

EVERY = timedelta(minutes=30)
"""Time between polls of mentions, which cost one call."""


class LinkedIn(
    sdk.Connector, sdk.Authorizes, sdk.Discovers, sdk.Pulls, sdk.Receives, sdk.Fetches, sdk.Subscribes, sdk.Downloads,
    sdk.Prepares, sdk.Replies, sdk.Publishes, sdk.Finds, sdk.Moderates, sdk.Sandboxes,
):  # fmt: skip
    """A page: comments and mentions, by webhook and by polls below it; answers and posts in its name."""

    manifest = sdk.Manifest(
        platform="linkedin",
        title="LinkedIn",
        base_url="https://api.linkedin.com",
        hosts=("api.linkedin.com", "www.linkedin.com", "*.licdn.com"),
        scopes=SCOPES,
        hooks=sdk.Hooks(scope="app"),
        channels=CHANNELS,
        app_settings=AppSettings,
        account_settings=AccountSettings,
        quality={
            "challenge-is-sent": "exempt: LinkedIn documents PKCE for native apps only, at another address",
            "verifier-is-sent": "exempt: LinkedIn documents PKCE for native apps only, at another address",
        },
    )

    def auth(self, grant: sdk.Grant) -> httpx.Auth:
        """Carry the token in the header."""
        return auth.Carries(grant)

    def fault(self, answer: httpx.Response) -> sdk.ConnectorError | None:
        """Classify an answer by its status and LinkedIn's words."""
        return faults.fault(answer, self.now())

    async def authorize(self, state: str, challenge: str, redirect_uri: str, hint: str) -> sdk.Consent:
        """Give LinkedIn's page of consent."""
        return consent.client(self, self._app).consent(state, challenge, redirect_uri)

    async def exchange(self, callback: sdk.Callback) -> sdk.Grant:
        """Turn the code into a grant of sixty days."""
        return await consent.exchanged(self, self._app, callback)

    async def renew(self, grant: sdk.Grant | None) -> sdk.Grant:
        """Use the refresh token, which only approved partners get."""
        return await consent.renewed(self, self._app, grant)

    async def accounts(self) -> Sequence[sdk.AccountInfo]:
        """List the pages that the member administers."""
        return await consent.pages(self._api)

    async def check(self) -> sdk.AccountInfo:
        """Name the page, and the scopes that the consent left out.

        The scopes of a token that somebody pasted are asked for besides, where the app is known.
        """
        urn = await self._organization()
        page, answer = await consent.organization(self._api, urn)
        scopes, app = auth.scopes_of(answer), self._app
        if not scopes and app.client_id and app.client_secret.get_secret_value():
            scopes = await consent.token_scopes(self, app)
        missing = frozenset(app.scopes) - scopes if scopes else frozenset[str]()
        return sdk.AccountInfo(external_id=urn, name=page.name or urn, missing_scopes=missing)

    def streams(self) -> Sequence[sdk.Stream]:
        """Comments on recent posts, and what mentions the page."""
        every = timedelta(minutes=self._settings.poll_minutes)
        return [sdk.Stream(name=COMMENTS, every=every), sdk.Stream(name=MENTIONS, every=EVERY)]

    def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield what came since the cursor, and everything at first; removals are told by webhooks only."""
        page, now = self.account.external_id, self.now()
        if stream == MENTIONS:
            return mentions.walk(self._api, page, cursor, since, now=now)
        recent = timedelta(days=self._settings.recent_days)
        return walk.walk(self._api, page, cursor, since, now=now, recent=recent)

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Judge a hook by the client secret."""
        return webhook.judge(hook, keys)

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Translate what a hook says, for every page in it."""
        return webhook.parse(hook)

    async def fetch(self, ping: sdk.Ping) -> Sequence[sdk.Event]:
        """Read the comment or the post that a ping names."""
        return await comments.fetched(self._api, self.account.external_id, ping, self.now())

    async def subscribe(self, callback: str, secret: SecretStr, current: sdk.Subscription | None) -> sdk.Subscription:
        """Subscribe to what happens to the page; hooks are signed by the client secret, whatever the host made."""
        member = self.account.data.get("member")
        known = member if isinstance(member, str) else ""
        return await subscribing.subscribe(self._api, self.account.external_id, known, callback)

    async def unsubscribe(self, current: sdk.Subscription) -> None:
        """End the subscription."""
        await subscribing.unsubscribe(self._api, current.external_id)

    def download(self, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        """Yield a file of a comment."""
        return media.download(self._api, attachment)

    async def prepare(self, outgoing: sdk.Outgoing) -> sdk.Prepared:
        """Upload the next file, unseen."""
        return await media.prepare(self, self._api, outgoing)

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Answer a comment or a post as the page."""
        return await comments.push(self._api, self.account.external_id, message)

    async def publish(self, publication: sdk.Publication) -> sdk.Receipt:
        """Post text, an article, pictures or a video."""
        return await posts.publish(self._api, self.account.external_id, publication)

    async def find(self, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
        """Look for what a call made, among the answers or the posts where it would be."""
        if isinstance(outgoing, sdk.Publication):
            return await posts.find(self._api, self.account.external_id, outgoing)
        if isinstance(outgoing, sdk.OutboundMessage):
            return await comments.find(self._api, self.account.external_id, outgoing)
        raise sdk.OutcomeUnknown("only answers and posts can be looked for")

    async def moderate(self, action: sdk.Action) -> None:
        """Edit, delete or like a comment or a post."""
        do = comments.moderate if action.channel == COMMENT else posts.moderate
        await do(self._api, self.account.external_id, action)

    async def _organization(self) -> str:
        """The page's URN: the account's, else that of the settings, else the only one that the token opens."""
        named = self.account.external_id or self._settings.organization
        if named:
            return f"urn:li:organization:{digits_of(named)}"
        found = {acl.organization async for acl in consent.roles(self._api)}
        if len(found) != 1:
            raise sdk.Rejected(f"the token opens {len(found)} pages; name one of them in the settings")
        return found.pop()

    @property
    def _app(self) -> AppSettings:
        found = self.app.settings
        return found if isinstance(found, AppSettings) else AppSettings()

    @property
    def _settings(self) -> AccountSettings:
        found = self.account.settings
        return found if isinstance(found, AccountSettings) else AccountSettings()

    @property
    def _api(self) -> Api:
        return Api(self.http, self._app)

    @classmethod
    def sandbox(cls) -> sdk.ASGIApp:
        """Return a page that lives in memory; needs ``chorally-linkedin[sandbox]``."""
        from chorally_linkedin.sandbox import Sandbox  # heavy, and of no use in production

        return Sandbox()
