"""The mail connector against real servers: GreenMail, and Postfix with Dovecot. One body, both servers."""

import asyncio
import base64
import hashlib
import hmac
import imaplib
import json
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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

pytestmark = pytest.mark.real

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


def _greenmail() -> Server:
    names = ("HOST", "SMTP_PORT", "IMAP_PORT", "IMAPS_PORT", "REST", "USER", "PASSWORD")
    host, smtp, imap, imaps, rest, user, password = _environment(*(f"CHORALLY_MAIL_{name}" for name in names))
    customer = "customer@chorally.test"
    httpx.post(f"{rest}/api/user", json={"email": customer, "login": customer, "password": customer})
    settings = {"imap_host": host, "imap_port": int(imap), "smtp_host": host, "smtp_port": int(smtp)}
    clear = {"imap_tls": "none", "smtp_tls": "none"}
    return Server((user, password), (customer, customer), settings | clear, int(imap), untrusted_port=int(imaps))


def _postfix_and_dovecot() -> Server:
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


@pytest.fixture(params=[_greenmail, _postfix_and_dovecot], ids=["greenmail", "mailserver"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each of the servers in turn."""
    make: Callable[[], Server] = request.param
    return make()


@pytest.fixture
def folder(server: Server) -> Iterator["Folder"]:
    """A folder of our mailbox, new for each test."""
    made = Folder(server, f"Test-{uuid.uuid4().hex[:8]}")
    made.create()
    yield made
    made.delete()


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


async def test_a_mailbox_is_named_when_it_is_checked(server: Server) -> None:
    """Both servers let us in, encrypted where the settings say so."""
    assert (await server.us.check()).external_id == server.ours[0]


async def test_a_wrong_password_asks_a_person_and_is_not_told(server: Server) -> None:
    """By either server."""
    wrong = server.mailbox((server.ours[0], "wr0ng-password"))
    with pytest.raises(sdk.Reauthorize) as caught:
        await wrong.check()
    with pytest.raises(sdk.Reauthorize) as refused:
        await wrong.push(a_message("Hi", to=server.theirs[0]))

    assert "wr0ng" not in f"{caught.value} {refused.value}"


async def test_a_folder_is_caught_up_with_in_pages_and_left_as_it_was(server: Server, folder: Folder) -> None:
    """All mails, in order, resumed after any page; nothing is marked as seen."""
    folder.add(*(a_mail(number, "short") for number in range(60)))
    box = server.mailbox(server.ours, inbox=folder.name)

    pages = await pulled(box.pull("inbox", None, None))

    assert [len(page.events) for page in pages] == [50, 10]
    assert [m.extra["subject"] for m in messages(pages)] == [f"Order {number}" for number in range(60)]
    assert messages(await pulled(box.pull("inbox", pages[0].cursor, None))) == messages(pages[1:])
    assert messages(await pulled(box.pull("inbox", pages[1].cursor, None))) == []
    assert "Seen" not in folder.flags()


async def test_only_arrivals_since_a_time_are_read(server: Server, folder: Folder) -> None:
    """What lay there before is passed over."""
    folder.add(a_mail(1))
    box = server.mailbox(server.ours, inbox=folder.name)

    assert messages(await pulled(box.pull("inbox", None, datetime.now(UTC) + timedelta(hours=1)))) == []
    assert len(messages(await pulled(box.pull("inbox", None, datetime.now(UTC) - timedelta(hours=1))))) == 1


async def test_an_arrival_is_told_while_the_inbox_waits(server: Server) -> None:
    """By IDLE, well before any renewal."""
    box = server.mailbox(server.ours, poll_every=timedelta(hours=1))
    coming = asyncio.ensure_future(next_message(box, await cursor_of(box)))

    await server.customer.push(a_message("Are you there?", to=server.ours[0], options={"subject": "Hello ünï"}))

    message = await coming
    assert (message.body, message.extra["subject"]) == ("Are you there?", "Hello ünï")
    assert message.author is not None
    assert message.author.external_id == server.theirs[0]


async def test_a_conversation_stays_one_in_both_mailboxes(server: Server) -> None:
    """Their question, our answer, their answer to it: one thread, and the answer names what it answers."""
    ours, theirs = await cursor_of(server.us), await cursor_of(server.customer)
    await server.customer.push(a_message("Is it blue?", to=server.ours[0], options={"subject": "Lamp"}))
    question = await next_message(server.us, ours)

    answer = a_message("No.", route=question.route, in_reply_to=question.external_id, options={"html": "<p>No.</p>"})
    receipt = await server.us.push(answer.model_copy(update={"conversation_id": question.conversation_id}))
    seen = await next_message(server.customer, theirs)

    assert (seen.conversation_id, seen.extra["subject"], seen.body) == (question.conversation_id, "Re: Lamp", "No.")
    assert receipt.conversation_id == question.conversation_id
    ours = await cursor_of(server.us)
    await server.customer.push(a_message("Then red.", route=seen.route))
    back = await next_message(server.us, ours)
    assert (back.conversation_id, back.parent_id) == (question.conversation_id, receipt.external_id)


async def test_new_uids_bring_the_same_messages_again(server: Server, folder: Folder) -> None:
    """A folder deleted and made anew is walked from its beginning, under the same external ids."""
    mails = [a_mail(number) for number in range(3)]
    folder.add(*mails)
    box = server.mailbox(server.ours, inbox=folder.name)
    before = await pulled(box.pull("inbox", None, None))
    folder.recreate(*mails)

    after = await pulled(box.pull("inbox", before[-1].cursor, None))

    assert after[-1].cursor["uidvalidity"] != before[-1].cursor["uidvalidity"]
    assert [m.external_id for m in messages(after)] == [m.external_id for m in messages(before)]
    assert [m.attachments for m in messages(after)] == [m.attachments for m in messages(before)]


async def test_files_are_downloaded_in_pieces_also_after_a_renumbering(server: Server, folder: Folder) -> None:
    """Byte for byte."""
    mails = [a_mail(number) for number in range(2)]
    folder.add(*mails)
    box = server.mailbox(server.ours, inbox=folder.name)
    found = messages(await pulled(box.pull("inbox", None, None)))
    folder.recreate(*reversed(mails))

    for number, message in enumerate(found):
        (file,) = message.attachments
        pieces = [piece async for piece in box.download(file)]
        assert len(pieces) > 1
        assert b"".join(pieces) == picture(number)
        assert (file.name, file.media_type, file.size_bytes) == ("lamp.png", "image/png", len(picture(number)))


async def test_of_a_large_mail_the_beginning_is_read(server: Server, folder: Folder) -> None:
    """Under the identity it would have as a whole."""
    folder.add(a_mail(1, "The news first.\n" + "filler and filler\n" * 60_000))
    box = server.mailbox(server.ours, inbox=folder.name, max_mail_bytes=1000)
    (short,) = messages(await pulled(box.pull("inbox", None, None)))
    (whole,) = messages(await pulled(server.mailbox(server.ours, inbox=folder.name).pull("inbox", None, None)))

    assert short.body.startswith("The news first.")
    assert "beginning" in short.extra["note"]
    assert short.external_id == whole.external_id


async def test_what_we_sent_is_found_and_read_as_ours(server: Server, folder: Folder) -> None:
    """In the folder where the copy was put, under the identity of the receipt."""
    box = server.mailbox(server.ours, sent=folder.name)
    message = a_message("We send you a new one. Perché no?", to=server.theirs[0])

    receipt = await box.push(message)

    assert receipt.data == {"sent_copy": "saved"}
    found = await box.find(message)
    assert found is not None
    assert found.external_id == receipt.external_id
    (copy,) = messages(await pulled(box.pull("sent", None, None)))
    assert (copy.external_id, copy.client_ref, copy.ours) == (receipt.external_id, message.client_ref, True)
    with pytest.raises(sdk.OutcomeUnknown):
        await box.find(a_message("never sent"))


async def test_a_recipient_that_is_not_there_is_refused(server: Server) -> None:
    """Where the server knows so while it is told; the reason is for the agent."""
    if not server.jwt_secret:
        pytest.skip("GreenMail takes mail for anybody")
    with pytest.raises(sdk.Rejected) as caught:
        await server.us.push(a_message("Hi", to="nobody@chorally.test"))
    assert caught.value.reason is sdk.Reason.GONE
    with pytest.raises(sdk.Rejected):
        await server.us.push(a_message("Hi", to="ada@elsewhere.example"))


async def test_a_token_signs_in_and_a_stale_one_does_not(server: Server) -> None:
    """XOAUTH2 to both servers; an expired token asks for a renewal."""
    if not server.jwt_secret:
        pytest.skip("GreenMail checks no tokens")
    fresh = sdk.Grant(access=SecretStr(a_token(server, valid_s=600)))
    stale = sdk.Grant(access=SecretStr(a_token(server, valid_s=-600)))

    assert (await server.mailbox(server.ours, grant=fresh, password=None).check()).external_id == server.ours[0]
    with pytest.raises(sdk.Reauthorize):
        await server.mailbox(server.ours, grant=stale, password=None).check()
    with pytest.raises(sdk.Reauthorize):
        await server.mailbox(server.ours, grant=stale, password=None).push(a_message("Hi", to=server.theirs[0]))


async def test_an_untrusted_certificate_is_not_trusted(server: Server) -> None:
    """The password is not shown to a server that nobody vouches for."""
    changes: dict[str, Any] = {"ca_file": None}
    if server.untrusted_port:
        changes |= {"imap_tls": "implicit", "imap_port": server.untrusted_port}
    with pytest.raises(sdk.RetryLater):
        await server.mailbox(server.ours, **changes).check()


async def test_a_connection_lost_in_the_middle_of_a_folder_loses_nothing(server: Server, folder: Folder) -> None:
    """The pull ends with RetryLater; going on from the last page brings the rest, once."""
    folder.add(*(a_mail(number, "x" * 2000) for number in range(60)))
    box = server.mailbox(server.ours, inbox=folder.name)
    async with a_faulty_line(server.imap_port) as line:
        behind = server.mailbox(
            server.ours, inbox=folder.name, imap_tls="none", imap_port=line.port, imap_host="127.0.0.1"
        )
        kept: list[sdk.Page] = []

        async def cut_after(page: sdk.Page) -> None:
            kept.append(page)
            line.cut()

        with pytest.raises(sdk.RetryLater):
            await pulled(behind.pull("inbox", None, None), stored=cut_after)

    assert len(kept) == 1
    kept += await pulled(box.pull("inbox", kept[-1].cursor, None))
    assert [m.extra["subject"] for m in messages(kept)] == [f"Order {number}" for number in range(60)]


async def test_a_connection_lost_while_waiting_is_noticed(server: Server) -> None:
    """At once, by RetryLater, so that the host opens it again."""
    async with a_faulty_line(server.imap_port) as line:
        stream = server.mailbox(server.ours, imap_tls="none", imap_port=line.port).pull("inbox", None, None)
        while not (await anext(stream)).done:
            pass
        waiting = asyncio.ensure_future(anext(stream))
        await line.quiet()
        line.cut()

        with pytest.raises(sdk.RetryLater):
            await asyncio.wait_for(waiting, PATIENCE_S)


async def test_a_mail_whose_answer_got_lost_is_in_doubt_and_not_sent_twice(server: Server) -> None:
    """The server has the mail, we do not know; nothing claims that it was not sent."""
    theirs = await cursor_of(server.customer)
    message = a_message("Did this go out?", to=server.theirs[0], options={"subject": uuid.uuid4().hex})
    async with a_faulty_line(server.us.account.settings.smtp_port, cut_at=b"\r\n.\r\n") as line:
        behind = server.mailbox(server.ours, smtp_tls="none", smtp_port=line.port, save_sent="never")
        with pytest.raises(sdk.OutcomeUnknown):
            await behind.push(message)

    arrived = await next_message(server.customer, theirs)
    assert arrived.extra["subject"] == message.options["subject"]
    with pytest.raises(sdk.OutcomeUnknown):
        await server.us.find(message)


def a_token(server: Server, valid_s: int) -> str:
    """A token for our mailbox, as the server's issuer would sign it."""

    def part(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    now = int(time.time())
    claims = {"email": server.ours[0], "sub": server.ours[0], "iat": now - 3600, "exp": now + valid_s}
    signed = part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode()) + b"." + part(json.dumps(claims).encode())
    return (signed + b"." + part(hmac.digest(server.jwt_secret.encode(), signed, hashlib.sha256))).decode()


class Line:
    """A line between a connector and its server that can be cut."""

    def __init__(self, to_port: int, cut_at: bytes) -> None:
        self._to_port = to_port
        self._cut_at = cut_at
        self._writers: list[asyncio.StreamWriter] = []
        self._moved = asyncio.Event()
        self.port = 0

    def cut(self) -> None:
        """Close all connections on the line."""
        for writer in self._writers:
            writer.transport.abort()

    async def quiet(self) -> None:
        """Return when nothing has moved for a while: the client waits."""
        while True:
            self._moved.clear()
            try:
                async with asyncio.timeout(0.3):
                    await self._moved.wait()
            except TimeoutError:
                return

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes both ways; what the server says after ``cut_at`` was sent does not come through."""
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
        self._writers += [writer, far_writer]
        deaf = asyncio.Event()

        async def there() -> None:
            tail = b""
            while data := await reader.read(65536):
                self._moved.set()
                tail = (tail + data)[-65536:]
                if self._cut_at and self._cut_at in tail:
                    deaf.set()
                far_writer.write(data)
                await far_writer.drain()

        async def back() -> None:
            while data := await far_reader.read(65536):
                self._moved.set()
                if deaf.is_set():
                    self.cut()
                    return
                writer.write(data)
                await writer.drain()

        with suppress(OSError):
            await _first_done(there(), back())
        self.cut()


async def _first_done(*coroutines: Awaitable[None]) -> None:
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def a_faulty_line(to_port: int, cut_at: bytes = b"") -> AsyncIterator[Line]:
    """A line to a server on this machine."""
    line = Line(to_port, cut_at)
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    line.port = int(server.sockets[0].getsockname()[1])
    try:
        yield line
    finally:
        line.cut()
        server.close()
