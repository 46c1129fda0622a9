"""Reads what an IMAP server answers, and writes what it is asked with; no connection here."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from imapclient.datetime_util import parse_to_datetime  # type: ignore[import-untyped]
from imapclient.exceptions import ProtocolError  # type: ignore[import-untyped]
from imapclient.response_parser import parse_response  # type: ignore[import-untyped]

import chorally_sdk as sdk
from chorally_mail.wire import Chunks

AT_ONCE = 4 * 1024 * 1024  # bytes of mails asked for in one FETCH


def text_of(answer: Chunks) -> bytes:
    """Return the lines of an answer, without its literals."""
    return b" ".join(chunk if isinstance(chunk, bytes) else chunk[0] for chunk in answer)


def number(pattern: bytes, text: bytes) -> int:
    """Return the number that a pattern's group finds; 0 where it finds none."""
    found = re.search(pattern, text, re.IGNORECASE)
    return int(found.group(1)) if found else 0


def parsed(answer: Chunks) -> tuple[Any, ...]:
    """Return an answer as nested tuples of bytes, numbers and None.

    Raises:
        Malformed: It follows no grammar.
    """
    try:
        found: tuple[Any, ...] = parse_response(answer)
    except (ProtocolError, ValueError, AssertionError) as error:
        raise sdk.Malformed("the IMAP server sent an answer that cannot be read", text_of(answer)) from error
    return found


def items_of(answer: Chunks) -> dict[bytes, Any]:
    """Return the items of a FETCH answer, ``* 5 FETCH (UID 7 …)``, by name."""
    found = parsed(answer)
    pairs = found[3] if len(found) > 3 and isinstance(found[3], tuple) else ()
    return {bytes(name).upper(): value for name, value in zip(pairs[::2], pairs[1::2], strict=False) if name}


def string(value: Any) -> bytes:
    """Return a string of an answer; short ones made of digits are read as numbers."""
    return value if isinstance(value, bytes) else b"" if value is None else str(value).encode()


def arrival(value: Any) -> datetime | None:
    """Return an INTERNALDATE; None where it is no time."""
    try:
        return parse_to_datetime(value, normalise=False) if value else None
    except (ValueError, TypeError, OverflowError, IndexError, AttributeError):
        return None


def as_set(uids: Iterable[int]) -> bytes:
    """Return UIDs as IMAP writes sets of them, runs shortened."""
    runs: list[list[int]] = []
    for uid in sorted(uids):
        if runs and uid == runs[-1][1] + 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    return b",".join(b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in runs)


def in_groups(sized: Sequence[tuple[int, int]], max_bytes: int) -> list[list[int]]:
    """Split mails into what is fetched at once; one that is too large stands alone."""
    groups: list[list[int]] = []
    room = -1  # of the group under way; not even a mail of 0 bytes joins none, or a large one
    for uid, size in sized:
        if size > max_bytes:
            groups.append([uid])
            room = -1
        elif size <= room:
            groups[-1].append(uid)
            room -= size
        else:
            groups.append([uid])
            room = AT_ONCE - size
    return groups
