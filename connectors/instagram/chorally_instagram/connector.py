"""The connector for an Instagram professional account: comments, messages, posts (API v25.0, read 2026-11-23)."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta

import httpx
from chorally_meta import hooks
from chorally_meta.auth import GraphAuth
from chorally_meta.listing import Reader
from chorally_meta.settings import GRAPH, VERSION
from chorally_meta.shapes import Done, read
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_instagram import comments, consent, containers, faults, files, messages, posts, tagged, webhook
from chorally_instagram.api import Api
from chorally_instagram.config import AccountSettings, AppSettings
from chorally_instagram.limits import CHANNELS
from chorally_instagram.names import (
    ARCHIVE,
    COMMENTS,
    MENTIONS,
    MESSAGE,
    MESSAGES,
    OF_COMMENTS,
    OF_MESSAGES,
    OF_PAGE,
    POST,
)
from chorally_instagram.shapes import Me, PageOfMe
from chorally_instagram.walk import Walk

EVERY = timedelta(minutes=15)
"""Time between polls, which are the safety net below webhooks."""
DAILY = timedelta(days=1)


class Instagram(
    sdk.Connector, sdk.Authorizes, sdk.Discovers, sdk.Pulls, sdk.Receives, sdk.Fetches, sdk.Subscribes, sdk.Downloads,
    sdk.Prepares, sdk.Replies, sdk.Publishes, sdk.Finds, sdk.Moderates, sdk.Sandboxes,
):  # fmt: skip
    """An account: comments, mentions, direct messages and posts, by Instagram Login or by Facebook Login."""

    manifest = sdk.Manifest(
        platform="instagram",
        title="Instagram",
        base_url=f"https://graph.instagram.com/{VERSION}",
        hosts=(
            *("graph.instagram.com", "api.instagram.com", "graph.facebook.com", "rupload.facebook.com"),
            *("*.fbsbx.com", "*.fbcdn.net", "*.cdninstagram.com"),
        ),
        scopes=consent.SCOPES,
        hooks=sdk.Hooks(scope="app"),
        channels=CHANNELS,
        app_settings=AppSettings,
        account_settings=AccountSettings,
        quality={
            "new-fields": "exempt: a new field beside the link to the next page may be that link under another name; "
            "reading stops there rather than lose what follows",
            "challenge-is-sent": "exempt: Meta documents no PKCE for its login dialogs",
            "verifier-is-sent": "exempt: Meta documents no PKCE for its login dialogs",
            "token-calls-hide": "exempt: Meta documents the exchange and the renewal of Instagram's tokens as GET with "
            "the token in the query, and no other way",
            "answers-answers": "exempt: Instagram has one level of replies; an answer to a reply is shown below the "
            "comment that both answer",
        },
    )

    def auth(self, grant: sdk.Grant) -> httpx.Auth:
        """Carry the token in the header, with the app's proof of it."""
        return GraphAuth.of(self.app, grant)

    async def authorize(self, state: str, challenge: str, redirect_uri: str, hint: str) -> sdk.Consent:
        """Give Instagram's page of consent, or Facebook's; Meta documents no PKCE for either."""
        if self._is_by_facebook:
            return consent.BY_FACEBOOK.consent(self, state, challenge, redirect_uri)
        return consent.page(self, state, challenge, redirect_uri)

    async def exchange(self, callback: sdk.Callback) -> sdk.Grant:
        """Turn the code into a long-lived token."""
        if self._is_by_facebook:
            return await consent.BY_FACEBOOK.exchanged(self, callback)
        return await consent.exchanged(self, callback)

    async def renew(self, grant: sdk.Grant | None) -> sdk.Grant:
        """Exchange a token, while it lives, for another one of 60 days."""
        if self._is_by_facebook:
            return await consent.BY_FACEBOOK.renewed(self, grant)
        return await consent.renewed(self, grant)

    async def accounts(self) -> Sequence[sdk.AccountInfo]:
        """List the one account of Instagram Login, or those that belong to a person's pages."""
        if self._is_by_facebook:
            return await consent.accounts_of_pages(self.http)
        return [await self._named()]

    async def check(self) -> sdk.AccountInfo:
        """Name the account that the access token belongs to.

        Raises:
            Rejected: The settings name another account, or the page has none.
        """
        info = await self._named()
        wanted = self._settings.account_id
        if wanted and wanted != info.external_id:
            raise sdk.Rejected(
                f"the access token belongs to {info.external_id} ({info.name}), the settings say {wanted}; "
                "paste the access token of that account, or set the id that /me calls user_id",
                reason=sdk.Reason.PERMISSION,
            )
        return info

    async def _named(self) -> sdk.AccountInfo:
        if not self._is_by_facebook:
            answer = await self.http.get("/me", params={"fields": "id,user_id,username"})
            me = read(Me, answer.content, "the answer to /me")
            data = {"username": me.username, "scoped_id": me.id}
            return sdk.AccountInfo(external_id=me.user_id, name=me.username, data=data)
        query = {"fields": "id,name,instagram_business_account{id,username}"}
        answer = await self.http.get(f"{GRAPH}/me", params=query)
        page = read(PageOfMe, answer.content, "the answer to /me")
        business = page.instagram_business_account
        if business is None:
            why = f"no Instagram account belongs to the page {page.name}; link one, and use the token of that page"
            raise sdk.Rejected(why, reason=sdk.Reason.PERMISSION)
        data = {"username": business.username, "page_id": page.id}
        return sdk.AccountInfo(external_id=business.id, name=business.username, data=data)

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Judge a hook by the verify token or the signature."""
        return hooks.judge(hook, keys)

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Translate what a hook says, for every account in it."""
        return webhook.events(hook)

    def streams(self) -> Sequence[sdk.Stream]:
        """Say what can be polled: comments, and by the account's settings conversations, and media that tag it."""
        names = (COMMENTS, *((MESSAGES,) if self._settings.messages else ()), MENTIONS)
        return [*(sdk.Stream(name=name, every=EVERY) for name in names), sdk.Stream(name=ARCHIVE, every=DAILY)]

    def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield what came since the cursor, and everything at first.

        Removals are told by nothing; a ping of the comment finds them.
        """
        api = self._api
        if stream == MESSAGES:
            return messages.walk(api, cursor, since)
        if stream == MENTIONS:
            return tagged.walk(api, cursor, since)
        walk = Walk(api, Reader(self.http), self._settings.recent_media, stream == ARCHIVE)
        return walk.pages(cursor, since, self.now())

    async def fetch(self, ping: sdk.Ping) -> Sequence[sdk.Event]:
        """Read a comment, a message with its author's profile, or what mentions the account."""
        api, named = self._api, ping.external_id or ""
        if ping.stream == MESSAGES:
            return await messages.fetched(api, named)
        if ping.stream == MENTIONS:
            return await comments.fetched_mention(api, named)
        return await comments.fetched(api, named)

    async def subscribe(self, callback: str, secret: SecretStr, current: sdk.Subscription | None) -> sdk.Subscription:
        """Subscribe the app to the account, or to its page; the URL is the app's, set in its dashboard."""
        api = self._api
        own = (*OF_COMMENTS, *(OF_MESSAGES if self._settings.messages else ()))
        fields = ",".join(OF_PAGE if api.is_by_facebook else own)
        answer = await self.http.post(api.mine("subscribed_apps"), data={"subscribed_fields": fields})
        if not read(Done, answer.content, "the answer to a subscription").success:
            raise sdk.Rejected("the subscription was not made; subscribe in the app's dashboard, or try again")
        return sdk.Subscription(external_id=api.account)

    async def unsubscribe(self, current: sdk.Subscription) -> None:
        """End the subscription."""
        try:
            await self.http.delete(self._api.mine("subscribed_apps"))
        except sdk.Rejected as error:
            if error.reason is not sdk.Reason.GONE:
                raise

    def download(self, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        """Yield a file of a message or a mention, by a link that is asked for now."""
        return files.download(self._api, attachment)

    async def prepare(self, outgoing: sdk.Outgoing) -> sdk.Prepared:
        """Take the next unseen step: a container, an upload, or the file of a message."""
        if isinstance(outgoing, sdk.Publication) or (outgoing.channel == POST and outgoing.attachments):
            return await containers.prepare(self, self._api, outgoing)
        return await files.prepare(self, self._api, outgoing)

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Answer a comment, a mention or a post, in public or in private, or send a message.

        Raises:
            OutcomeUnknown: Instagram's answer does not say whether it was made.
        """
        if message.channel == MESSAGE or messages.is_private(message):
            return await messages.push(self._api, message)
        return await comments.push(self._api, message)

    async def publish(self, publication: sdk.Publication) -> sdk.Receipt:
        """Show the container that was prepared.

        Raises:
            RetryLater: It is not yet time: Instagram keeps no post until later.
        """
        later = publication.publish_at - self.now() if publication.publish_at else timedelta(0)
        if later > timedelta(0):
            raise sdk.RetryLater("Instagram keeps no post until later", wait=later)
        return await posts.publish(self._api, publication)

    async def find(self, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
        """Look for what a call made, among the answers, the conversation or the posts where it would be."""
        if isinstance(outgoing, sdk.Publication):
            return await posts.find(self._api, outgoing)
        if not isinstance(outgoing, sdk.OutboundMessage):
            raise sdk.OutcomeUnknown("only answers and posts can be looked for")
        if outgoing.channel == MESSAGE or messages.is_private(outgoing):
            return await messages.find(self._api, outgoing)
        return await comments.find(self._api, outgoing)

    async def moderate(self, action: sdk.Action) -> None:
        """Hide, show or delete a comment, delete a post, mark a message as seen or give it a heart."""
        act = messages.act if action.channel == MESSAGE else comments.moderate
        await act(self._api, action)

    @property
    def _api(self) -> Api:
        return Api.of(self.http, self.account, GRAPH if self._is_by_facebook else "")

    @property
    def _is_by_facebook(self) -> bool:
        app = self.app.settings
        return isinstance(app, AppSettings) and app.is_by_facebook

    @property
    def _settings(self) -> AccountSettings:
        known = self.account.settings
        return known if isinstance(known, AccountSettings) else AccountSettings()

    def fault(self, answer: httpx.Response) -> sdk.ConnectorError | None:
        """Classify an answer by the Graph API's error code."""
        return faults.fault(answer)

    def usage(self, answer: httpx.Response) -> Iterable[sdk.Usage]:
        """Read the usage headers of the Graph API, and the publishing limit where it was asked for."""
        return faults.usage(answer)

    @classmethod
    def sandbox(cls) -> sdk.ASGIApp:
        """Return an account that lives in memory; needs ``chorally-instagram[sandbox]``."""
        from chorally_instagram.sandbox import Account  # heavy, and of no use in production

        return Account()
