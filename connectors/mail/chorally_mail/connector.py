"""The connector for mailboxes: IMAP in (catch up, then IDLE), SMTP out under Message-IDs of our own."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import datetime, timedelta

import chorally_sdk as sdk
from chorally_mail import attaching, consent, download, imap, mime, reading, smtp
from chorally_mail.attaching import MAX_FILE_BYTES, MAX_FILES
from chorally_mail.compose import Composed, addressed, compose
from chorally_mail.config import MailApp, MailSettings, SaveSent
from chorally_mail.identity import own_message_id
from chorally_mail.imap import Mailbox
from chorally_mail.translate import CHANNEL, Context

INBOX, SENT = "inbox", "sent"
SAVING_HOSTS = ("smtp.gmail.com", "smtp-relay.gmail.com", "smtp.office365.com", "smtp-mail.outlook.com")
"""Servers that keep what is sent through them in the sent folder by themselves (as of 2026-11, from memory)."""
_LIMITS = sdk.Limits(
    dedupe="lookup", settles=timedelta(minutes=5), media={"*/*": MAX_FILE_BYTES}, max_media=MAX_FILES,
    options={
        "subject": "The subject; that of the mail that is answered where left out.",
        "html": "The text as HTML, beside the plain one.",
        "cc": "Addresses of further recipients.",
        "reply_all": "Whether everybody is answered whom the mail went to.",
    },
)  # fmt: skip


class Mail(sdk.Connector, sdk.Authorizes, sdk.Revokes, sdk.Pulls, sdk.Replies, sdk.Finds, sdk.Downloads, sdk.Sandboxes):
    """One mailbox."""

    manifest = sdk.Manifest(
        platform="mail",
        version="0.1.0",
        title="E-mail",
        channels=(sdk.Channel(name=CHANNEL, id_scope="platform", actions={"reply": _LIMITS, "send": _LIMITS}),),
        hosts=("*",),
        app_settings=MailApp,
        account_settings=MailSettings,
        quality={
            "real-server": "done",
            "one-call": "exempt: it signs in to two servers, neither of which speaks HTTP",
            "streams-files": "exempt: a mail is handed over whole; its files are bounded before they are read",
            "parents": "exempt: a mail names what it answers by a Message-ID, which is not all that a mail is known by",
            "target-gone": "exempt: a mail can be answered when the mailbox no longer has it",
        },
    )

    @property
    def _settings(self) -> MailSettings:
        settings = self.account.settings
        if not isinstance(settings, MailSettings):
            raise sdk.Rejected("the mailbox has no settings yet; fill in its servers and address")
        return settings

    def _mailbox(self) -> AbstractAsyncContextManager[Mailbox]:
        return imap.signed_in(self._settings, self.token, self.dial)

    async def authorize(self, state: str, challenge: str, redirect_uri: str, hint: str) -> sdk.Consent:
        """Give the provider's page of consent; ``hint`` may be the mailbox's address.

        Raises:
            Rejected: There is no app for consents, or it does not say where its provider is.
        """
        return consent.page(self, state, challenge, redirect_uri, hint)

    async def exchange(self, callback: sdk.Callback) -> sdk.Grant:
        """Turn the code into the grant of the person's mailbox."""
        return await consent.client(self).exchange(callback)

    async def renew(self, grant: sdk.Grant | None) -> sdk.Grant:
        """Renew a grant; a mailbox with a password has none."""
        return await consent.renewed(self, grant)

    async def revoke(self, grant: sdk.Grant) -> None:
        """Give a grant back, where the provider takes it.

        Raises:
            Unsupported: It does not; the person ends the consent there.
        """
        await consent.client(self).revoke(grant)

    async def check(self) -> sdk.AccountInfo:
        """Sign in to both servers, open the inbox, and name the mailbox.

        Raises:
            Reauthorize: A server does not accept the password or the token.
            RetryLater: A server cannot be reached.
            Rejected: The settings do not fit the servers.
        """
        settings = self._settings
        async with self._mailbox() as box:
            try:
                await box.open(settings.inbox)
            except sdk.RetryLater as error:
                raise sdk.Rejected(str(error)) from error
        async with smtp.signed_in(settings, self.token, self.dial):
            pass
        address = mime.one_form(settings.address)
        return sdk.AccountInfo(external_id=address, name=settings.name or mime.shown(address))

    def streams(self) -> Sequence[sdk.Stream]:
        """The inbox, kept open, and the sent folder, looked at now and then."""
        return [sdk.Stream(name=INBOX, live=True), sdk.Stream(name=SENT, every=timedelta(minutes=5))]

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield what came into the folder after ``cursor``, of arrivals not before ``since``.

        The page that ends a catching up is ``done``. The sent folder ends there; the inbox waits for more, and
        yields a page whenever there is some. Where the folder's UIDs have changed their meaning (UIDVALIDITY), it
        is walked anew; what is known comes again under the same ``external_id``.

        Raises:
            RetryLater: The connection is lost; go on from the last cursor.
        """
        settings = self._settings
        async with self._mailbox() as box:
            name = settings.inbox if stream == INBOX else await box.sent_folder(settings.sent)
            if name is None:
                yield sdk.Page(events=(), cursor=cursor or {}, done=True)
                return
            folder = await box.open(name)
            uid = reading.resume(cursor, folder)
            context = Context(address=settings.address, sent=stream != INBOX, arrived=self.now())
            first = True
            while first or stream == INBOX:
                pages = reading.catch_up(box, folder, uid, since, context, settings.max_mail_bytes)
                async with aclosing(pages):
                    async for page in pages:
                        news = int(page.cursor["uid"]) > uid
                        uid = int(page.cursor["uid"])
                        if first or news:
                            yield page
                first = False
                if stream == INBOX:
                    await box.wait(settings.idle_renewal, settings.poll_every)

    def addressed(self, to: str) -> str:
        """Return a mail address in its one form, by which senders are known."""
        return addressed(to)

    async def push(self, message: sdk.OutboundMessage) -> sdk.Receipt:
        """Send a mail, and keep a copy in the sent folder where the server does not.

        ``options``: ``subject``, ``html``, ``cc`` (addresses), ``reply_all``. Files are attached.

        Raises:
            Rejected: The mail cannot be sent; the reason says why.
            RetryLater: The mail was not sent.
            Reauthorize: The mail was not sent; the server does not accept the sign-in.
            OutcomeUnknown: The connection broke while the server took the mail.
        """
        settings = self._settings
        files = await attaching.read(message.attachments, self.media, settings.max_sent_bytes)
        mail = compose(message, settings, self.now(), files)
        await smtp.submit(mail, settings, self.token, self.dial)
        data = {"sent_copy": await self._save(mail, settings)}
        return self._receipt(message, mail.message_id, data)

    async def _save(self, mail: Composed, settings: MailSettings) -> str:
        """Put a copy into the sent folder and say what came of it; the mail is sent, so nothing here is an error."""
        saves_itself = settings.smtp_host.lower() in SAVING_HOSTS
        if settings.save_sent is SaveSent.NEVER or (settings.save_sent is SaveSent.AUTO and saves_itself):
            return "left to the server"
        always = settings.save_sent is SaveSent.ALWAYS
        try:
            async with self._mailbox() as box:
                folder = await box.sent_folder(settings.sent) or ("Sent" if always else None)
                if folder is None:
                    return "there is no sent folder"
                if not always:
                    await box.open(folder)
                    if await box.with_message_id(mail.message_id):
                        return "the server keeps it"
                await box.append(folder, mail.raw, create=always)
        except sdk.ConnectorError as error:
            return f"not saved: {error}"
        return "saved"

    async def find(self, outgoing: sdk.Outgoing) -> sdk.Receipt | None:
        """Look for our Message-ID in the sent folder.

        A mail that is there was sent, since copies are put there only after the server took the mail. That it is
        not there proves nothing: the process may have ended between sending and saving, and no server can be asked
        which Message-IDs it took. So absence is never claimed.

        Raises:
            OutcomeUnknown: It is not there.
        """
        settings = self._settings
        message_id = own_message_id(outgoing.client_ref, settings.address)
        async with self._mailbox() as box:
            folder = await box.sent_folder(settings.sent)
            if folder is None:
                raise sdk.OutcomeUnknown("there is no sent folder to look into; ask the person, or look at the mailbox")
            await box.open(folder)
            if await box.with_message_id(message_id):
                return self._receipt(outgoing, message_id, {})
        raise sdk.OutcomeUnknown(
            f"the mail is not in the folder {folder!r}, but it may have been sent without a copy being saved"
        )

    def _receipt(self, outgoing: sdk.Outgoing, message_id: str, data: sdk.Json) -> sdk.Receipt:
        conversation = outgoing.conversation_id if isinstance(outgoing, sdk.OutboundMessage) else None
        return sdk.Receipt(external_id=message_id, conversation_id=conversation or message_id, data=data)

    async def download(self, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        """Yield a file's bytes; the mail is looked for in the inbox, then in the sent folder.

        Raises:
            Rejected: Neither has the mail, or it has no such file.
        """
        settings = self._settings
        part, _, external_id = (attachment.external_id or "").partition("/")
        async with self._mailbox() as box:
            sent = await box.sent_folder(settings.sent)
            folders = [settings.inbox, *([sent] if sent else [])]
            if "#" not in external_id:
                folders.reverse()  # a mail of ours; whoever got it may have sent its Message-ID back to us
            uid = await download.find(box, external_id, folders)
            if uid is None:
                raise sdk.Rejected("the mail is no longer in the mailbox", reason=sdk.Reason.GONE)
            pieces = download.read(box, uid, part)
            async with aclosing(pieces):
                async for piece in pieces:
                    yield piece

    @classmethod
    def sandbox(cls) -> sdk.ASGIApp:
        """Return a mailbox on servers in miniature; needs ``chorally-mail[sandbox]``."""
        from chorally_mail.testing.levers import Served  # heavy, and of no use in production

        return Served()
