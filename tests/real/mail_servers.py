"""The mail servers as tests see them: mailboxes, a folder filled from the side, mails."""

import asyncio
import base64
import hashlib
import hmac
import imaplib
import json
import os
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import httpx
import pytest
from chorally_mail.config import MailSettings
from chorally_mail.connector import Mail
from chorally_mail.translate import CHANNEL
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_sdk.testing import connect, pulled

PATIENCE_S = 30.0  # seconds that a delivery may take


@dataclass(frozen=True)
class Server:
    """A pair of servers with a mailbox of ours and one of a customer."""

    ours: tuple[str, str]
    theirs: tuple[str, str]
    settings: Mapping[str, Any]
    imap_port: int
    jwt_secret: str = ""
    untrusted_port: int = 0
    """Where the server speaks TLS under a certificate that nobody vouches for."""

    def mailbox(self, who: tuple[str, str], grant: sdk.Grant | None = None, **changes: Any) -> Mail:
        """Connect a mailbox."""
        fields = {**self.settings, "address": who[0], "password": SecretStr(who[1])} | changes
        return connect(Mail, settings=MailSettings(**fields), grant=grant, now=lambda: datetime.now(UTC))

    @property
    def us(self) -> Mail:
        """Our mailbox."""
        return self.mailbox(self.ours)

    @property
    def customer(self) -> Mail:
        """The customer's mailbox."""
        return self.mailbox(self.theirs)


def _environment(*names: str) -> list[str]:
    missing = [name for name in names if name not in os.environ]
    if missing and os.environ.get("CI"):
        pytest.fail(f"CI must start the mail servers; {', '.join(missing)} not set")
    if missing:
        pytest.skip(f"no mail server: {', '.join(missing)} not set")
    return [os.environ[name] for name in names]


def greenmail() -> Server:
    """GreenMail, with a mailbox made for the customer."""
    names = ("HOST", "SMTP_PORT", "IMAP_PORT", "IMAPS_PORT", "REST", "USER", "PASSWORD")
    host, smtp, imap, imaps, rest, user, password = _environment(*(f"CHORALLY_MAIL_{name}" for name in names))
    customer = "customer@chorally.test"
    httpx.post(f"{rest}/api/user", json={"email": customer, "login": customer, "password": customer})
    settings = {"imap_host": host, "imap_port": int(imap), "smtp_host": host, "smtp_port": int(smtp)}
    clear = {"imap_tls": "none", "smtp_tls": "none"}
    return Server((user, password), (customer, customer), settings | clear, int(imap), untrusted_port=int(imaps))


def postfix_and_dovecot() -> Server:
    """Postfix and Dovecot, which sign in by token too."""
    names = ("SMTP_HOST", "SMTP_PORT", "IMAP_HOST", "IMAP_PORT", "ALICE", "ALICE_PASSWORD", "BOB", "BOB_PASSWORD")
    values = _environment(*(f"CHORALLY_MAILSERVER_{name}" for name in (*names, "JWT_SECRET", "CA_FILE")))
    smtp_host, smtp, imap_host, imap, alice, alice_password, bob, bob_password, secret, ca_file = values
    settings = {
        "imap_host": imap_host,
        "imap_port": int(imap),
        "imap_tls": "starttls",
        "smtp_host": smtp_host,
        "smtp_port": int(smtp),
        "smtp_tls": "starttls",
        "ca_file": ca_file,
    }
    return Server((alice, alice_password), (bob, bob_password), settings, int(imap), secret)


@dataclass(frozen=True)
class Folder:
    """A folder that a test fills by itself, by a client of the standard library."""

    server: Server
    name: str

    def create(self, *mails: bytes) -> None:
        """Make the folder, with some mails in it."""
        with self._client() as client:
            client.create(self.name)
        self.add(*mails)

    def add(self, *mails: bytes) -> None:
        """Put mails into the folder."""
        with self._client() as client:
            for mail in mails:
                client.append(self.name, "", imaplib.Time2Internaldate(time.time()), mail)

    def delete(self) -> None:
        """Remove the folder with what is in it."""
        with self._client() as client:
            client.delete(self.name)

    def recreate(self, *mails: bytes) -> None:
        """Make the folder anew until its numbering is another; GreenMail's is the second of its making."""
        before = self.uidvalidity()
        while self.uidvalidity() == before:
            self.delete()
            self.create()
        self.add(*mails)

    def uidvalidity(self) -> str:
        """Return the mark of the folder's numbering."""
        with self._client() as client:
            return str(client.status(self.name, "(UIDVALIDITY)"))

    def flags(self) -> str:
        """Return the flags of all mails."""
        with self._client() as client:
            client.select(self.name, readonly=True)
            return str(client.fetch("1:*", "(FLAGS)"))

    def _client(self) -> imaplib.IMAP4:
        client = imaplib.IMAP4("127.0.0.1", self.server.imap_port)
        client.login(*self.server.ours)
        return client


def a_mail(number: int, body: str = "") -> bytes:
    """A mail of a customer; with a picture where no body is asked for."""
    mail = EmailMessage()
    mail["From"] = "Ada Rossi <ada@example.org>"
    mail["To"] = "help@shop.example"
    mail["Subject"] = f"Order {number}"
    mail["Message-ID"] = f"<{number}.{uuid.uuid4().hex}@example.org>"
    mail["Date"] = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    mail.set_content(body or f"Where is order {number}? Perché?")
    if not body:
        mail.add_attachment(picture(number), maintype="image", subtype="png", filename="lamp.png")
    return mail.as_bytes().replace(b"\n", b"\r\n")


def picture(number: int) -> bytes:
    """Bytes that pass for a picture, more than one piece of a download."""
    return (b"\x89PNG\r\n\x1a\n" + bytes(range(256))) * 1200 + bytes([number])


def a_message(text: str, to: str = "", **changes: Any) -> sdk.OutboundMessage:
    """Something to send, under a reference of its own."""
    fields: dict[str, Any] = {"id": "1", "client_ref": uuid.uuid4().hex, "channel": CHANNEL, "body": text}
    return sdk.OutboundMessage(**(fields | {"to": to or None} | changes))


def messages(pages: list[sdk.Page]) -> list[sdk.Message]:
    """All messages of some pages."""
    return [event for page in pages for event in page.events if isinstance(event, sdk.Message)]


async def cursor_of(box: Mail, stream: str = "inbox") -> sdk.Cursor:
    """Where a stream ends now."""
    return (await pulled(box.pull(stream, None, None)))[-1].cursor


async def next_message(box: Mail, after: sdk.Cursor) -> sdk.Message:
    """Wait in the inbox for the next message after a cursor."""
    stream = box.pull("inbox", after, None)
    try:
        async with asyncio.timeout(PATIENCE_S):
            async for page in stream:
                if page.events:
                    return messages([page])[0]
    finally:
        await stream.aclose()  # type: ignore[attr-defined]
    raise AssertionError("the inbox ended")


def a_token(server: Server, valid_s: int) -> str:
    """A token for our mailbox, as the server's issuer would sign it."""

    def part(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    now = int(time.time())
    claims = {"email": server.ours[0], "sub": server.ours[0], "iat": now - 3600, "exp": now + valid_s}
    signed = part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()) + b"." + part(json.dumps(claims).encode())
    return (signed + b"." + part(hmac.digest(server.jwt_secret.encode(), signed, hashlib.sha256))).decode()
