"""A mailbox on the two servers in miniature, as the conformance kit takes hold of it."""

from collections.abc import Sequence
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Self

from chorally_mail import identity, reading
from chorally_mail.testing import a_mailbox
from chorally_mail.testing.imap import FakeImap
from chorally_mail.testing.smtp import FakeSmtp
from chorally_sdk.sandbox.levers import Connection, Levers, Made

_SMTP = {
    "timeout_before_effect": (".", "hang up"),
    "connection_reset": (".", "hang up"),
    "connection_refused": ("CONNECT", "hang up"),
    "expired_token": ("AUTH", "535 5.7.8 no"),
    "invalid": (".", "554 5.6.0 the content is not acceptable"),
}
_IMAP = {"expired_token": "NO [AUTHENTICATIONFAILED] no", "error_500_before": "NO [UNAVAILABLE] come back later"}


class Mailbox(Levers):
    """A mailbox, its people, and its two servers, on loopback."""

    kinds = frozenset((*(f"{kind}/write" for kind in _SMTP), *(f"{kind}/read" for kind in _IMAP)))

    def __init__(self) -> None:
        super().__init__()
        self.imap, self.smtp = FakeImap(), FakeSmtp()
        self._said = 0
        self._at_once = reading.PAGE

    async def __aenter__(self) -> Self:
        await self.imap.__aenter__()
        await self.smtp.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the servers."""
        reading.PAGE = self._at_once
        await self.smtp.__aexit__()
        await self.imap.__aexit__()

    def connection(self) -> Connection:
        """Say how the mailbox is connected."""
        settings = a_mailbox(self.imap, self.smtp).account.settings
        return Connection(settings.address, settings.name, settings=settings)

    async def say(
        self, body: str, *, author: str | None = "ada", parent: str | None = None, at: datetime | None = None
    ) -> str:
        """Let a person send a mail, in answer to another where one is named."""
        return self._arrived(self._mail(body, author, parent, at))

    async def attach(self, body: str, content: bytes) -> str:
        """Let a person send a mail with a file."""
        mail = self._mail(body, "ada", None, None)
        mail.add_attachment(content, maintype="application", subtype="octet-stream", filename="photo.bin")
        return self._arrived(mail)

    async def remove(self, external_id: str) -> None:
        """Let another client delete a mail."""
        for uid, (raw, _) in list(self.imap.inbox.mails.items()):
            if identity.external_id(message_from_bytes(raw)) == external_id:
                del self.imap.inbox.mails[uid]

    def made(self) -> Sequence[Made]:
        """Tell what the server took for people."""
        mails = [message_from_bytes(raw, policy=policy.default) for raw in self.smtp.sent]
        return [Made(mail["Message-ID"].strip("<>"), _text(mail)) for mail in mails]

    def seen_files(self) -> Sequence[bytes]:
        """Tell the contents of the files that the server took for people."""
        mails = [message_from_bytes(raw, policy=policy.default) for raw in self.smtp.sent]
        return [bytes(part.get_payload(decode=True) or b"") for mail in mails for part in mail.iter_attachments()]

    def page_size(self, size: int) -> None:
        """Let the folder be read so many mails at once."""
        reading.PAGE = size

    def forget_cursors(self) -> None:
        """Let the server number its mails anew (UIDVALIDITY)."""
        self.imap.inbox.renumbered(3)

    def inject(self, kind: str, on: str, *, times: int = 1, wait_s: int = 60) -> None:
        """Let a server answer otherwise, until it is cleared."""
        if on == "write":
            name, answer = _SMTP[kind]
            self.smtp.answers[name] = answer
        else:
            self.imap.secret, self.imap.refusal = "another-word", _IMAP[kind]

    def clear(self) -> None:
        """Let both servers answer as usual."""
        self.smtp.answers.clear()
        self.imap.secret = FakeImap().secret

    def revoke(self) -> None:
        """Let the password be another."""
        self.inject("expired_token", "read")
        self.inject("expired_token", "write")

    def _mail(self, body: str, author: str | None, parent: str | None, at: datetime | None) -> EmailMessage:
        self._said += 1
        mail = EmailMessage()
        if author:
            mail["From"] = f"{author.title()} <{author}@example.org>"
        mail["To"] = "help@shop.example"
        mail["Subject"] = "Order"
        mail["Message-ID"] = f"<{self._said}@example.org>"
        mail["Date"] = at or self.clock()
        if parent:
            mail["In-Reply-To"] = mail["References"] = f"<{parent.partition('#')[0]}>"
        mail.set_content(body, cte="base64")
        return mail

    def _arrived(self, mail: EmailMessage) -> str:
        raw = mail.as_bytes(policy=policy.SMTP)
        self.imap.deliver(raw, self.clock())
        return identity.external_id(message_from_bytes(raw))


def _text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    return str(part.get_content()).replace("\r\n", "\n").removesuffix("\n") if part else ""
