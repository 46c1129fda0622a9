"""The connector for comments on the posts of a Facebook page (Graph API v25.0, read 2026-11-23)."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta

import httpx
from chorally_meta import hooks, settings
from chorally_meta.auth import GraphAuth
from chorally_meta.consent import FACEBOOK, OwnPage, pages
from chorally_meta.listing import path
from chorally_meta.shapes import Created, read

import chorally_sdk as sdk
from chorally_facebook import faults, search, webhook
from chorally_facebook.config import AccountSettings, AppSettings
from chorally_facebook.shapes import Page
from chorally_facebook.translate import COMMENT, STREAM
from chorally_facebook.walk import walk

MAX_TEXT = 8000
"""Characters of a comment. Unverified: widely reported, but in none of Meta's pages; Facebook has the last word."""

ANSWERS = "MODERATE"
"""The task of a person on a page that answering comments needs."""

SETTLES = timedelta(seconds=5)
"""How long after an attempt a comment may be missing from listings. Unverified: Meta states nothing."""


class Facebook(
    sdk.Connector, sdk.Authorizes, sdk.Discovers, sdk.Pulls, sdk.Receives, sdk.Replies, sdk.Finds, sdk.Moderates,
    sdk.Sandboxes,
):  # fmt: skip
    """Comments on a page's posts: received by webhook, polled as a safety net, answered in place."""

    manifest = sdk.Manifest(
        platform="facebook",
        title="Facebook",
        base_url=settings.GRAPH,
        hosts=("graph.facebook.com",),
        scopes=("pages_show_list", "pages_read_engagement", "pages_read_user_engagement", "pages_manage_engagement"),
        hooks=sdk.Hooks(scope="app"),
        channels=(
            sdk.Channel(
                name=COMMENT,
                id_scope="account",  # a person has another id on every page
                actions={
                    "reply": sdk.Limits(max_text=MAX_TEXT, dedupe="lookup", settles=SETTLES),
                    "edit": sdk.Limits(max_text=MAX_TEXT),
                    **dict.fromkeys(("delete", "hide", "unhide", "like"), sdk.Limits()),
                },
            ),
        ),
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
        return [page.info(ANSWERS) for page in await pages(self.http, OwnPage)]

    async def check(self) -> sdk.AccountInfo:
        """Name the page that the access token belongs to.

        Raises:
            Rejected: The settings name another page.
        """
        answer = await self.http.get("/me", params={"fields": "id,name"})
        page = read(Page, answer.content, "the answer to /me")
        wanted = self.account.settings.page_id if isinstance(self.account.settings, AccountSettings) else ""
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
        """Translate what a hook says of comments, for every page in it."""
        return webhook.events(hook)

    def streams(self) -> Sequence[sdk.Stream]:
        """Say that comments can be polled."""
        return [sdk.Stream(name=STREAM, every=timedelta(minutes=15))]

    def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield the comments of posts changed since the cursor, and of all posts at first.

        Edits older than ``walk.OVERLAP``, removals and hidings are told by webhooks only.
        """
        return walk(self.http, self.account.external_id, cursor, since)

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Answer a comment; without one, comment on the post.

        Raises:
            OutcomeUnknown: Facebook's answer does not say whether the comment was made.
        """
        target = message.in_reply_to or message.conversation_id
        if not target:
            raise sdk.Rejected("a comment answers a comment or a post; say which")
        try:
            answer = await self.http.post(path(target, "comments"), data={"message": message.body})
            made = read(Created, answer.content, "the answer to a comment")
        except (faults.Transient, sdk.Malformed) as error:
            raise sdk.OutcomeUnknown(f"whether the comment was made is not known: {error}") from error
        return sdk.Receipt(external_id=made.id, conversation_id=message.conversation_id)

    async def find(self, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
        """Look for our comment among the answers to what it was to answer; see ``search``."""
        if not isinstance(outgoing, sdk.OutboundMessage):
            raise sdk.OutcomeUnknown("only answers to comments can be looked for")
        return await search.find(self.http, self.account.external_id, outgoing)

    async def moderate(self, action: sdk.Action) -> None:
        """Hide, show, like or delete a comment, or edit one of the page's own (Graph API v25.0, "Comment").

        Raises:
            Rejected: Facebook refuses it, or does not offer it for comments.
        """
        match action.verb:
            case "hide" | "unhide":
                hidden = "true" if action.verb == "hide" else "false"
                await self.http.post(path(action.external_id), data={"is_hidden": hidden})
            case "edit":
                await self.http.post(path(action.external_id), data={"message": action.body})
            case "like":
                await self.http.post(path(action.external_id, "likes"))
            case "delete":
                await self._delete(action.external_id)
            case _:
                raise sdk.Rejected(f"comments take no {action.verb!r}")

    async def _delete(self, comment: str) -> None:
        try:
            await self.http.delete(path(comment))
        except sdk.Rejected as error:
            if error.reason is not sdk.Reason.GONE:
                raise

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
