"""The connector for Microsoft: Graph v1.0 and Bot Framework protocol v3, read 2026-11-23."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_microsoft import faults, hooks, login, names
from chorally_microsoft.bot import speaking
from chorally_microsoft.config import AccountSettings, AppSettings
from chorally_microsoft.mail import attaching, discovering, drafts, reading, subscribing
from chorally_microsoft.mail.place import Mailbox

EVERY = {names.INBOX: timedelta(minutes=15), names.SENT: timedelta(minutes=5)}
"""How often a folder is looked at; what arrives is told by subscriptions besides."""

_MAIL = sdk.Limits(
    media={"*/*": attaching.MAX_FILE},
    max_media=20,
    options=drafts.OPTIONS,
    dedupe="lookup",
    settles=timedelta(minutes=2),
)
_SAY = sdk.Limits(max_text=speaking.MAX_TEXT, unit="utf16", parts=10, options=speaking.OPTIONS)


class Microsoft(
    sdk.Connector, sdk.Authorizes, sdk.Discovers, sdk.Pulls, sdk.Receives, sdk.Fetches, sdk.Subscribes, sdk.Downloads,
    sdk.Prepares, sdk.Replies, sdk.Finds, sdk.Moderates, sdk.Sandboxes,
):  # fmt: skip
    """Mailboxes of Outlook, and a bot in Teams: two kinds of accounts of one app registration."""

    manifest = sdk.Manifest(
        platform="microsoft",
        title="Microsoft (Outlook, Teams)",
        base_url=names.GRAPH,
        hosts=(
            "graph.microsoft.com",
            "login.microsoftonline.com",
            *names.SERVICE_HOSTS,
            *names.FILE_HOSTS,
            *names.UPLOAD_HOSTS,
        ),
        scopes=login.SCOPES,
        hooks=sdk.Hooks(scope="app", jwks=(names.KEYS,)),
        budgets=(sdk.Budget(limit=10_000, per=timedelta(minutes=10)),),
        channels=(
            sdk.Channel(name=names.OUTLOOK, actions={"reply": _MAIL, "send": _MAIL, "read": sdk.Limits()}),
            sdk.Channel(
                name=names.TEAMS,
                id_scope="app",
                actions={
                    "reply": _SAY,
                    "send": _SAY,
                    "edit": sdk.Limits(max_text=speaking.MAX_TEXT, unit="utf16"),
                    "delete": sdk.Limits(),
                },
            ),
        ),
        app_settings=AppSettings,
        account_settings=AccountSettings,
        quality={
            "channel-names": "exempt: Outlook and Teams are known by names of their own",
            "parents": "exempt: Graph tells a mail's conversation, and no id of the mail that it answers",
        },
    )
    _granted: frozenset[str] = frozenset()
    _has_refresh = False

    def auth(self, grant: sdk.Grant) -> httpx.Auth:
        """Carry the token in the header; what the grant is for is remembered for ``check``."""
        self._granted, self._has_refresh = grant.scopes, grant.refresh is not None
        return super().auth(grant)

    @property
    def _settings(self) -> AccountSettings:
        settings = self._account.settings if self._account is not None else None
        return settings if isinstance(settings, AccountSettings) else AccountSettings()

    @property
    def _is_bot(self) -> bool:
        return self._settings.kind == "teams"

    @property
    def _mailbox(self) -> Mailbox:
        data = self.account.data
        shared = self._settings.mailbox or str(data.get("shared") or "")
        return Mailbox(self.http, shared.lower() or str(data.get("address") or ""), shared)

    @property
    def _speaker(self) -> speaking.Speaker:
        return speaking.Speaker(self.http, self._settings.service_url, self.account.external_id)

    async def check(self) -> sdk.AccountInfo:
        """Name the mailbox; of a bot, see whether it gets a token.

        Raises:
            Rejected: The settings of a bot name no directory, or the app is set up wrongly.
        """
        if self._is_bot:
            return await self._checked_bot()
        mailbox = self._mailbox
        info = await discovering.named(mailbox)
        lacking = login.missing(self._granted, self.app.settings, has_refresh=self._has_refresh)
        return info.model_copy(update={"missing_scopes": lacking})

    async def _checked_bot(self) -> sdk.AccountInfo:
        tenant = self._settings.tenant_id.lower()
        if not tenant:
            raise sdk.Rejected("the account does not say which directory (tenant) it is for; set its id")
        app = self.app.settings
        allowed = app.bot_directories if isinstance(app, AppSettings) else ()
        if allowed and tenant not in {each.lower() for each in allowed}:
            raise sdk.Rejected("the app does not let accounts name this directory; add its id to bot_directories")
        await self._speaker.greet()
        return sdk.AccountInfo(external_id=tenant, name=f"Teams of {tenant}")

    async def authorize(self, state: str, challenge: str, redirect_uri: str, hint: str) -> sdk.Consent:
        """Give the sign-in page of Microsoft; ``hint`` is the person's address."""
        client = login.person(self, login.app_of(self.app.settings))
        more: dict[str, Any] = {"login_hint": hint} if hint else {}
        return client.consent(state, challenge, redirect_uri, response_mode="query", **more)

    async def exchange(self, callback: sdk.Callback) -> sdk.Grant:
        """Turn the code into a person's grant."""
        return await login.person(self, login.app_of(self.app.settings)).exchange(callback)

    async def renew(self, grant: sdk.Grant | None) -> sdk.Grant:
        """Renew a person's grant; issue the bot's anew.

        Raises:
            Reauthorize: The person's consent is over.
        """
        return await login.renewed(self, login.app_of(self.app.settings), grant)

    async def accounts(self) -> Sequence[sdk.AccountInfo]:
        """List the person's own mailbox, and the shared ones of the app's settings that the person may open."""
        settings = self.app.settings
        shared = settings.shared_mailboxes if isinstance(settings, AppSettings) else ()
        return await discovering.found(self.http, shared)

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Judge an activity by its token, notifications by their ``clientState``."""
        return hooks.judge(hook, keys, self.app.settings)

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Translate an activity, or notifications of all the mailboxes that they are about."""
        return hooks.events(hook)

    def streams(self) -> Sequence[sdk.Stream]:
        """Say which folders of a mailbox are followed; what people say to a bot is told by webhooks only."""
        return [] if self._is_bot else [sdk.Stream(name=name, every=every) for name, every in EVERY.items()]

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield what changed in a folder.

        Raises:
            RetryLater: Graph cannot be reached; go on from the last cursor.
        """
        async for page in reading.walk(self._mailbox, stream, cursor, since):
            yield page

    async def fetch(self, ping: sdk.Ping) -> Sequence[sdk.Event]:
        """Read a mail; of an activity that says nothing there is nothing to read.

        Raises:
            Rejected: With ``GONE``: it was deleted.
        """
        return [] if self._is_bot else await reading.one(self._mailbox, ping)

    async def subscribe(self, callback: str, secret: SecretStr, current: sdk.Subscription | None) -> sdk.Subscription:
        """Subscribe to the mailbox; a bot's address is set in Azure, once for all."""
        if self._is_bot:
            return sdk.Subscription(external_id=f"bot/{login.app_of(self.app.settings).client_id}")
        account = self.account.external_id
        return await subscribing.subscribe(self._mailbox, account, callback, secret, current, self.now())

    async def unsubscribe(self, current: sdk.Subscription) -> None:
        """End the mailbox's subscription."""
        if not self._is_bot:
            await subscribing.end(self.http, current.external_id)

    async def prepare(self, outgoing: sdk.Outgoing) -> sdk.Prepared:
        """Make a mail's draft, then attach its files; a message of Teams needs nothing."""
        if self._is_bot:
            return sdk.Prepared(state=outgoing.prepared)
        return await drafts.prepare(self._mailbox, outgoing, self.media)

    def addressed(self, to: str) -> str:
        """Return a mail address in lower case, as senders have it; the id of a person in Teams as it is."""
        to = to.strip()
        return to.lower() if "@" in to else to

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Send a mail's draft, or say something in Teams.

        ``options``: see ``drafts.OPTIONS`` and ``speaking.OPTIONS``.

        Raises:
            OutcomeUnknown: The answer does not say whether it was made.
        """
        return await (self._speaker.say(message) if self._is_bot else drafts.push(self._mailbox, message))

    async def find(self, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
        """Look at the draft that was to be sent; Teams has nothing to look at.

        Raises:
            OutcomeUnknown: It cannot be told.
        """
        if self._is_bot:
            raise sdk.OutcomeUnknown("a bot cannot read what it said; look into the conversation")
        return await drafts.find(self._mailbox, outgoing)

    async def moderate(self, action: sdk.Action) -> None:
        """Mark a mail as read; edit or delete a message of the bot.

        Raises:
            Rejected: There is no such thing, or it takes no such action.
        """
        await (self._speaker.moderate(action) if self._is_bot else drafts.moderate(self._mailbox, action))

    async def download(self, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        """Yield a file's bytes.

        Raises:
            Rejected: There is no such file.
        """
        pieces = self._speaker.download(attachment) if self._is_bot else reading.download(self._mailbox, attachment)
        async for piece in pieces:
            yield piece

    def fault(self, answer: httpx.Response) -> sdk.ConnectorError | None:
        """Classify an answer by its error code."""
        return faults.fault(answer)

    @classmethod
    def sandbox(cls) -> sdk.ASGIApp:
        """Return a mailbox and a bot that live in memory; needs ``chorally-microsoft[sandbox]``."""
        from chorally_microsoft.sandbox import Outlook  # heavy, and of no use in production

        return Outlook()
