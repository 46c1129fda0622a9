"""Reading listings of the Graph API to their end, and noticing when that cannot be done."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from pydantic import BaseModel

import chorally_sdk as sdk
from chorally_meta.shapes import Listing, read, without_tokens

T = TypeVar("T", bound=BaseModel)

Query = Mapping[str, Any]
_SECRETS = frozenset({"access_token", "appsecret_proof"})  # Graph repeats them in the links it gives
_NO_IDS = frozenset({"", ".", ".."})
_PAGING = frozenset({"cursors", "previous", "next"})


def path(*parts: str) -> str:
    """Return a URL path in which an id cannot be anything but one segment.

    Raises:
        Rejected: It is empty or consists of dots, which lead elsewhere.
    """
    if any(part in _NO_IDS for part in parts):
        raise sdk.Rejected("there is no id to call the Graph API by; say what is meant")
    return "".join(f"/{quote(part, safe='')}" for part in parts)


class Reader:
    """Reads pages of listings; asking for the same page twice is an error, since it would not end."""

    def __init__(self, http: sdk.Http) -> None:
        self._http = http
        self._asked: dict[str, set[str]] = {}

    async def page(
        self, shape: type[Listing[T]], where: str, query: Query, after: str = ""
    ) -> tuple[Listing[T], str | None]:
        """Return a page and what leads to the next, None after the last.

        Args:
            shape: What the page holds.
            where: Path of the listing.
            query: What is asked of every page.
            after: What the page before led to; empty asks for the first.

        Raises:
            Malformed: The page is not in its documented shape, or leads back to one that was read.
        """
        asked = self._asked.setdefault(where, set())
        if after in asked:
            raise sdk.Malformed(f"the listing {where} leads back to a page that was read before")
        asked.add(after)
        answer = await self._http.get(where, params={**query, **dict(parse_qsl(after, keep_blank_values=True))})
        listing = read(shape, answer.content, f"the listing {where}")
        following = next_query(listing, where, query, answer.content)
        if following is None:
            del self._asked[where]  # read to its end; a later reading is another one
        return listing, following

    async def all(self, shape: type[Listing[T]], where: str, query: Query) -> AsyncIterator[T]:
        """Yield everything a listing holds, over all its pages."""
        after: str | None = ""
        while after is not None:
            listing, after = await self.page(shape, where, query, after)
            for element in listing.data:
                yield element


def next_query(listing: Listing[T], where: str, query: Query, raw: bytes = b"") -> str | None:
    """Return the query of the next page without what ``query`` holds anyway, None after the last page.

    ``paging.next`` is the only sign that more follows, and its link carries the access token, which
    must not get into a cursor. A page that leaves open whether more follows is never taken for the last.

    Raises:
        Malformed: Something is listed without ``paging``, or ``paging`` says nothing that we know.
    """
    paging = listing.paging or {}
    link = paging.get("next")
    if link is None:
        if listing.data and not paging:
            raise sdk.Malformed(
                f"the listing {where}: paging: Field required where something is listed", without_tokens(raw)
            )
        if unknown := sorted(set(paging) - _PAGING):
            raise sdk.Malformed(
                f"the listing {where}: paging: no next, but unknown fields {', '.join(unknown)}", without_tokens(raw)
            )
        return None
    pairs = parse_qsl(urlsplit(link).query, keep_blank_values=True) if isinstance(link, str) else []
    kept = [(name, value) for name, value in pairs if name not in _SECRETS and name not in query]
    if not kept:
        raise sdk.Malformed(f"the listing {where}: paging.next leads nowhere", without_tokens(raw))
    return urlencode(kept)
