"""Indexes many entries at once. What OpenSearch has no room for is tried again; what it never takes is told of."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import msgspec
import structlog
from opensearchpy import AsyncOpenSearch

from chorally_core.adapters.opensearch.errors import AWAY, reached
from chorally_core.adapters.opensearch.indexes import document, version
from chorally_core.ports.search import Entry, SearchUnavailable

log = structlog.get_logger(__name__)

_MOST_BYTES = 4 * 1024 * 1024
_MOST = 500
_TRIES = 6
_FIRST_WAIT_S = 0.2


class Missing(Exception):
    """The alias that entries were to go to is not there."""


async def bulk(
    client: AsyncOpenSearch,
    entries: Sequence[Entry],
    alias_of: Callable[[str], str],
    *,
    refresh: bool,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Index entries under the aliases of their kinds; newer ones that are there stay.

    Raises:
        Missing: There is no such alias.
        SearchUnavailable: Some could not be indexed now.
    """
    for part in _parts(entries, alias_of):
        for attempt in range(_TRIES):
            part = await _once(client, part, refresh)
            if not part:
                break
            await sleep(_FIRST_WAIT_S * 2**attempt)
        else:
            raise SearchUnavailable(f"OpenSearch has had no room for {len(part)} entries for a while")


Item = tuple[Entry, bytes]


def _parts(entries: Sequence[Entry], alias_of: Callable[[str], str]) -> Iterator[list[Item]]:
    part: list[Item] = []
    size = 0
    for entry in entries:
        lines = _lines(entry, alias_of(entry.kind))
        if part and (size + len(lines) > _MOST_BYTES or len(part) >= _MOST):
            yield part
            part, size = [], 0
        part.append((entry, lines))
        size += len(lines)
    if part:
        yield part


def _lines(entry: Entry, alias: str) -> bytes:
    meta: dict[str, Any] = {
        "_index": alias, "_id": entry.id, "require_alias": True, "version": version(entry),
        "version_type": "external_gte",
    }  # fmt: skip
    if entry.gone:
        return msgspec.json.encode({"delete": meta}) + b"\n"
    return msgspec.json.encode({"index": meta}) + b"\n" + msgspec.json.encode(document(entry)) + b"\n"


async def _once(client: AsyncOpenSearch, part: Sequence[Item], refresh: bool) -> list[Item]:
    """Send a part; return what is to be sent again."""
    with reached():
        answer = await client.bulk(body=b"".join(lines for _, lines in part), params={"refresh": str(refresh).lower()})
    again = []
    for (entry, lines), item in zip(part, answer["items"], strict=True):
        told = next(iter(item.values()))
        status, error = told["status"], told.get("error") or {}
        if status < 300 or status == 409 or (status == 404 and not error):
            continue  # done, newer there, or gone already
        if status == 404:
            raise Missing(error.get("reason", "the alias is not there"))
        if status in AWAY:
            again.append((entry, lines))
        else:  # it will never be taken: the others go on
            log.error("cannot be indexed", kind=entry.kind, document_id=entry.id, status=status, why=error.get("type"))
    return again
