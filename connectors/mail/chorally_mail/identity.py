"""Which mail a mail is, wherever and however often it is read.

A Message-ID alone is no safe key: it may be missing, used twice by a broken sender, or forged. So a mail's
``external_id`` is ``<message id>#<digest>``: the id without its brackets (empty where there is none), and a digest
of what stays the same over folders, UIDVALIDITY changes and downloads: Message-ID, From, Date, Subject as they
stand in the header, and the first 64 KiB of the decoded content with white space collapsed. Boundaries and transfer
encodings do not count, since some servers make them anew at each download.

Our own mails carry ``<client_ref@domain>``. Found in the sent folder, where nobody else writes, such a mail has
this Message-ID alone as its ``external_id``, known before it is sent; so an answer to it can name its parent.
"""

import hashlib
import re
from email.message import Message

from chorally_mail import mime

KEY_LENGTH = 180  # characters of a Message-ID that go into an external_id; longer ones are cut there
ID_LENGTH = 900  # characters; a longer Message-ID fits no header line (RFC 5322, 2.1.1) and cannot be answered
DIGESTED = 64 * 1024  # bytes of content
CLIENT_REF = re.compile(r"[0-9a-f]{32}")

_SAFE = re.compile(r"[!-;=?-~]+")  # printable ASCII without white space and angle brackets
_BRACKETED = re.compile(rf"<([^<>\s]{{1,{ID_LENGTH}}})>")


def message_ids(header: str) -> list[str]:
    """Return the Message-IDs of a header in order, without brackets, each once."""
    found = _BRACKETED.findall(header)
    if not found:  # some write it bare
        found = [word for word in header.split()[:1] if "@" in word and len(word) <= ID_LENGTH]
    return list(dict.fromkeys(one for one in found if _SAFE.fullmatch(one)))


def message_id(mail: Message) -> str:
    """Return the mail's own Message-ID without brackets; empty where it has none that could be answered."""
    return next(iter(message_ids(mime.raw_header(mail, "Message-ID"))), "")


def key(message_id: str) -> str:
    """Return a Message-ID as it stands in external ids and conversation ids."""
    return message_id[:KEY_LENGTH]


def external_id(mail: Message) -> str:
    """Return what the mail is known by."""
    digest = hashlib.sha256()
    for name in ("Message-ID", "From", "Date", "Subject"):
        digest.update(b"\0" + " ".join(mime.raw_header(mail, name).split()).encode("utf-8", "replace"))
    digest.update(b"\0" + _content(mail))
    return f"{key(message_id(mail))}#{digest.hexdigest()[:16]}"


def own_ref(message_id: str, address: str) -> str | None:
    """Return the ``client_ref`` that a Message-ID of our own making carries."""
    ref, _, domain = message_id.rpartition("@")
    ours = domain.lower() == mime.domain_of(address) and CLIENT_REF.fullmatch(ref)
    return ref if ours else None


def own_message_id(client_ref: str, address: str) -> str:
    """Return the Message-ID of a mail of ours, without brackets."""
    return f"{client_ref}@{mime.domain_of(address)}"


def searchable(external_id: str) -> str:
    """Return the part of an external id that a server can look for in Message-ID headers."""
    return external_id.rpartition("#")[0] if "#" in external_id else external_id


def _content(mail: Message) -> bytes:
    words: list[bytes] = []
    length = 0
    for _, leaf in mime.leaves(mail):
        for word in mime.payload(leaf, at_most=2 * DIGESTED).split():
            words.append(word)
            length += len(word) + 1
            if length >= DIGESTED:
                return b" ".join(words)[:DIGESTED]
    return b" ".join(words)[:DIGESTED]


def of_bytes(raw: bytes) -> str:
    """Return what a mail is known by that cannot be read."""
    return f"#{hashlib.sha256(raw).hexdigest()[:16]}"
