"""An IMAP server in miniature, on loopback, that does what it is told, faults included."""

import asyncio
import base64
import re
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes

from chorally_mail import mime

_open: ContextVar["FakeFolder"] = ContextVar("chorally_open_folder")
"""The folder that a connection has open; each connection is a task of its own."""

WHY = b'{"status":"401","schemes":"bearer","scope":"https://mail.example/"}'
"""Why a token is not accepted, as both mechanisms tell it."""
ARRIVED = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass
class FakeFolder:
    """A folder with its numbering."""

    uidvalidity: int = 1
    uidnext: int = 1
    flags: str = ""
    mails: dict[int, tuple[bytes, datetime]] = field(default_factory=dict)

    def add(self, raw: bytes, arrived: datetime = ARRIVED) -> int:
        """Put a mail into the folder and return its UID."""
        self.mails[self.uidnext] = (raw, arrived)
        self.uidnext += 1
        return self.uidnext - 1

    def renumbered(self, by: int) -> None:
        """Give every mail another UID, as a server does that lost its index."""
        mails = list(self.mails.values())
        self.uidvalidity += 1
        self.mails = {number * by: mail for number, mail in enumerate(mails, 1)}
        self.uidnext = max(self.mails, default=0) + 1


class FakeImap:
    """The server; ``seen`` holds the commands it got, without their tags."""

    def __init__(self) -> None:
        self.folders = {"INBOX": FakeFolder(), "Sent": FakeFolder(flags="\\Sent")}
        self.capabilities = "IMAP4rev1 IDLE AUTH=PLAIN AUTH=XOAUTH2 SPECIAL-USE LIST-EXTENDED"
        self.login, self.secret = "help@shop.example", "s3cret-word"
        self.is_live: Callable[[str], bool] = lambda token: token == self.secret
        """Judges a token."""
        self.is_deaf = False
        """Close each connection before a word is said."""
        self.refusal = "NO [AUTHENTICATIONFAILED] no"
        self.seen: list[str] = []
        self.drop_at_fetch = 0
        """Close the connection at this body FETCH, counted from 1; never where 0."""
        self.deleted_at_fetch: set[int] = set()
        """UIDs of the inbox that another client deletes after the sizes were told."""
        self.on_idle: list[bytes] = []
        """Mails that arrive with the very answer that IDLE has begun."""
        self.on_search: list[bytes] = []
        """Mails that arrive during the next search, too late to be found by it."""
        self.idling = asyncio.Event()
        self.append_refused = False
        self._fetches = 0
        self._idlers: list[asyncio.StreamWriter] = []

    async def start(self, port: int = 0) -> None:
        """Listen, at any port where 0."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> "FakeImap":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.hang_up()

    @property
    def inbox(self) -> FakeFolder:
        """The folder INBOX."""
        return self.folders["INBOX"]

    def deliver(self, raw: bytes, arrived: datetime = ARRIVED) -> None:
        """Let a mail arrive, and tell those in IDLE."""
        self.inbox.add(raw, arrived)
        for writer in self._idlers:
            writer.write(b"* %d EXISTS\r\n" % len(self.inbox.mails))

    def hang_up(self) -> None:
        """Close the connections that wait in IDLE."""
        for writer in self._idlers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_deaf:
            writer.close()
            return
        writer.write(b"* OK ready\r\n")
        _open.set(FakeFolder())
        try:
            while line := await self._command(reader, writer):
                tag, _, rest = line.partition(" ")
                self.seen.append(rest)
                name = rest.removeprefix("UID ").split()[0].lower()
                answer = await getattr(self, f"_{name}", self._unknown)(rest, reader, writer)
                if answer is None:
                    break
                writer.write(f"{tag} {answer}\r\n".encode())
                if name == "logout":
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            if writer in self._idlers:
                self._idlers.remove(writer)
            writer.close()

    async def _command(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        line = (await reader.readline()).decode()
        while literal := re.search(r"\{(\d+)\}\r\n$", line):
            writer.write(b"+ go on\r\n")
            self.literal = await reader.readexactly(int(literal.group(1)))
            line = line[: literal.start()] + "~" + (await reader.readline()).decode()
        return line.removesuffix("\r\n")

    async def _capability(self, rest: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        writer.write(f"* CAPABILITY {self.capabilities}\r\n".encode())
        return "OK done"

    async def _unknown(self, rest: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        return "BAD unknown"

    async def _login(self, rest: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        return "OK done" if _words(rest)[1:] == [self.login, self.secret] else self.refusal

    async def _authenticate(self, rest: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        writer.write(b"+ \r\n")
        shown = base64.b64decode(await reader.readline()).decode()
        name, token = shown_token(shown)
        if shown == f"\0{self.login}\0{self.secret}" or (name == self.login and self.is_live(token)):
            return "OK done"
        if not rest.endswith("PLAIN"):
            writer.write(b"+ " + base64.b64encode(WHY) + b"\r\n")
            parting = await reader.readline()
            assert parting == (b"AQ==\r\n" if "OAUTHBEARER" in rest else b"\r\n"), parting
        return self.refusal.format(echo=base64.b64encode(shown.encode()).decode(), said=shown)

    async def _list(self, rest: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        for name, folder in self.folders.items():
            writer.write(f'* LIST ({folder.flags}) "/" "{name}"\r\n'.encode())
        return "OK done"

    async def _create(self, rest: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        return "OK done" if self.folders.setdefault(_words(rest)[1], FakeFolder()) else "NO no"

    async def _examine(self, rest: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        folder = self.folders.get(_words(rest)[1])
        if folder is None:
            return "NO no such folder"
        _open.set(folder)
        writer.write(f"* {len(folder.mails)} EXISTS\r\n* OK [UIDVALIDITY {folder.uidvalidity}] here {{5}}\r\n".encode())
        writer.write(f"* OK [UIDNEXT {folder.uidnext}] next\r\n".encode())
        return "OK [READ-ONLY] done"

    async def _select(self, rest: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        return (await self._examine(rest, reader, writer)).replace("READ-ONLY", "READ-WRITE")

    async def _noop(self, rest: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        self.idling.set()
        return "OK done"

    async def _search(self, rest: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        uids = set(_open.get().mails)
        if ranged := re.search(r"UID SEARCH UID ([\d,:*]+)", rest):
            uids &= self._uids(ranged.group(1))
        if since := re.search(r"SINCE (\S+)", rest):
            day = datetime.strptime(since.group(1), "%d-%b-%Y").replace(tzinfo=UTC)
            uids = {uid for uid in uids if _open.get().mails[uid][1] >= day}
        if asked := re.search(r'(NOT )?HEADER Message-ID "(.*?)"', rest):
            for uid in list(uids):
                value = mime.raw_header(message_from_bytes(_open.get().mails[uid][0]), "Message-ID")
                if bool(value and asked.group(2) in value) == bool(asked.group(1)):
                    uids.discard(uid)
        writer.write(f"* SEARCH {' '.join(map(str, sorted(uids)))}\r\n".encode())
        for raw in self.on_search:
            self.inbox.add(raw)
            writer.write(b"* %d EXISTS\r\n" % len(self.inbox.mails))
        self.on_search = []
        return "OK done"

    async def _fetch(self, rest: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str | None:
        asked = re.search(r"UID FETCH (\S+) \((.*)\)$", rest if rest.startswith("UID ") else self._by_uid(rest))
        if asked is None:
            return "BAD what is to be fetched?"
        section = re.search(r"BODY\.PEEK\[(.*?)\](?:<(\d+)\.(\d+)>)?", asked.group(2))
        if section:
            self._fetches += 1
            if self._fetches == self.drop_at_fetch:
                return None
            for uid in self.deleted_at_fetch:
                self.inbox.mails.pop(uid, None)
        for uid in sorted(self._uids(asked.group(1)) & set(_open.get().mails)):
            raw, arrived = _open.get().mails[uid]
            line = f'* {uid} FETCH (FLAGS () UID {uid} INTERNALDATE "{arrived:%d-%b-%Y %H:%M:%S %z}"'
            line += f" RFC822.SIZE {len(raw)}"
            if section is None:
                writer.write(line.encode() + b")\r\n")
                continue
            content = _section(raw, section.group(1))
            announced = f"{line} BODY[{section.group(1)}] "
            if section.group(2):
                content = content[int(section.group(2)) :][: int(section.group(3))]
                announced = f"{announced.rstrip()}<{section.group(2)}>"  # without the space, as GreenMail writes it
            writer.write(f"{announced}{{{len(content)}}}\r\n".encode() + content + b")\r\n")
        return "OK done"

    def _by_uid(self, rest: str) -> str:
        """Return what asks by a mail's number, as people's programs do, as if it asked by its UID."""
        asked = re.fullmatch(r"FETCH (\d+) \(?(.*?)\)?", rest)
        uids = sorted(_open.get().mails)
        if asked is None or not 0 < int(asked[1]) <= len(uids):
            return ""
        return f"UID FETCH {uids[int(asked[1]) - 1]} ({asked[2].replace('BODY[', 'BODY.PEEK[')})"

    async def _append(self, rest: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        if self.append_refused:
            return "NO [OVERQUOTA] full"
        self.folders[_words(rest)[1]].add(self.literal)
        return "OK done"

    async def _idle(self, rest: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        if "IDLE" not in self.capabilities:
            return "BAD what?"
        news = b""
        for raw in self.on_idle:
            self.inbox.add(raw)
            news += b"* %d EXISTS\r\n" % len(self.inbox.mails)
        self.on_idle = []
        writer.write(b"+ idling\r\n" + news)
        self._idlers.append(writer)
        self.idling.set()
        if not await reader.readline():
            raise ConnectionError
        self._idlers.remove(writer)
        return "OK done"

    async def _logout(self, rest: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        writer.write(b"* BYE\r\n")
        return "OK done"

    def _uids(self, ranged: str) -> set[int]:
        last = max(_open.get().mails, default=0)
        found: set[int] = set()
        for run in ranged.split(","):
            low, _, high = run.partition(":")
            ends = sorted((int(low), last if high == "*" else int(high or low)))  # "9:*" means "*:9" where 9 is high
            found |= set(range(ends[0], ends[1] + 1))
        return found


def shown_token(shown: str) -> tuple[str, str]:
    """Return whom a token was shown for, and the token, from XOAUTH2 or OAUTHBEARER; empty from what is neither."""
    found = re.fullmatch(r"(?:user=|n,a=)(.*?),?\x01(?:host=.*?\x01port=\d+\x01)?auth=Bearer (.*)\x01\x01", shown)
    return (found[1].replace("=2C", ",").replace("=3D", "="), found[2]) if found else ("", "")


def _words(rest: str) -> list[str]:
    return [quoted or bare for quoted, bare in re.findall(r'"([^"]*)"|(\S+)', rest)]


def _section(raw: bytes, name: str) -> bytes:
    head, _, _ = raw.partition(b"\r\n\r\n")
    if not name:
        return raw
    if name == "HEADER":
        return head + b"\r\n\r\n"
    parts = dict(mime.leaves(message_from_bytes(raw)))
    number, _, _ = name.partition(".MIME")
    part = parts.get(number)
    if part is None:
        return b""
    if name.endswith(".MIME"):
        return "".join(f"{key}: {value}\r\n" for key, value in part.raw_items()).encode() + b"\r\n"
    return str(part.get_payload()).encode()
