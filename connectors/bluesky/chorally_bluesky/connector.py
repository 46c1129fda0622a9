"""The connector for accounts of Bluesky, and of any server of the AT Protocol (lexicons of 2026-08-20)."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta

import httpx

import chorally_sdk as sdk
from chorally_bluesky import consent, drafts, faults, moderation, notifications, records, session, threads
from chorally_bluesky.asking import AppView
from chorally_bluesky.config import AccountSettings, AppSettings
from chorally_bluesky.identity import home_of
from chorally_bluesky.pictures import IMAGE_BYTES
from chorally_bluesky.shapes import Session, read
from chorally_bluesky.translate import POSTS, REPLY, to_message

NOTIFICATIONS, THREADS = "notifications", "threads"

_TEXT = sdk.Limits(
    max_text=drafts.MAX_GRAPHEMES, unit="graphemes", media={"image/*": IMAGE_BYTES}, max_media=drafts.MAX_IMAGES,
    parts=10, dedupe="native_key",
    options={
        "alts": "Descriptions of the pictures, in their order.",
        "langs": "Languages of the text, three at most, such as `en`.",
        "card": "A link shown as a card: `uri`, `title`, `description`; a picture that goes with it is the card's.",
        "quote": "The post that is quoted, by its at-uri or its page's address.",
        "labels": "Warnings about the content, such as `graphic-media`.",
        "thread": "Texts of the posts that follow, each answering the one before it.",
    },
)  # fmt: skip
_WRITES = {
    "POST /*com.atproto.repo.putRecord": 3,
    "POST /*com.atproto.repo.deleteRecord": 1,
}
"""Points of "Rate Limits" (docs.bsky.app): create 3, update 2, delete 1; a put may create."""


class Bluesky(
    sdk.Connector, sdk.Authorizes, sdk.Revokes, sdk.Pulls, sdk.Fetches, sdk.Downloads, sdk.Prepares, sdk.Replies,
    sdk.Publishes, sdk.Finds, sdk.Moderates, sdk.Sandboxes,
):  # fmt: skip
    """Replies, mentions and quotes by notifications and threads; answers and posts under keys of our own."""

    manifest = sdk.Manifest(
        platform="bluesky",
        title="Bluesky",
        base_url="https://bsky.social",
        hosts=("*",),
        scopes=("atproto", "transition:generic"),
        channels=(
            sdk.Channel(
                name=REPLY,
                id_scope="platform",  # a DID is the same for everybody
                actions={"reply": _TEXT, **dict.fromkeys(("like", "hide", "unhide", "delete"), sdk.Limits())},
            ),
            sdk.Channel(
                name=POSTS,
                id_scope="platform",
                actions={"publish": _TEXT.model_copy(update={"parts": 1}), "delete": sdk.Limits()},
            ),
        ),
        budgets=(
            sdk.Budget(limit=3000, per=timedelta(minutes=5), scope="app"),
            sdk.Budget(limit=5000, per=timedelta(hours=1), match="POST /*com.atproto.repo.*", costs=_WRITES),
            sdk.Budget(limit=35000, per=timedelta(days=1), match="POST /*com.atproto.repo.*", costs=_WRITES),
            sdk.Budget(limit=30, per=timedelta(minutes=5), match="POST /*com.atproto.server.createSession"),
        ),
        app_settings=AppSettings,
        account_settings=AccountSettings,
        quality={
            "real-server": "done",
            "anonymous": "exempt: every post has an author; what the platform hides of one, it hides whole",
            "no-doubles": "exempt: a reply comes by its notification and again with its thread, under one id and with "
            "the same content, since either of them alone may miss it",
        },
    )

    def auth(self, grant: sdk.Grant) -> httpx.Auth:
        """Carry the token of a session, or that of a consent with the proof of its key."""
        if consent.KEY in grant.keep:
            return consent.auth_of(grant, self)
        return session.NotYet() if session.is_password(grant) else sdk.Bearer(grant.access)

    def fault(self, answer: httpx.Response) -> sdk.ConnectorError | None:
        """Classify an answer by the error that it names."""
        return faults.fault(answer)

    async def check(self) -> sdk.AccountInfo:
        """Name the account that the token speaks for.

        Raises:
            Rejected: The account is not active.
        """
        answer = await self.http.get("/xrpc/com.atproto.server.getSession")
        own = read(Session, answer.content, "the answer about the session")
        if not own.active:
            raise sdk.Rejected(
                f"{own.handle or own.did} is {own.status or 'not active'}; it must be active to be connected",
                reason=sdk.Reason.PERMISSION,
            )
        return sdk.AccountInfo(external_id=own.did, name=own.handle or own.did)

    async def authorize(self, state: str, challenge: str, redirect_uri: str, hint: str) -> sdk.Consent:
        """Give the page of consent of the server where the account lives, which ``hint`` names by its handle."""
        return await consent.asked(self, self._app, state, challenge, redirect_uri, hint)

    async def exchange(self, callback: sdk.Callback) -> sdk.Grant:
        """Turn the code into a grant that is bound to a key."""
        return await consent.exchanged(self, self._app, callback)

    async def renew(self, grant: sdk.Grant | None) -> sdk.Grant:
        """Use the refresh token, which is spent by it; open a session where only a password was given."""
        if grant is None:
            raise sdk.Reauthorize("give handle and app password as alice.bsky.social:xxxx-xxxx-xxxx-xxxx")
        if consent.KEY in grant.keep:
            return await consent.renewed(self, self._app, grant)
        if session.is_password(grant):
            return await session.opened(self.http, self._app, grant)
        return await session.refreshed(self.http, self._app, grant)

    async def revoke(self, grant: sdk.Grant) -> None:
        """End the session, or give the tokens of the consent back."""
        if consent.KEY in grant.keep:
            await consent.revoked(self, self._app, grant)
        else:
            await session.ended(self.http, grant)

    def streams(self) -> Sequence[sdk.Stream]:
        """Notifications, and the threads of own recent posts, less often."""
        return [
            sdk.Stream(name=NOTIFICATIONS, every=timedelta(minutes=1)),
            sdk.Stream(name=THREADS, every=timedelta(minutes=15)),
        ]

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield what people said: by notification, or in the threads of own recent posts."""
        settings, own = self._settings, self.account.external_id
        if stream == NOTIFICATIONS:
            pages = notifications.walk(self._appview, own, cursor, since, is_seen=settings.mark_seen)
        else:
            lowest = self.now() - timedelta(days=settings.recent_days)
            pages = threads.walk(self._appview, own, cursor, since, lowest=lowest, now=self.now())
        async with aclosing(pages):  # type: ignore[type-var]
            async for page in pages:
                yield page

    async def fetch(self, ping: sdk.Ping) -> Sequence[sdk.Event]:
        """Read the post that a ping names.

        Raises:
            Rejected: It is gone.
        """
        if ping.external_id is None:
            return ()
        return [to_message(await self._appview.post(ping.external_id), self.account.external_id)]

    async def download(self, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        """Yield a file's bytes, from the server where its author lives.

        Raises:
            Rejected: It is gone.
        """
        did, _, cid = (attachment.external_id or "").partition("/")
        home = await home_of(self.http, self._app, did)
        url = f"{home.server}/xrpc/com.atproto.sync.getBlob"
        async with self.http.stream("GET", url, params={"did": did, "cid": cid}, auth=None) as answer:
            async for piece in answer.aiter_bytes():
                yield piece

    async def prepare(self, outgoing: sdk.Outgoing) -> sdk.Prepared:
        """Look up what is answered, quoted and mentioned, then upload the pictures, one at a step."""
        return await drafts.step(self, self._appview, outgoing)

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Post the answer that was prepared."""
        return await records.posted(self.http, self.account.external_id, message)

    async def publish(self, publication: sdk.Publication) -> sdk.Receipt:
        """Post what was prepared."""
        return await records.posted(self.http, self.account.external_id, publication)

    async def find(self, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
        """Look at the account's own server for the record under the key of our reference."""
        return await records.found(self.http, self.account.external_id, outgoing)

    async def moderate(self, action: sdk.Action) -> None:
        """Like a post, hide or show a reply in an own thread, delete an own post.

        Raises:
            Rejected: Bluesky has no such thing, or not for this account.
        """
        own, uri = self.account.external_id, action.external_id
        match action.verb:
            case "like":
                await moderation.like(self.http, self._appview, own, uri, self.now())
            case "hide" | "unhide":
                hidden = action.verb == "hide"
                await moderation.hide(self.http, self._appview, own, uri, self.now(), is_hidden=hidden)
            case "delete":
                await moderation.delete(self.http, own, uri)
            case _:
                raise sdk.Rejected(f"posts take no {action.verb!r}; Bluesky's posts cannot be edited")

    @property
    def _app(self) -> AppSettings:
        found = self.app.settings
        return found if isinstance(found, AppSettings) else AppSettings()

    @property
    def _settings(self) -> AccountSettings:
        found = self.account.settings
        return found if isinstance(found, AccountSettings) else AccountSettings()

    @property
    def _appview(self) -> AppView:
        return AppView(self.http, self._app.appview)

    @classmethod
    def sandbox(cls) -> sdk.ASGIApp:
        """Return a small network that lives in memory; needs ``chorally-bluesky[sandbox]``."""
        from chorally_bluesky.sandbox import Network  # heavy, and of no use in production

        return Network()
