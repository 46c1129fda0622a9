"""The IMAP wire: tagged commands, untagged answers, literals, continuations.

What the answers mean is ``imap``'s affair; their grammar is read by IMAPClient's parser.
"""

import asyncio
import base64
import re
import secrets
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import chorally_sdk as sdk
from chorally_mail.sasl import Proof
from chorally_mail.sasl import reason as sasl_reason
from chorally_mail.saying import quoted

Chunks = list[bytes | tuple[bytes, bytes]]
"""One answer: its lines without the literals, each literal beside the line that announced it."""

Dial = Callable[[str, int, timedelta], Awaitable[socket.socket]]
"""How a connection is made: ``Connector.dial``, which calls no host that may not be called."""

BUFFER = 1024 * 1024  # bytes read ahead; twice as many pause the connection
MAX_LINE = 64 * 1024 * 1024  # bytes; a SEARCH over some millions of mails is one line
MAX_LITERAL = 256 * 1024 * 1024  # bytes; never asked for, so more than this is a server gone wrong
PIECE = 64 * 1024  # bytes of a literal that must come within one timeout

_LITERAL = re.compile(rb"\{(\d{1,18})\+?\}$")
_STATUS = (b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH")


class Literal(bytes):
    """An argument that is sent as a literal, because a quoted string cannot carry it."""


class Refused(Exception):
    """The server answered NO or BAD."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        code = re.match(r"\[([A-Z-]+)", said.upper())
        self.code = code.group(1) if code else ""
        """The response code, such as AUTHENTICATIONFAILED; empty where there is none."""


def astring(text: bytes) -> bytes:
    """Return an argument as a quoted string, or as a literal where that cannot carry it."""
    if all(0x20 <= char < 0x7F for char in text):
        return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return Literal(text)


class Wire:
    """One connection to an IMAP server. Every loss of it is a ``RetryLater``."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, timeout: timedelta
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._host = host
        self._timeout_s = timeout.total_seconds()
        self._prefix = secrets.token_hex(3)
        self._tags = 0
        self._secret = ""
        self.usable = True
        """False once the connection is lost or out of step."""
        self.news = False
        """Set by every EXISTS that the server sends, whatever it answers; the reader resets it."""

    @classmethod
    async def open(
        cls, dial: Dial, host: str, port: int, encrypted: ssl.SSLContext | None, timeout: timedelta
    ) -> "Wire":
        """Connect, over TLS where a context is given.

        Raises:
            RetryLater: The server cannot be reached, or its certificate is not trusted.
            Rejected: The host is none that may be called.
        """
        try:
            line = await dial(host, port, timeout)
        except sdk.RetryLater as error:
            raise sdk.RetryLater(f"the IMAP server: {error}") from error
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                name = host.strip("[]") if encrypted else None
                reader, writer = await asyncio.open_connection(
                    sock=line, ssl=encrypted, server_hostname=name, limit=BUFFER
                )
        except ssl.SSLCertVerificationError as error:
            line.close()
            raise sdk.RetryLater(
                f"the certificate of the IMAP server {host} is not trusted; name its authority as CA file"
            ) from error
        except (OSError, TimeoutError) as error:
            line.close()
            raise sdk.RetryLater(f"the IMAP server {host}:{port} cannot be reached: {error}".rstrip(": ")) from error
        raw = writer.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return cls(reader, writer, host, timeout)

    def keep_out_of_messages(self, secret: str) -> None:
        """Name what must never be quoted from the server's answers."""
        self._secret = secret

    async def greeting(self) -> bytes:
        """Return the server's first line."""
        return _first(await self._read())

    async def start_tls(self, encrypted: ssl.SSLContext) -> None:
        """Encrypt the connection, once the server has agreed to STARTTLS."""
        with self._guarded():
            async with asyncio.timeout(self._timeout_s):
                await self._writer.start_tls(encrypted, server_hostname=self._host.strip("[]"))
        self._prefix = secrets.token_hex(3)  # what was slipped in before the encryption answers no command after it

    async def command(self, *arguments: bytes) -> list[Chunks]:
        """Run a command and return the untagged answers.

        Raises:
            Refused: The server answered NO or BAD.
            RetryLater: The connection is lost.
        """
        return [answer async for answer in self.stream(*arguments)]

    async def stream(self, *arguments: bytes) -> AsyncIterator[Chunks]:
        """Run a command and yield each untagged answer as it comes; must be read to its end."""
        tag = self._tag()
        line = tag
        complete = False
        self.usable = False
        try:
            for argument in arguments:
                if isinstance(argument, Literal):
                    await self._send(line + b" {%d}\r\n" % len(argument))
                    await self._continuation(tag)
                    line = bytes(argument)
                else:
                    line = line + b" " + argument
            await self._send(line + b"\r\n")
            while not self._ends(answer := await self._read(), tag):
                if _first(answer).startswith(b"* "):
                    yield answer
            complete = True
        except Refused:
            complete = True
            raise
        finally:
            self.usable = complete

    async def authenticate(self, proof: Proof) -> None:
        """Sign in with one SASL response; a challenge after it, which tells why not, is answered by the parting.

        Raises:
            Refused: The server does not accept it.
        """
        tag = self._tag()
        await self._send(tag + b" AUTHENTICATE " + proof.mechanism.encode() + b"\r\n")
        reply, told = base64.b64encode(proof.response), ""
        while True:
            answer = await self._read()
            try:
                if self._ends(answer, tag):
                    return
            except Refused as refused:
                raise Refused(f"{refused} ({told})" if told else str(refused)) from None
            if _is_continuation(answer):
                told = told or sasl_reason(_first(answer)[1:].strip(), self._secret)
                await self._send(reply + b"\r\n")
                reply = base64.b64encode(proof.parting)

    async def idle(self, at_most: timedelta) -> None:
        """Wait in IDLE until the server tells of a new mail, or the time is over.

        Raises:
            Refused: The server does not do IDLE here.
        """
        tag = self._tag()
        self.usable = False
        try:
            await self._send(tag + b" IDLE\r\n")
            await self._continuation(tag)
            try:
                async with asyncio.timeout(at_most.total_seconds()):
                    while not self.news:
                        await self._read(patient=True)
            except TimeoutError:
                pass  # time to renew
            await self._send(b"DONE\r\n")
            while not self._ends(await self._read(), tag):
                pass
        except Refused:
            self.usable = True
            raise
        self.usable = True

    async def close(self) -> None:
        """Sign out where the connection still works, and close it; never raises for a lost connection."""
        try:
            if self.usable:
                await self.command(b"LOGOUT")
        except (sdk.ConnectorError, Refused):
            pass  # BYE is the answer that was asked for, or there is nobody to part from
        finally:
            self._writer.transport.abort()

    # -- reading and writing

    def said(self, text: bytes) -> str:
        """Return what the server said, for people."""
        return quoted(text.decode("utf-8", "replace"), self._secret)

    def _tag(self) -> bytes:
        self._tags += 1
        return f"{self._prefix}-{self._tags}".encode()

    async def _send(self, data: bytes) -> None:
        with self._guarded():
            self._writer.write(data)
            async with asyncio.timeout(self._timeout_s):
                await self._writer.drain()

    async def _continuation(self, tag: bytes) -> None:
        while True:
            answer = await self._read()
            if _is_continuation(answer):
                return
            if self._ends(answer, tag):
                raise Refused("the server did not ask for what was announced")

    def _ends(self, answer: Chunks, tag: bytes) -> bool:
        first = _first(answer)
        if not first.startswith(tag + b" "):
            return False
        state, _, text = first[len(tag) + 1 :].partition(b" ")
        if state.upper() != b"OK":
            raise Refused(self.said(text))
        return True

    async def _read(self, *, patient: bool = False) -> Chunks:
        """Read one answer; a patient one may take for ever to begin."""
        with self._guarded():
            chunks: Chunks = []
            line = await self._line(None if patient else self._timeout_s)
            while (literal := _LITERAL.search(line)) and not _is_status(line if not chunks else b"*"):
                size = int(literal.group(1))
                if size > MAX_LITERAL:
                    raise sdk.Malformed(f"the IMAP server {self._host} announced {size} bytes", line)
                announced = line[: literal.start()] + b" {%d}" % size  # GreenMail 2.1 leaves the space out
                chunks.append((announced, await self._exactly(size)))
                line = await self._line(self._timeout_s)
            chunks.append(line)
        self._take_note(chunks)
        return chunks

    async def _line(self, timeout_s: float | None) -> bytes:
        pieces: list[bytes] = []
        length = 0
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    pieces.append(await self._reader.readuntil(b"\r\n"))
                    return b"".join(pieces)[:-2]
                except asyncio.LimitOverrunError as overrun:
                    pieces.append(await self._reader.readexactly(overrun.consumed))
                    length += overrun.consumed
                    if length > MAX_LINE:
                        raise sdk.Malformed(f"the IMAP server {self._host} sent an endless line") from None

    async def _exactly(self, size: int) -> bytes:
        pieces: list[bytes] = []
        while size:
            async with asyncio.timeout(self._timeout_s):
                pieces.append(await self._reader.readexactly(min(size, PIECE)))
            size -= len(pieces[-1])
        return b"".join(pieces)

    def _take_note(self, chunks: Chunks) -> None:
        first = _first(chunks)
        words = first.upper().split(b" ", 2)
        if words[0] == b"*" and words[-1] == b"EXISTS":
            self.news = True
        if words[:2] == [b"*", b"BYE"]:
            self.usable = False
            raise sdk.RetryLater(f"the IMAP server {self._host} ended the connection: {self.said(first[6:])}")

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Turn every way to lose a connection into a RetryLater."""
        try:
            yield
        except (asyncio.IncompleteReadError, OSError) as error:
            self.usable = False
            why = "did not answer in time" if isinstance(error, TimeoutError) else "closed the connection"
            raise sdk.RetryLater(f"the IMAP server {self._host} {why}") from error


def _first(answer: Chunks) -> bytes:
    return answer[0] if isinstance(answer[0], bytes) else answer[0][0]


def _is_continuation(answer: Chunks) -> bool:
    return isinstance(answer[0], bytes) and answer[0].startswith(b"+")


def _is_status(line: bytes) -> bool:
    """Whether a line ends in text for people, where ``{5}`` announces nothing."""
    words = line.split(b" ", 2)
    return line.startswith(b"+") or (len(words) > 1 and words[1].upper() in _STATUS)
