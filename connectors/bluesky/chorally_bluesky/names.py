"""Names of the AT Protocol: at-uris, record keys, and the key that a reference of ours becomes."""

import hashlib
import re
from typing import NamedTuple

import chorally_sdk as sdk

POST = "app.bsky.feed.post"
LIKE = "app.bsky.feed.like"
GATE = "app.bsky.feed.threadgate"

_URI = re.compile(r"at://(did:[a-z]+:[A-Za-z0-9._:%-]+)/([A-Za-z0-9.-]+)/([A-Za-z0-9._:~-]{1,512})")
_PAGE = re.compile(r"https://bsky\.app/profile/(did:[a-z]+:[A-Za-z0-9._:%-]+)/post/([A-Za-z0-9._:~-]{1,512})")
_LETTERS = "234567abcdefghijklmnopqrstuvwxyz"  # in the order of their values ("TID", atproto.com/specs/tid)
_FIRST = 1_672_531_200_000_000  # microseconds of 2023-01-01, about when Bluesky began
_SPAN_BITS = 46  # 2.2 years of microseconds, all of them past
_CLOCK_BITS = 10


class Place(NamedTuple):
    """Where a record is."""

    repo: str
    collection: str
    key: str

    @property
    def uri(self) -> str:
        """Its name."""
        return f"at://{self.repo}/{self.collection}/{self.key}"


def place(uri: str) -> Place:
    """Return where a record is.

    Raises:
        Rejected: The name is no at-uri with a DID.
    """
    found = _URI.fullmatch(uri)
    if found is None:
        raise sdk.Rejected(f"{uri[:200]!r} names no record of Bluesky; give an at:// uri with a DID")
    return Place(*found.groups())


def uri_of(text: str) -> str:
    """Return the at-uri of a post, given as one or as the address of its page with a DID.

    Raises:
        Rejected: It is neither.
    """
    page = _PAGE.fullmatch(text)
    return Place(page[1], POST, page[2]).uri if page else place(text).uri


def page_of(uri: str) -> str | None:
    """Return the address of a post's page; None for what is no post."""
    found = _URI.fullmatch(uri)
    if found is None or found[2] != POST:
        return None
    return f"https://bsky.app/profile/{found[1]}/post/{found[3]}"


def key_of(reference: str) -> str:
    """Return the record key that a reference always becomes.

    It is a TID, as posts and likes must have, but its time means nothing: it lies in the past, spread by a digest.
    """
    digest = int.from_bytes(hashlib.sha256(reference.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    time = _FIRST + (digest >> (64 - _SPAN_BITS))
    number = time << _CLOCK_BITS | digest & ((1 << _CLOCK_BITS) - 1)
    return "".join(_LETTERS[number >> shift & 31] for shift in range(60, -1, -5))
