"""An SMTP server in miniature, on loopback, whose every answer can be changed."""

import asyncio


class FakeSmtp:
    """The server; ``sent`` holds what it took, ``seen`` the commands it got."""

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}
        """Answers by command, such as ``RCPT``; ``.`` is that to the mail itself, ``hang up`` closes the connection."""
        self.extensions = ["AUTH PLAIN LOGIN XOAUTH2", "SIZE 1000000", "SMTPUTF8"]
        self.seen: list[str] = []
        self.sent: list[bytes] = []

    async def __aenter__(self) -> "FakeSmtp":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
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
            if not self._say(writer, name, answer):
                return
            if name == "DATA" and "DATA" not in self.answers:
                mail = (await reader.readuntil(b"\r\n.\r\n"))[:-3]
                if not self._say(writer, ".", "250 taken"):
                    return
                if self.answers.get(".", "250").startswith("250"):
                    self.sent.append(mail.replace(b"\r\n..", b"\r\n."))

    def _say(self, writer: asyncio.StreamWriter, name: str, usual: str) -> bool:
        answer = self.answers.get(name, usual)
        if answer == "hang up":
            return False
        writer.write(answer.format(echo=self.seen[-1] if self.seen else "").encode() + b"\r\n")
        return True
