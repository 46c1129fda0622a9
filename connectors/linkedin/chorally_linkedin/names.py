"""Names of channels and streams, and the URNs by which LinkedIn names everything.

A comment is ``urn:li:comment:(THREAD,NUMBER)``, where the thread is written as an activity in one place and as a
share or ``ugcPost`` in another, and in old notifications as a bare ``activity:1``. Only the number is always the
same, so that is what a message is known by; the URN it was read under goes into its route.
"""

import re
from urllib.parse import quote

import chorally_sdk as sdk

COMMENT, POST = "linkedin_comment", "linkedin_post"
COMMENTS, MENTIONS = "comments", "mentions"

_COMMENT = re.compile(r"urn:li:comment:\(([^(),]+),([^(),]+)\)")
_PAIR = re.compile(r"(\S+) (\S+)")


def coded(urn: str) -> str:
    """Return a URN, or any value, as it stands in a path or a query: encoded whole.

    Raises:
        Rejected: It is a path to somewhere else, which no encoding prevents.
    """
    if urn in (".", ".."):
        raise sdk.Rejected("this is no id of LinkedIn's")
    return quote(urn, safe="")


def is_comment(urn: str) -> bool:
    """Whether a URN names a comment."""
    return _COMMENT.fullmatch(urn) is not None


def number_of(urn: str) -> str:
    """Return what a comment is known by: the number in its URN, or the whole where it is no such URN."""
    found = _COMMENT.fullmatch(urn)
    return found[2] if found else urn


def thread_of(urn: str) -> str:
    """Return the thread in a comment's URN; empty where it is none."""
    found = _COMMENT.fullmatch(urn)
    if not found:
        return ""
    return found[1] if found[1].startswith("urn:li:") else f"urn:li:{found[1]}"


def comment_urn(thread: str, number: str) -> str:
    """Return the URN of a comment."""
    return f"urn:li:comment:({thread},{number})"


def whole(urn: str) -> str:
    """Return a comment's URN with its thread written out, as notifications may shorten it; others as they are."""
    return comment_urn(thread_of(urn), number_of(urn)) if is_comment(urn) else urn


def pinged(post: str, comment: str) -> str:
    """Return what a ping names: a comment, and the post under which it is read."""
    return f"{post} {comment}"


def of_ping(external_id: str) -> tuple[str, str] | None:
    """Return the post and the comment that a ping names; None where it names a post."""
    found = _PAIR.fullmatch(external_id)
    return (found[1], found[2]) if found else None


def page_of(urn: str) -> str:
    """Return the address at which people see a post."""
    return f"https://www.linkedin.com/feed/update/{urn}/"


def digits_of(urn: str) -> str:
    """Return the number of an organisation, from its URN or from the number itself."""
    return urn.rpartition(":")[2]
