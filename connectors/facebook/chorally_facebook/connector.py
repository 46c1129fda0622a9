"""The connector for a Facebook page: comments, Messenger, posts (Graph API v25.0, read 2026-11-23)."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta

import httpx
from chorally_meta import hooks, settings, subscribing
from chorally_meta.auth import GraphAuth
from chorally_meta.consent import FACEBOOK, OwnPage, pages
from chorally_meta.shapes import read
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_facebook import comments, faults, feed, messages, posts, search, webhook
from chorally_facebook.config import AccountSettings, AppSettings
from chorally_facebook.limits import CHANNELS
from chorally_facebook.names import (
    COMMENTS,
    MENTIONS,
    MESSAGE,
    MESSAGES,
    OF_COMMENTS,
    OF_MESSAGES,
    OF_POSTS,
    POSTS,
)
from chorally_facebook.shapes import Page
from chorally_facebook.walk import walk

TASKS = ("MODERATE", "MESSAGING", "CREATE_CONTENT")
"""What a person must be allowed to do on a page: answer and hide comments, write messages, post."""
EVERY = timedelta(minutes=15)
"""Time between polls, which are the safety net below webhooks."""


class Facebook(
    sdk.Connector, sdk.Authorizes, sdk.Discovers, sdk.Pulls, sdk.Receives, sdk.Fetches, sdk.Subscribes, sdk.Downloads,
    sdk.Prepares, sdk.Replies, sdk.Publishes, sdk.Finds, sdk.Moderates, sdk.Sandboxes,
):  # fmt: skip
    """A page: comments, messages and posts, received by webhook, polled as a safety net, answered in place."""

    manifest = sdk.Manifest(
        platform="facebook",
        title="Facebook",
        base_url=settings.GRAPH,
        hosts=("graph.facebook.com", "*.fbsbx.com", "*.fbcdn.net"),
        scopes=(
            *("pages_show_list", "pages_read_engagement", "pages_read_user_engagement", "pages_manage_engagement"),
            *("pages_manage_metadata", "pages_messaging", "pages_manage_posts"),
        ),
        hooks=sdk.Hooks(scope="app"),
        channels=CHANNELS,
        app_settings=AppSettings,
        account_settings=AccountSettings,
        quality={
            "new-fields": "exempt: a new field beside the link to the next page may be that link under another name; "
            "reading stops there rather than lose what follows",
            "challenge-is-sent": "exempt: Meta documents no PKCE for its login dialog",
            "verifier-is-sent": "exempt: Meta documents no PKCE for its login dialog",
        },
    )

    def auth(self, grant: sdk.Grant) -> httpx.Auth:
        """Carry the token in the header, with the app's proof of it."""
        return GraphAuth.of(self.app, grant)

    async def authorize(self, state: str, challenge: str, redirect_uri: str, hint: str) -> sdk.Consent:
        """Give Facebook's login dialog; Meta documents no PKCE for it."""
        return FACEBOOK.consent(self, state, challenge, redirect_uri)

    async def exchange(self, callback: sdk.Callback) -> sdk.Grant:
        """Turn the code into a person's long-lived token."""
        return await FACEBOOK.exchanged(self, callback)

    async def renew(self, grant: sdk.Grant | None) -> sdk.Grant:
        """Exchange a person's token, while it lives, for another one of 60 days."""
        return await FACEBOOK.renewed(self, grant)

    async def accounts(self) -> Sequence[sdk.AccountInfo]:
        """List the pages that the person gave, each with its own token."""
        return [page.info(*TASKS) for page in await pages(self.http, OwnPage)]

    async def check(self) -> sdk.AccountInfo:
        """Name the page that the access token belongs to.

        Raises:
            Rejected: The settings name another page.
        """
        answer = await self.http.get("/me", params={"fields": "id,name"})
        page = read(Page, answer.content, "the answer to /me")
        wanted = self._settings.page_id
        if wanted and wanted != page.id:
            raise sdk.Rejected(
                f"the access token belongs to {page.id} ({page.name}), the settings say {wanted}; "
                "paste the access token of that page",
                reason=sdk.Reason.PERMISSION,
            )
        return sdk.AccountInfo(external_id=page.id, name=page.name)

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Judge a hook by the verify token or the signature."""
        return hooks.judge(hook, keys)

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Translate what a hook says, for every page in it."""
        return webhook.events(hook)

    def streams(self) -> Sequence[sdk.Stream]:
        """Say what can be polled: comments, and by the account's settings conversations, posts and mentions."""
        known = self._settings
        names = (COMMENTS, *((MESSAGES,) if known.messages else ()), *((POSTS, MENTIONS) if known.posts else ()))
        return [sdk.Stream(name=name, every=EVERY) for name in names]

    def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield what came since the cursor, and everything at first.

        Edits of comments older than ``walk.OVERLAP``, removals and hidings are told by webhooks only.
        """
        page = self.account.external_id
        if stream == MESSAGES:
            return messages.walk(self.http, page, cursor, since)
        if stream in {POSTS, MENTIONS}:
            return feed.visits(self.http, page, stream, cursor, since)
        return walk(self.http, page, cursor, since)

    async def fetch(self, ping: sdk.Ping) -> Sequence[sdk.Event]:
        """Read a comment, a message with its author's name, a post, or what mentions the page."""
        page, named = self.account.external_id, ping.external_id or ""
        if ping.stream == MESSAGES:
            return await messages.fetched(self.http, page, named)
        if ping.stream in {POSTS, MENTIONS}:
            return await feed.fetched(self.http, page, named, is_mention=ping.stream == MENTIONS)
        return await comments.fetched(self.http, page, named)

    async def subscribe(self, callback: str, secret: SecretStr, current: sdk.Subscription | None) -> sdk.Subscription:
        """Subscribe the app to the page; the URL is the app's, set in its dashboard."""
        known = self._settings
        fields = (*OF_COMMENTS, *(OF_MESSAGES if known.messages else ()), *(OF_POSTS if known.posts else ()))
        return await subscribing.subscribe(self.http, self.account.external_id, fields)

    async def unsubscribe(self, current: sdk.Subscription) -> None:
        """End the page's subscription."""
        await subscribing.unsubscribe(self.http, current.external_id)

    def download(self, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        """Yield a file of a message, by a link that is asked for now."""
        return messages.download(self.http, attachment)

    async def prepare(self, outgoing: sdk.Outgoing) -> sdk.Prepared:
        """Upload the next file, unseen."""
        return await posts.prepare(self, outgoing)

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Answer a comment or a post, in public or in private, or send a message.

        Raises:
            OutcomeUnknown: Facebook's answer does not say whether it was made.
        """
        if message.channel == MESSAGE or messages.is_private(message):
            return await messages.push(self.http, self.account.external_id, message)
        return await comments.push(self.http, message)

    async def publish(self, publication: sdk.Publication) -> sdk.Receipt:
        """Post text, a link, photos or a video, now or later."""
        return await posts.publish(self.http, self.account.external_id, publication, self.now())

    async def find(self, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
        """Look for what a call made, among the answers, the conversation or the posts where it would be."""
        page = self.account.external_id
        if isinstance(outgoing, sdk.Publication):
            return await posts.find(self.http, page, outgoing)
        if not isinstance(outgoing, sdk.OutboundMessage):
            raise sdk.OutcomeUnknown("only answers and posts can be looked for")
        if outgoing.channel == MESSAGE or messages.is_private(outgoing):
            return await messages.find(self.http, page, outgoing)
        return await search.find(self.http, page, outgoing)

    async def moderate(self, action: sdk.Action) -> None:
        """Hide, show, like, edit or delete a comment or a post, or mark a conversation as seen."""
        if action.channel != MESSAGE:
            await comments.moderate(self.http, action)
        elif action.verb == "read":
            await messages.seen(self.http, self.account.external_id, action.conversation_id)
        else:
            raise sdk.Rejected(f"messages take no {action.verb!r}")

    @property
    def _settings(self) -> AccountSettings:
        known = self.account.settings
        return known if isinstance(known, AccountSettings) else AccountSettings()

    def fault(self, answer: httpx.Response) -> sdk.ConnectorError | None:
        """Classify an answer by the Graph API's error code."""
        return faults.fault(answer)

    def usage(self, answer: httpx.Response) -> Iterable[sdk.Usage]:
        """Read the three usage headers of the Graph API."""
        return faults.usage(answer)

    @classmethod
    def sandbox(cls) -> sdk.ASGIApp:
        """Return a page that lives in memory; needs ``chorally-facebook[sandbox]``."""
        from chorally_facebook.sandbox import Sandbox  # heavy, and of no use in production

        return Sandbox().app
