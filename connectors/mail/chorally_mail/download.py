"""Reads one file of a mail, in pieces, wherever the mail lies by now."""

import binascii
import quopri
import re
from collections.abc import AsyncGenerator
from email import message_from_bytes, policy
from typing import Protocol

import chorally_sdk as sdk
from chorally_mail import identity, mime
from chorally_mail.imap import Mailbox

PIECE = 256 * 1024  # bytes asked for at once


class Decoder(Protocol):
    """Undoes a transfer encoding piece by piece."""

    def feed(self, data: bytes) -> bytes:
        """Return what can be decoded by now."""

    def end(self) -> bytes:
        """Return what is left."""


async def find(box: Mailbox, external_id: str, folders: list[str]) -> int | None:
    """Open the folder that holds a mail and return its UID there; None where no folder has it."""
    own = "#" not in external_id
    for folder in folders:
        await box.open(folder)
        for uid in await box.with_message_id(identity.searchable(external_id)):
            raw = await box.beginning(uid)
            if not raw.strip():
                continue
            mail = mime.parse(raw)
            if external_id == (identity.key(identity.message_id(mail)) if own else identity.external_id(mail)):
                return uid
    return None


async def read(box: Mailbox, uid: int, part: str) -> AsyncGenerator[bytes, None]:
    """Yield the content of a part of the mail in the open folder.

    Raises:
        Rejected: The mail has no such part.
    """
    if not re.fullmatch(r"[1-9]\d{0,3}(\.[1-9]\d{0,3}){0,30}", part):
        raise sdk.Rejected("this is no file of a mail")
    gone = sdk.Rejected("the mail or its file is no longer there", reason=sdk.Reason.GONE)
    head = await box.section(uid, f"{part}.MIME")
    if not head and part == "1":
        head = await box.section(uid, "HEADER")  # a mail without parts has no MIME header of its own
    if head is None:
        raise gone
    decoding = decoder(mime.raw_header(message_from_bytes(head, policy=policy.compat32), "Content-Transfer-Encoding"))
    offset = 0
    while piece := await box.section(uid, part, offset, PIECE):
        offset += len(piece)
        if decoded := decoding.feed(piece):
            yield decoded
        if len(piece) < PIECE:
            break
    if offset == 0 and not head.strip():
        raise gone
    if rest := decoding.end():
        yield rest


def decoder(encoding: str) -> Decoder:
    """Return what undoes a transfer encoding; what is no known one is left as it is."""
    name = encoding.split(";")[0].strip().lower()
    return _Base64() if name == "base64" else _Quoted() if name == "quoted-printable" else _Plain()


class _Plain:
    def feed(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        return b""


class _Base64:
    """Keeps what does not make a whole group of four letters."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        letters = self._rest + data.translate(None, mime.NOT_BASE64)
        whole = len(letters) // 4 * 4
        self._rest = letters[whole:]
        return binascii.a2b_base64(letters[:whole])

    def end(self) -> bytes:
        return binascii.a2b_base64(self._rest + b"=" * (-len(self._rest) % 4)) if len(self._rest) > 1 else b""


class _Quoted:
    """Keeps the line that is not at its end."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        lines, _, self._rest = (self._rest + data).rpartition(b"\n")
        return quopri.decodestring(lines + b"\n") if lines else b""

    def end(self) -> bytes:
        return quopri.decodestring(self._rest)
