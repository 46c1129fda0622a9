"""The connector for Telegram bots (Bot API 10.1, read 2026-11-23)."""

import re
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_telegram import api, faults, moderating, polling, sending, webhook
from chorally_telegram.auth import FILE, BotToken
from chorally_telegram.config import AccountSettings
from chorally_telegram.ids import Place
from chorally_telegram.multipart import body, content_type
from chorally_telegram.sending import MAX_BYTES, MAX_FILES, MAX_TEXT
from chorally_telegram.shapes import File, Me, Reference, WebhookInfo, read
from chorally_telegram.translate import MESSAGE
from chorally_telegram.updates import STREAM

MAX_DOWNLOAD = 20 * 2**20
"""Bytes of a file that a bot may read (getFile)."""

_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_LIMITS = sdk.Limits(
    max_text=MAX_TEXT, unit="utf16", media={"*/*": MAX_BYTES}, max_media=MAX_FILES, parts=20, dedupe="none"
)


class Telegram(
    sdk.Connector, sdk.Pulls, sdk.Receives, sdk.Subscribes, sdk.Downloads, sdk.Replies, sdk.Moderates, sdk.Sandboxes
):
    """What is said to a bot: received by webhook, or by long polling where there is none; answered in the chat."""

    manifest = sdk.Manifest(
        platform="telegram",
        title="Telegram",
        base_url="https://api.telegram.org",
        hosts=("api.telegram.org",),
        hooks=sdk.Hooks(scope="account"),
        channels=(
            sdk.Channel(
                name=MESSAGE,
                id_scope="platform",  # a person has one id for all bots
                actions={
                    "reply": _LIMITS,
                    "send": _LIMITS,
                    "edit": sdk.Limits(max_text=MAX_TEXT, unit="utf16"),
                    "delete": sdk.Limits(),
                    "like": sdk.Limits(),
                },
            ),
        ),
        budgets=(sdk.Budget(limit=30, per=timedelta(seconds=1), match="POST /*/send*"),),
        account_settings=AccountSettings,
        quality={
            "no-secret-in-urls": "exempt: the Bot API takes the token in the path of each call and nowhere else; the "
            "connector hides it in the lines of the HTTP client",
        },
    )

    @property
    def _settings(self) -> AccountSettings:
        settings = self.account.settings
        return settings if isinstance(settings, AccountSettings) else AccountSettings()

    def auth(self, grant: sdk.Grant) -> httpx.Auth:
        """Carry the bot's token in the path."""
        return BotToken(grant.access)

    def fault(self, answer: httpx.Response) -> sdk.ConnectorError | None:
        """Classify an answer by the Bot API's error code."""
        return faults.fault(answer)

    async def check(self) -> sdk.AccountInfo:
        """Name the bot that the token belongs to."""
        me = read(Me, await api.read(self.http, "getMe"), "getMe")
        data = {"username": me.username, "reads_groups": me.can_read_all_group_messages}
        return sdk.AccountInfo(external_id=str(me.id), name=me.first_name or me.username or str(me.id), data=data)

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Judge a hook by its secret token."""
        return webhook.judge(hook, keys)

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Translate the update that a hook is."""
        return webhook.events(hook)

    def streams(self) -> Sequence[sdk.Stream]:
        """Say that updates can be polled, as long as no webhook is set."""
        return [sdk.Stream(name=STREAM, live=True, without_hooks=True, history=False)]

    def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield updates as they come; Telegram keeps those that nobody took for 24 hours."""
        settings = self._settings
        wait = timedelta(seconds=settings.poll_s)
        return polling.updates(self, cursor, since, kinds=settings.update_kinds, wait=wait)

    async def subscribe(self, callback: str, secret: SecretStr, current: sdk.Subscription | None) -> sdk.Subscription:
        """Set the webhook, anew each time: Telegram does not tell whether the secret is still ours.

        Raises:
            Rejected: The secret has characters that Telegram does not take, or it refuses the URL.
        """
        if not _SECRET.fullmatch(secret.get_secret_value()):
            raise sdk.Rejected("the webhook's secret may have letters, digits, _ and - only, 256 at most; make another")
        settings = self._settings
        asked = {
            "url": callback,
            "secret_token": secret.get_secret_value(),
            "allowed_updates": list(settings.update_kinds),
            "max_connections": settings.max_connections,
        }
        await api.call(self.http, "setWebhook", asked)
        info = read(WebhookInfo, await api.read(self.http, "getWebhookInfo"), "getWebhookInfo")
        if info.url != callback:
            raise sdk.RetryLater("another program has just set the bot's webhook to another address; end it")
        data = {"pending": info.pending_update_count, "last_error": info.last_error_message}
        return sdk.Subscription(external_id=self.account.external_id, data=data)

    async def unsubscribe(self, current: sdk.Subscription) -> None:
        """Delete the webhook; what waits is kept for the long polling that may follow."""
        await api.call(self.http, "deleteWebhook", {"drop_pending_updates": False})

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Send a text, a file or an album; ``options`` are those of ``sending.OPTIONS``.

        A group that became a supergroup is written to under its new number: the first call was refused, so this is
        no repetition.

        Raises:
            OutcomeUnknown: Telegram's answer does not say what was made.
        """
        place = sending.place_for(message)
        try:
            return await self._sent(message, place)
        except faults.Moved as moved:
            return await self._sent(message, place.moved(moved.chat))

    async def _sent(self, message: sdk.OutboundMessage, place: Place) -> sdk.Receipt:
        call = sending.composed(message, place, self.media)
        try:
            if call.uploads:
                answer = await self.http.post(
                    f"/{call.method}",
                    content=body(call.form, call.uploads, message.client_ref),
                    headers={"Content-Type": content_type(message.client_ref)},
                )
                made = api.result(answer, call.method)
            else:
                made = await api.call(self.http, call.method, call.fields)
            return _receipt(made, place)
        except sdk.Malformed as error:
            raise sdk.OutcomeUnknown(f"whether the message was sent is not known: {error}") from error

    async def moderate(self, action: sdk.Action) -> None:
        """Edit, delete or like a message."""
        await moderating.moderate(self.http, action)

    async def download(self, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        """Yield a file's bytes; its path, which lives for an hour, is asked for each time.

        Raises:
            Rejected: Telegram no longer has the file, or it is larger than bots may read.
        """
        if not attachment.external_id:
            raise sdk.Rejected("the attachment names no file of Telegram", reason=sdk.Reason.GONE)
        if (attachment.size_bytes or 0) > MAX_DOWNLOAD:
            raise sdk.Rejected(f"the file has {attachment.size_bytes} bytes, bots may read {MAX_DOWNLOAD}")
        file = read(File, await api.read(self.http, "getFile", file_id=attachment.external_id), "getFile")
        if not file.file_path:
            raise sdk.Rejected("Telegram gives no path for the file", reason=sdk.Reason.GONE)
        async with self.http.stream("GET", f"{FILE}{quote(file.file_path)}") as answer:
            async for piece in answer.aiter_bytes():
                yield piece

    @classmethod
    def sandbox(cls) -> sdk.ASGIApp:
        """Return a bot that lives in memory; needs ``chorally-telegram[sandbox]``."""
        from chorally_telegram.sandbox import Sandbox  # heavy, and of no use in production

        return Sandbox()


def _receipt(made: Any, place: Place) -> sdk.Receipt:
    """Say what was made; of an album all ids, the first of which is the message's."""
    listed = made if isinstance(made, list) else [made]
    if not listed:
        raise sdk.Malformed("nothing was made")
    ids = [
        Place(place.chat, read(Reference, each, "the message that was sent").message_id, place.connection)
        for each in listed
    ]
    chat = read(Reference, listed[0], "the message that was sent").chat
    first = ids[0] if chat is None else Place(chat.id, ids[0].message, place.connection)
    where = Place(first.chat, None, place.connection, place.thread, place.topic)
    data = (
        {"ids": [Place(first.chat, each.message, place.connection).external_id for each in ids]} if len(ids) > 1 else {}
    )
    return sdk.Receipt(external_id=first.external_id, conversation_id=where.conversation_id, data=data)
