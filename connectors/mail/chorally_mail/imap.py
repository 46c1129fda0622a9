"""A mailbox read over IMAP: signing in, folders, searching, fetching, waiting for news."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from imapclient.imap_utf7 import decode as decode_utf7  # type: ignore[import-untyped]
from imapclient.imap_utf7 import encode as encode_utf7
from pydantic import SecretStr

import chorally_sdk as sdk
from chorally_mail import sasl, tls
from chorally_mail.answers import arrival, as_set, in_groups, items_of, number, parsed, string, text_of
from chorally_mail.config import MailSettings, Tls
from chorally_mail.wire import Chunks, Dial, Literal, Refused, Wire, astring

BEGINNING = 512 * 1024  # bytes read of a mail that is too large
SENT_NAMES = (
    *("sent", "sent items", "sent messages", "sent mail", "posta inviata", "inviata", "inviati"),
    *("gesendet", "gesendete elemente", "gesendete objekte", "envoyés", "éléments envoyés", "enviados"),
    *("elementos enviados", "verzonden", "verzonden items", "skickat", "wysłane", "отправленные", "送信済み"),
)
"""Names of sent folders on servers that do not mark theirs, in lower case."""
_TEMPORARY = ("UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "CONTACTADMIN")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Folder:
    """A folder as it is when opened."""

    uidvalidity: int
    uidnext: int
    """The UID of the next mail to come, 0 where the server does not say."""


@dataclass(frozen=True)
class Arrived:
    """A mail as the server holds it."""

    uid: int
    raw: bytes
    """All of it, or its beginning; empty where the server gives nothing."""
    arrived: datetime | None
    size_bytes: int
    whole: bool


@asynccontextmanager
async def signed_in(
    settings: MailSettings, token: Callable[[], Awaitable[SecretStr]], dial: Dial
) -> AsyncIterator["Mailbox"]:
    """Open a mailbox and close it again.

    Raises:
        Reauthorize: The server does not accept the password or the token.
        RetryLater: The server cannot be reached, or is busy.
        Rejected: The server does not offer what the settings ask for.
    """
    context = None if settings.imap_tls is Tls.NONE else await asyncio.to_thread(tls.context, settings.ca_file)
    wire = await Wire.open(
        dial,
        settings.imap_host,
        settings.imap_port,
        context if settings.imap_tls is Tls.IMPLICIT else None,
        settings.timeout,
    )
    try:
        box = Mailbox(wire)
        await wire.greeting()
        if settings.imap_tls is Tls.STARTTLS and context is not None:
            try:
                await wire.command(b"STARTTLS")
            except Refused as refused:
                raise sdk.Rejected(
                    f"the IMAP server {settings.imap_host} does not offer STARTTLS; choose another encryption"
                ) from refused
            await wire.start_tls(context)
        await box.sign_in(settings, token)
        yield box
    finally:
        await wire.close()


class Mailbox:
    """A signed-in mailbox; one folder of it is open at a time, read-only."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._can: frozenset[bytes] = frozenset()

    async def sign_in(self, settings: MailSettings, token: Callable[[], Awaitable[SecretStr]]) -> None:
        """Sign in by password, or by the account's token where there is none."""
        await self._ask_capabilities()
        secret = (settings.password or await token()).get_secret_value()
        self._wire.keep_out_of_messages(secret)
        login = settings.login
        try:
            if settings.password is None:
                ways = [each[5:].decode("ascii", "replace") for each in self._can if each.startswith(b"AUTH=")]
                where = settings.imap_host, settings.imap_port
                await self._wire.authenticate(sasl.by_token(ways, login, secret, *where))
            elif b"AUTH=PLAIN" in self._can:
                await self._wire.authenticate(sasl.by_password(login, secret))
            elif b"LOGINDISABLED" in self._can:
                raise sdk.Rejected(
                    f"the IMAP server {settings.imap_host} takes no password without encryption; choose starttls"
                )
            else:
                await self._wire.command(b"LOGIN", astring(login.encode()), astring(secret.encode()))
        except Refused as refused:
            raise _not_signed_in(refused, settings) from None  # the cause may quote what was sent
        await self._ask_capabilities()

    async def _ask_capabilities(self) -> None:
        try:
            answers = await self._wire.command(b"CAPABILITY")
        except Refused as refused:
            raise sdk.RetryLater(f"the IMAP server does not say what it can: {refused}") from refused
        words = [word for answer in answers for word in text_of(answer).upper().split()]
        self._can = frozenset(words)

    @property
    def can_idle(self) -> bool:
        """Whether the server tells of new mail by itself."""
        return b"IDLE" in self._can

    async def open(self, folder: str) -> Folder:
        """Open a folder for reading.

        Raises:
            RetryLater: There is no such folder, or it cannot be opened now.
        """
        try:
            answers = await self._wire.command(b"EXAMINE", astring(encode_utf7(folder)))
        except Refused as refused:
            raise sdk.RetryLater(
                f"the folder {folder!r} cannot be opened, check its name in the settings: {refused}"
            ) from refused
        texts = b"\n".join(text_of(answer) for answer in answers)
        return Folder(number(rb"\[UIDVALIDITY (\d+)", texts), number(rb"\[UIDNEXT (\d+)", texts))

    async def sent_folder(self, name: str = "") -> str | None:
        """Return the folder of sent mail: that of the settings, the one marked so, one named so, or None."""
        if name:
            return name
        extended = {b"SPECIAL-USE", b"LIST-EXTENDED"} <= self._can
        command = (b"LIST", b'""', b'"*"', *((b"RETURN (SPECIAL-USE)",) if extended else ()))
        named: str | None = None
        for answer in await self._run(*command):
            found = parsed(answer)
            if len(found) < 5 or bytes(found[1]).upper() != b"LIST":
                continue
            flags = {bytes(flag).lower() for flag in found[2]}
            if b"\\noselect" in flags or b"\\nonexistent" in flags:
                continue
            folder = decode_utf7(string(found[4]))
            if b"\\sent" in flags:
                return str(folder)
            leaf = re.split(r"[/.]", str(folder))[-1]
            if named is None and leaf.lower() in SENT_NAMES:
                named = str(folder)
        return named

    async def after(self, uid: int, since: datetime | None) -> list[int]:
        """Return the UIDs above ``uid`` in order; by date of arrival at least from the day of ``since`` on."""
        self._wire.news = False
        criteria = [b"UID %d:*" % (uid + 1)]
        if since is not None:
            day = since - timedelta(days=1)  # the server counts days in a time zone of its own
            criteria.append(b"SINCE %d-%s-%d" % (day.day, _MONTHS[day.month - 1].encode(), day.year))
        # "n:*" names the last mail also where its UID is below n
        return sorted({found for found in await self._search(*criteria) if found > uid})

    async def with_message_id(self, message_id: str) -> list[int]:
        """Return the UIDs whose Message-ID contains this, newest first; those without any where it is empty."""
        if message_id:
            found = await self._search(b"HEADER Message-ID", astring(message_id.encode("ascii", "ignore")))
        else:
            found = await self._search(b'NOT HEADER Message-ID ""')
        return sorted(found, reverse=True)

    async def _search(self, *criteria: bytes) -> set[int]:
        found: set[int] = set()
        for answer in await self._run(b"UID SEARCH", *criteria):
            words = text_of(answer).split()
            if words[1:2] and words[1].upper() == b"SEARCH":
                found.update(int(word) for word in words[2:] if word.isdigit())
        return found

    async def mails(self, uids: Sequence[int], max_bytes: int) -> AsyncIterator[Arrived]:
        r"""Yield mails in the order of their UIDs, leaving ``\Seen`` as it is; those deleted meanwhile are left out.

        Of a mail above ``max_bytes`` only the beginning is read.
        """
        held: dict[int, tuple[int, datetime | None]] = {}
        async for uid, items in self._fetch(uids, b"(UID RFC822.SIZE INTERNALDATE)"):
            held[uid] = (int(items.get(b"RFC822.SIZE") or 0), arrival(items.get(b"INTERNALDATE")))
        for group in in_groups([(uid, held[uid][0]) for uid in uids if uid in held], max_bytes):
            large = held[group[0]][0] > max_bytes
            section = b"BODY.PEEK[]<0.%d>" % BEGINNING if large else b"BODY.PEEK[]"
            raws: dict[int, bytes] = {}
            async for uid, items in self._fetch(group, b"(UID " + section + b")"):
                raws[uid] = next((string(value) for name, value in items.items() if name.startswith(b"BODY[")), b"")
            gone = [uid for uid in group if not raws.get(uid)]
            kept = await self._search(b"UID " + as_set(gone)) if gone else set()
            for uid in group:
                if raws.get(uid) or uid in kept:
                    size, arrived = held[uid]
                    yield Arrived(uid, raws.get(uid, b""), arrived, size, not large)

    async def beginning(self, uid: int) -> bytes:
        """Return the beginning of a mail, enough to tell it from others; empty where it is gone."""
        async for found, items in self._fetch([uid], b"(UID BODY.PEEK[]<0.%d>)" % BEGINNING):
            if found == uid:
                return next((string(value) for name, value in items.items() if name.startswith(b"BODY[")), b"")
        return b""

    async def section(self, uid: int, name: str, offset: int | None = None, count: int = 0) -> bytes | None:
        """Return a section of a mail, or ``count`` bytes of it; None where there is none."""
        piece = b"" if offset is None else b"<%d.%d>" % (offset, count)
        async for found, items in self._fetch([uid], b"(UID BODY.PEEK[%s]%s)" % (name.encode(), piece)):
            for key, value in items.items():
                if found == uid and key.startswith(b"BODY["):
                    return None if value is None else string(value)
        return None

    async def _fetch(self, uids: Sequence[int], what: bytes) -> AsyncIterator[tuple[int, dict[bytes, Any]]]:
        if not uids:
            return
        wanted = set(uids)
        try:
            async for answer in self._wire.stream(b"UID FETCH", as_set(uids), what):
                words = text_of(answer).split(b" ", 3)
                if len(words) < 4 or words[2].upper() != b"FETCH":
                    continue
                items = items_of(answer)
                uid = items.get(b"UID")
                if isinstance(uid, int) and uid in wanted:
                    yield uid, items
        except Refused as refused:
            raise sdk.RetryLater(f"the mail cannot be read now: {refused}") from refused

    async def wait(self, idle_renewal: timedelta, poll_every: timedelta) -> None:
        """Return when there may be new mail: the server said so, or it is time to look."""
        if self._wire.news:
            return
        if self.can_idle:
            try:
                await self._wire.idle(idle_renewal)
                return
            except Refused:
                self._can -= {b"IDLE"}  # offered, but not for this folder: look now and then instead
        await asyncio.sleep(poll_every.total_seconds())
        await self._run(b"NOOP")

    async def append(self, folder: str, raw: bytes, *, create: bool = False) -> None:
        """Put a mail into a folder, as read.

        Raises:
            RetryLater: The server does not take it.
        """
        if create:
            with suppress(Refused):  # it may exist; whether it does shows next
                await self._wire.command(b"CREATE", astring(encode_utf7(folder)))
        await self._run(b"APPEND", astring(encode_utf7(folder)), b"(\\Seen)", Literal(raw))

    async def _run(self, *arguments: bytes) -> list[Chunks]:
        try:
            return await self._wire.command(*arguments)
        except Refused as refused:
            command = arguments[0].decode()
            raise sdk.RetryLater(f"the IMAP server does not carry out {command}: {refused}") from refused


def _not_signed_in(refused: Refused, settings: MailSettings) -> sdk.ConnectorError:
    if refused.code in _TEMPORARY or "too many" in str(refused).lower():
        return sdk.RetryLater(f"the IMAP server {settings.imap_host} cannot sign anybody in now: {refused}")
    if refused.code == "PRIVACYREQUIRED":
        return sdk.Rejected(f"the IMAP server {settings.imap_host} wants encryption; choose starttls or implicit")
    proof = "the token" if settings.password is None else "user name or password"
    return sdk.Reauthorize(f"the IMAP server {settings.imap_host} does not accept {proof}: {refused}")
