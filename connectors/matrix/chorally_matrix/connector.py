"""The connector for rooms of Matrix (client-server API, Matrix 1.16, read 2026-11-23)."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import httpx

import chorally_sdk as sdk
from chorally_matrix import (
    faults,
    fetching,
    files,
    ids,
    looking,
    moderating,
    place,
    searching,
    sending,
    session,
    syncing,
    webhook,
)
from chorally_matrix.config import AccountSettings, AppSettings
from chorally_matrix.shapes import Owner, Sent, read
from chorally_matrix.speaking import As
from chorally_matrix.translate import MESSAGE, ROOMS, SYNC

REMEMBERED = timedelta(minutes=30)
"""How long a homeserver certainly knows a transaction id. The specification names no time; Synapse 1.163 keeps those of
application services in memory for 30 to 60 minutes, those of sessions for a day."""

SETTLES = timedelta(minutes=1)
"""How long after an attempt a message may be missing from what was said. An estimate."""

_SAY = sdk.Limits(
    max_text=sending.MAX_TEXT,
    unit="bytes",
    media={"*/*": files.MAX_FILE},
    max_media=1,
    parts=10,
    options=sending.OPTIONS,
    dedupe="native_key",
    dedupe_for=REMEMBERED,
    settles=SETTLES,
)


class Matrix(
    sdk.Connector, sdk.Renews, sdk.Pulls, sdk.Receives, sdk.Fetches, sdk.Downloads, sdk.Prepares, sdk.Replies,
    sdk.Finds, sdk.Moderates, sdk.Sandboxes,
):  # fmt: skip
    """One user of a homeserver: reads its rooms by sync, or is told as an application service, and answers there."""

    manifest = sdk.Manifest(
        platform="matrix",
        title="Matrix",
        hosts=("*",),
        hooks=sdk.Hooks(scope="account"),
        channels=(
            sdk.Channel(
                name=MESSAGE,
                id_scope="platform",
                actions={
                    "reply": _SAY,
                    "send": _SAY,
                    "edit": sdk.Limits(max_text=sending.MAX_TEXT // 2, unit="bytes"),
                    **dict.fromkeys(("delete", "like", "read"), sdk.Limits()),
                },
            ),
        ),
        app_settings=AppSettings,
        account_settings=AccountSettings,
        quality={
            "real-server": "done",
            "target-gone": "exempt: people may answer what was redacted; the homeserver takes it",
        },
    )

    def auth(self, grant: sdk.Grant) -> httpx.Auth:
        """Carry the token in the header; an application service says besides as which user it speaks."""
        settings = self._settings
        return As(grant.access, settings.user_id if settings.is_application_service else "")

    @property
    def _settings(self) -> AccountSettings:
        settings = self._account.settings if self._account is not None else None
        return settings if isinstance(settings, AccountSettings) else AccountSettings()

    async def _base(self) -> str:
        data = self._account.data if self._account is not None else {}
        return await place.found(self.http, place.named(self.app.settings, self._account), data)

    async def _place(self) -> syncing.Place:
        us, settings = self.account.external_id, self._settings
        return syncing.Place(self.http, await self._base(), us, settings.accept_invites)

    async def renew(self, grant: sdk.Grant | None) -> sdk.Grant:
        """Renew the session, or begin one by the app's user and password.

        Raises:
            Reauthorize: The session is over, and there is no password.
            Rejected: The password is not accepted.
        """
        base = await self._base() or (grant.base_url if grant else "")
        return await session.renewed(self.http, base, self.app.settings, grant, self.now())

    async def check(self) -> sdk.AccountInfo:
        """Name the user that the token belongs to.

        Raises:
            Rejected: The settings name another user.
        """
        base = await self._base()
        answer = await self.http.get(f"{base}{ids.CLIENT}/account/whoami")
        us = read(Owner, answer.content, "the answer to whoami").user_id
        wanted = self._settings.user_id
        if wanted and wanted != us:
            raise sdk.Rejected(
                f"the token belongs to {us}, the settings say {wanted}; paste a token of that user",
                reason=sdk.Reason.PERMISSION,
            )
        named = place.named(self.app.settings, self._account)
        data = {"server": named, "base_url": base} if named and "://" not in named else {}
        return sdk.AccountInfo(external_id=us, name=us, data=data)

    def streams(self) -> Sequence[sdk.Stream]:
        """The sync, kept open; an application service, which may not sync, looks at its rooms now and then."""
        if self._settings.is_application_service:
            return [sdk.Stream(name=ROOMS, every=timedelta(hours=1))]
        return [sdk.Stream(name=SYNC, live=True)]

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield what is said in the user's rooms: all of it, however much was said meanwhile.

        Raises:
            RetryLater: The homeserver cannot be reached; go on from the last cursor.
        """
        where = await self._place()
        pages = looking.walk(where, cursor, since) if stream == ROOMS else syncing.walk(where, cursor, since)
        async for page in pages:
            yield page

    def verify(self, hook: sdk.RawHook, keys: sdk.Keys) -> sdk.Verdict:
        """Judge a homeserver's request by the token of the registration."""
        return webhook.judge(hook, keys)

    def parse(self, hook: sdk.RawHook) -> Sequence[sdk.Event]:
        """Translate a transaction, every event of it."""
        return webhook.events(hook)

    async def fetch(self, ping: sdk.Ping) -> Sequence[sdk.Event]:
        """Read a message as its latest edit left it; accept an invitation.

        Raises:
            Rejected: With ``GONE``: it was redacted, or may no longer be seen.
        """
        where = await self._place()
        room, event = ids.room_and_event(ping.external_id or "")
        if event == ids.JOIN:
            if where.accepts_invites:
                await syncing.join(where, room)
            return []
        return await fetching.message(where, room, event)

    async def prepare(self, outgoing: sdk.Outgoing) -> sdk.Prepared:
        """Upload the file of a message, where it has one."""
        if not outgoing.attachments or outgoing.prepared:
            return sdk.Prepared(state=outgoing.prepared)
        file = outgoing.attachments[0]
        return await files.upload(self.http, await self._base(), file, self.media(file))

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Say something in a room, under a transaction id of ours: the same call again makes no second one.

        ``options``: ``html``, ``notice``, ``mentions`` (see ``sending.OPTIONS``).

        Raises:
            Rejected: It cannot be said so; nothing was.
            OutcomeUnknown: The homeserver's answer does not say whether it was said.
        """
        room, content = sending.room_of(message), sending.content_of(message)
        url = await self._base() + ids.path("rooms", room, "send", "m.room.message", message.client_ref)
        answer = await self.http.put(url, json=content)
        try:
            made = read(Sent, answer.content, "the answer to a message")
        except sdk.Malformed as error:
            raise sdk.OutcomeUnknown(f"whether the message was taken is not known: {error}") from error
        event = ids.external_id(room, made.event_id)
        return sdk.Receipt(external_id=event, conversation_id=room, url=ids.link(room, made.event_id))

    async def find(self, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
        """Look for our reference among what was said in the room since shortly before the attempt.

        Raises:
            OutcomeUnknown: The message names no room.
        """
        return await searching.find(await self._place(), outgoing)

    async def moderate(self, action: sdk.Action) -> None:
        """Edit or redact a message, react to it, or say that it was read.

        Raises:
            Rejected: The homeserver refuses it, or there is no such action.
        """
        await moderating.moderate(self.http, await self._base(), action, self.now())

    async def download(self, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        """Yield a file's bytes.

        Raises:
            Rejected: There is no such file, or this user may not see it.
        """
        async for piece in files.download(self.http, await self._base(), attachment):
            yield piece

    def fault(self, answer: httpx.Response) -> sdk.ConnectorError | None:
        """Classify an answer by its error code."""
        return faults.fault(answer)

    @classmethod
    def sandbox(cls) -> sdk.ASGIApp:
        """Return a homeserver that lives in memory; needs ``chorally-matrix[sandbox]``."""
        from chorally_matrix.sandbox import Homeserver  # heavy, and of no use in production

        return Homeserver()
