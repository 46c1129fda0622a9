"""An SMTP server in miniature, on loopback, whose every answer can be changed."""

import asyncio
import base64
from collections.abc import Callable

from chorally_mail.testing.imap import WHY, shown_token

HANG_UP = "hang up"
"""An answer that is none: the connection is closed, and nothing was taken."""
LOST = "lost"
"""An answer that never arrives, to a mail that was taken."""


class FakeSmtp:
    """The server; ``sent`` holds what it took, ``seen`` the commands it got."""

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}
        """Answers by command, such as ``RCPT``; ``.`` is that to the mail itself, ``hang up`` closes the connection."""
        self.extensions = ["AUTH PLAIN LOGIN XOAUTH2", "SIZE 1000000", "SMTPUTF8"]
        self.is_live: Callable[[str], bool] = lambda token: True
        """Judges a token."""
        self.keep: Callable[[bytes], object] = self.let_go
        """Takes what was sent, as servers do that keep it in the sent folder by themselves."""
        self.seen: list[str] = []
        self.sent: list[bytes] = []

    def let_go(self, mail: bytes) -> None:
        """Keep no copy."""

    async def start(self, port: int = 0) -> None:
        """Listen, at any port where 0."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> "FakeSmtp":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._talk(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._say(writer, "CONNECT", "220 ready"):
            return
        while line := (await reader.readline()).decode().removesuffix("\r\n"):
            self.seen.append(line)
            name = line.split()[0].upper()
            if name == "EHLO":
                answer = "\r\n".join(f"250-{one}" for one in ("here", *self.extensions)) + "\r\n250 HELP"
            else:
                answer = {"AUTH": "235 welcome", "DATA": "354 go on", "QUIT": "221 bye"}.get(name, "250 fine")
            if name == "AUTH" and "AUTH" not in self.answers and not self._accepts(line):
                await self._tell_why(line, reader, writer)
                continue
            if not self._say(writer, name, answer):
                return
            if name == "DATA" and "DATA" not in self.answers:
                mail = (await reader.readuntil(b"\r\n.\r\n"))[:-3]
                if self.answers.get(".", "250")[:3] in ("250", LOST[:3]):
                    self.sent.append(mail.replace(b"\r\n..", b"\r\n."))
                    self.keep(self.sent[-1])
                if not self._say(writer, ".", "250 taken"):
                    return

    def _accepts(self, line: str) -> bool:
        words = line.split()
        if len(words) < 3 or words[1] not in ("XOAUTH2", "OAUTHBEARER"):
            return True
        return self.is_live(shown_token(base64.b64decode(words[2]).decode())[1])

    async def _tell_why(self, line: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"334 " + base64.b64encode(WHY) + b"\r\n")
        parting = await reader.readline()
        assert parting == (b"AQ==\r\n" if "OAUTHBEARER" in line else b"\r\n"), parting
        writer.write(b"535 5.7.8 the token is not accepted\r\n")

    def _say(self, writer: asyncio.StreamWriter, name: str, usual: str) -> bool:
        answer = self.answers.get(name, usual)
        if answer in (HANG_UP, LOST):
            return False
        writer.write(answer.format(echo=self.seen[-1] if self.seen else "").encode() + b"\r\n")
        return True
