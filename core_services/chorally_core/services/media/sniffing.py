"""What a file's bytes say that it is, held against what its sender says.

Signatures are those of puremagic (docs/decisions/0027-sniffing.md); what to make of them is decided here. Nothing is
refused for being unknown, but for being something else than was said, or something that runs where it is opened.
"""

import re
from collections.abc import Iterable

from chorally_core.ports.files import ACTIVE

HEAD = 4096
"""Bytes at the beginning of a file that are looked at."""

_PROGRAMS = (
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a Linux program"),
    (b"\xca\xfe\xba\xbe", "a Java or macOS program"),
    (b"\xfe\xed\xfa\xce", "a macOS program"),
    (b"\xfe\xed\xfa\xcf", "a macOS program"),
    (b"\xce\xfa\xed\xfe", "a macOS program"),
    (b"\xcf\xfa\xed\xfe", "a macOS program"),
    (b"L\x00\x00\x00\x01\x14\x02\x00", "a Windows shortcut"),
    (b"#!", "a script"),
)
# The elements by which browsers know HTML (WHATWG MIME sniffing, "unknown type"; read 2026-11-23).
_HTML = re.compile(
    rb"<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p)[\s>]", re.IGNORECASE
)
_BEFORE = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s|<\?xml.*?\?>|<!--.*?-->|<!doctype svg.*?>)*", re.DOTALL | re.IGNORECASE)
_SVG = re.compile(rb"<(?:\w+:)?svg[\s>]", re.IGNORECASE)

_SAME = {
    "image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png", "image/apng": "image/png",
    "image/x-ms-bmp": "image/bmp", "image/x-bmp": "image/bmp", "image/heic": "image/heif",
    "image/heic-sequence": "image/heif", "image/heif-sequence": "image/heif", "text/rtf": "application/rtf",
    "application/x-pdf": "application/pdf", "application/x-zip-compressed": "application/zip",
}  # fmt: skip
_SURE = frozenset(
    {"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff", "image/avif", "image/heif",
     "application/pdf", "application/rtf"}
)  # fmt: skip
"""Types that are known by their first bytes: what bears them and has others is something else."""


def mistake(head: bytes, declared: str, taken: Iterable[str]) -> str:
    """Return why a file is not taken as what its sender says it is, with what to do; empty where it may be.

    Args:
        head: Its first bytes.
        declared: Its media type, as its sender says.
        taken: The media types and patterns that are taken.
    """
    named = set(taken)
    if declared in ACTIVE and declared not in named:
        return f"{declared} can do something where it is opened, and is not taken; send it as a picture or a PDF"
    for signature, what in _PROGRAMS:
        if head.startswith(signature):
            return f"the file is {what}, which is never taken; put a link into the text"
    if active := _active(head):
        if active in named and declared == active:
            return ""
        what = "an SVG picture" if active == "image/svg+xml" else "an HTML page"
        return f"the file is {what}, which can do something where it is opened; send it as a PNG or a PDF"
    return _other(_SAME.get(declared, declared), head)


def _active(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):  # browsers read UTF-16, too
        head = head.decode("utf-16", "ignore").encode("utf-8", "ignore")
    behind = _BEFORE.match(head)
    rest = head[behind.end() :] if behind else head
    if _SVG.match(rest):
        return "image/svg+xml"
    return "text/html" if _HTML.match(rest) else ""


def _other(declared: str, head: bytes) -> str:
    found = _found(head)
    if declared in _SURE:
        if declared in found or (declared == "application/pdf" and b"%PDF-" in head[:1024]):
            return ""
        actual = next((one for one in found if one in _SURE), "")
        return f"the file is said to be {declared} and is {actual or 'not'}; send it with its own Content-Type"
    other = next((one for one in found if one in _SURE), "")
    whole, _, _ = declared.partition("/")
    if other and (whole in ("image", "video", "audio", "text") or declared in ("application/zip", "application/json")):
        return f"the file is said to be {declared} and is {other}; send it with its own Content-Type"
    if whole == "text" and b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return f"the file is said to be {declared} and is no text; send it with its own Content-Type"
    return ""


def _found(head: bytes) -> list[str]:
    """The media types that the first bytes may be of, the likeliest first."""
    import puremagic  # takes 30 ms, which no start needs

    try:
        matches = puremagic.magic_string(head)
    except puremagic.PureError:
        return []
    return [_SAME.get(match.mime_type, match.mime_type) for match in matches if match.mime_type]
