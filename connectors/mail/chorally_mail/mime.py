"""Reads mails as they are, not as they should be: broken charsets, headers and structures give text all the same."""

import base64
import codecs
import copy
import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.errors import HeaderParseError, MessageError
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime

import idna

import chorally_sdk as sdk

HEADER = 16 * 1024  # characters of a header that are looked at
SHOWN = 1000  # characters of a header that people are shown
PARTS = 500  # parts of a mail that are looked at

_ADDRESS = re.compile(r"[^\s<>@,;:\"()\[\]]{1,200}@[^\s<>@,;:\"()]{1,255}")
_ALIASES = {  # what is written, and what is meant (as browsers read it)
    "ascii": "utf-8",
    "us-ascii": "utf-8",
    "iso-8859-1": "cp1252",
    "latin-1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "iso-8859-8-i": "iso-8859-8",
    "utf8mb4": "utf-8",
    "cp-850": "cp850",
}
_NOT_FOR_TEXT = frozenset(("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"))
_CONTROL = {char: None for char in (*range(0x20), *range(0x7F, 0xA0)) if chr(char) not in "\t\n"}
_BASE64 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
NOT_BASE64 = bytes(char for char in range(256) if char not in _BASE64)
"""What does not count in Base64, line ends and padding included."""


def parse(raw: bytes) -> Message:
    """Return the mail.

    Raises:
        Malformed: There is nothing in it, or its parts are nested beyond measure.
    """
    if not raw.strip():
        raise sdk.Malformed("the mail is empty", raw)
    try:
        return message_from_bytes(raw, policy=policy.compat32)
    except (RecursionError, MessageError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise sdk.Malformed("the mail's structure cannot be read", raw) from error


# -- headers


def raw_headers(mail: Message, name: str) -> list[str]:
    """Return the values of a header, undecoded; bytes above ASCII are read as UTF-8, else as Windows-1252."""
    wanted = name.lower()
    return [_unescaped(str(value)) for found, value in mail.raw_items() if found.lower() == wanted]


def raw_header(mail: Message, name: str) -> str:
    """Return the first value of a header, undecoded; empty where there is none."""
    return next(iter(raw_headers(mail, name)), "")


def header(mail: Message, name: str) -> str:
    """Return a header for people: decoded, on one line, bounded."""
    return decoded(raw_header(mail, name))


def decoded(value: str) -> str:
    """Return a header's value with its encoded words (RFC 2047) read, on one line, bounded."""
    value = value[:HEADER]
    if "=?" in value:
        try:
            pieces = decode_header(value.replace("\r", "").replace("\n", ""))
            value = "".join(
                piece if isinstance(piece, str) else text_of(piece, charset or "us-ascii") for piece, charset in pieces
            )
        except (HeaderParseError, ValueError, LookupError, TypeError):
            pass  # shown as it came
    return " ".join(clean(value).split())[:SHOWN]


def addresses(mail: Message, name: str) -> list[tuple[str, str]]:
    """Return the name and the address of everybody in an address header; addresses in their one form."""
    found: list[tuple[str, str]] = []
    for value in raw_headers(mail, name):
        value = " ".join(value[:HEADER].split())
        try:
            pairs = getaddresses([value])
        except (ValueError, IndexError, TypeError, AttributeError):
            pairs = []
        good = [(decoded(who), one_form(where)) for who, where in pairs if _ADDRESS.fullmatch(where)]
        found += good or [("", one_form(where)) for where in _ADDRESS.findall(value)]
    return found


def one_form(address: str) -> str:
    """Return the one form of an address: lower case, the domain as DNS writes it."""
    local, _, domain = unicodedata.normalize("NFC", clean(address)).strip().lower().rpartition("@")
    if not domain.isascii():
        with suppress(idna.IDNAError):  # no domain that exists is kept as it came
            domain = idna.encode(domain, uts46=True).decode()
    return f"{local}@{domain}"


def domain_of(address: str) -> str:
    """Return the domain of an address, in its one form."""
    return one_form(address).rpartition("@")[2]


def shown(address: str) -> str:
    """Return an address as people write it."""
    local, _, domain = address.rpartition("@")
    if "xn--" in domain:
        with suppress(idna.IDNAError):
            domain = idna.decode(domain)
    return f"{local}@{domain}"


def date(mail: Message) -> datetime | None:
    """Return when the mail says it was written; None where it says nothing that is a time."""
    try:
        at = parsedate_to_datetime(" ".join(raw_header(mail, "Date")[:200].split()))
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return at.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
        return None


# -- parts


def leaves(mail: Message) -> Iterator[tuple[str, Message]]:
    """Yield the parts that hold content, each with its number as IMAP counts (``2.1``)."""
    todo: list[tuple[str, Message]] = [("", mail)]
    count = 0
    while todo and count < PARTS:
        number, part = todo.pop()
        if is_container(part):
            numbered = [(f"{number}.{n}".lstrip("."), child) for n, child in enumerate(children(part), 1)]
            todo += reversed(numbered)
        else:
            count += 1
            yield number or "1", part


def children(part: Message) -> list[Message]:
    """Return the parts inside a part: of a container, a forwarded mail, a report; none where it is content."""
    inside = part.get_payload() if part.is_multipart() else ()
    return [child for child in inside if isinstance(child, Message)]


def is_container(part: Message) -> bool:
    """Whether a part only holds other parts; a forwarded mail and a report are content."""
    return part.get_content_maintype() == "multipart" and part.is_multipart()


def payload(leaf: Message, at_most: int | None = None) -> bytes:
    """Return a part's content, decoded as far as it can be.

    Args:
        leaf: A part that is no container.
        at_most: Bytes that are needed; a longer content may be cut after them.
    """
    if leaf.is_multipart():
        return b"\n".join(_flat(inner) for inner in children(leaf))
    if raw_header(leaf, "Content-Transfer-Encoding").split(";")[0].strip().lower() == "base64":
        letters = _encoded(leaf)[: None if at_most is None else 4 * at_most].translate(None, NOT_BASE64)
        letters = letters[: len(letters) - 1] if len(letters) % 4 == 1 else letters  # cut short, or broken
        return base64.b64decode(letters + b"=" * (-len(letters) % 4))
    content = leaf.get_payload(decode=True)
    return content[:at_most] if isinstance(content, bytes) else b""


def _encoded(leaf: Message) -> bytes:
    """A part's content as it came: without its encoding's name the library leaves it alone."""
    bare = copy.copy(leaf)
    del bare["Content-Transfer-Encoding"]
    content = bare.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def text(leaf: Message) -> str:
    """Return a text part's content."""
    try:
        charset = leaf.get_param("charset", "us-ascii") or "us-ascii"
    except (ValueError, LookupError, TypeError, IndexError):
        charset = "us-ascii"
    return text_of(payload(leaf), charset[2] if isinstance(charset, tuple) else str(charset))


def filename(leaf: Message) -> str | None:
    """Return the name of a part, without folders; None where it has none."""
    try:
        name = leaf.get_filename()
    except (ValueError, LookupError, TypeError, IndexError):
        return None
    name = decoded(_unescaped(str(name or "")))
    name = re.split(r"[/\\]", name)[-1].strip(". ")
    return name[:200] or None


def media_type(leaf: Message) -> str:
    """Return a part's media type, in lower case; parts that are none make a text."""
    media_type = leaf.get_content_type().lower()[:200]
    return "text/plain" if media_type.startswith("multipart/") and not is_container(leaf) else media_type


def is_attachment(leaf: Message) -> bool:
    """Whether a part is a file rather than the text of the mail."""
    disposition = raw_header(leaf, "Content-Disposition").split(";")[0].strip().lower()
    return disposition == "attachment" or media_type(leaf) not in ("text/plain", "text/html") or bool(filename(leaf))


# -- characters


def text_of(data: bytes, charset: str) -> str:
    """Return text whatever the charset is worth: as named, else as UTF-8, else as Windows-1252."""
    name = charset.strip("\"' ").lower()[:60]
    name = _ALIASES.get(name, name)
    for candidate in (name, "utf-8"):
        try:
            if codecs.lookup(candidate).name.replace("-", "_") not in _NOT_FOR_TEXT:
                return clean(data.decode(candidate))
        except (LookupError, UnicodeError, ValueError):
            continue
    return clean(data.decode("cp1252", "replace"))


def clean(value: str) -> str:
    """Return text that can be stored and shown: no lone surrogates, no control characters but tab and line feed."""
    value = value.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROL)
    return value.encode("utf-8", "replace").decode()


def _unescaped(value: str) -> str:
    """Read the bytes above ASCII that the parser keeps as surrogates."""
    try:
        data = value.encode("ascii", "surrogateescape")
    except UnicodeError:
        return value.encode("utf-8", "replace").decode()
    return data.decode() if _is_utf8(data) else data.decode("cp1252", "replace")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeError:
        return False
    return True


def _flat(inner: Message) -> bytes:
    """A nested mail's headers and text, for telling it from others; its own parts in order."""
    lines = [f"{name}: {_unescaped(str(value))}" for name, value in inner.raw_items()]
    pieces = ["\n".join(lines).encode("utf-8", "replace")]
    for _, leaf in leaves(inner):
        pieces.append(b"" if leaf.is_multipart() else payload(leaf))
    return b"\n\n".join(pieces)
