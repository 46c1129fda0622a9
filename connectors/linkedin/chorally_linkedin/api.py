"""Asking LinkedIn: headers of the version, URNs in paths, and listings that are paged by ``start``."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import httpx
from pydantic import BaseModel

import chorally_sdk as sdk
from chorally_linkedin.config import AppSettings
from chorally_linkedin.names import coded
from chorally_linkedin.shapes import Listing, read

PROTOCOL = "2.0.0"
E = TypeVar("E", bound=BaseModel)


class Api:
    """The versioned REST API, as one account sees it."""

    def __init__(self, http: sdk.Http, app: AppSettings) -> None:
        self.http = http
        self.app = app

    def comments_of(self, urn: str, number: str = "") -> str:
        """Return the path of the comments under a post or a comment, or that of one of them."""
        return f"{self.app.social_actions}/{coded(urn)}/comments" + (f"/{coded(number)}" if number else "")

    async def get(self, url: str, method: str = "") -> httpx.Response:
        """Read; ``method`` is what Rest.li calls it, where LinkedIn wants it said."""
        return await self.http.get(url, headers=self._headers(method))

    async def post(self, url: str, body: Mapping[str, Any], method: str = "") -> httpx.Response:
        """Make or change something."""
        return await self.http.post(url, json=body, headers=self._headers(method))

    async def put(self, url: str, body: Mapping[str, Any]) -> httpx.Response:
        """Put something in its place."""
        return await self.http.put(url, json=body, headers=self._headers(""))

    async def delete(self, url: str) -> None:
        """Delete something; gone already is success."""
        try:
            await self.http.delete(url, headers=self._headers("DELETE"))
        except sdk.Rejected as error:
            if error.reason is not sdk.Reason.GONE:
                raise

    async def page(
        self, shape: type[Listing[E]], url: str, start: int, count: int, *, method: str = ""
    ) -> tuple[tuple[E, ...], int | None, int | None]:
        """Return a page of a listing, where the next one starts (None after the last), and how many there are in all.

        Raises:
            Malformed: The listing leads back to what was read.
        """
        joint = "&" if "?" in url else "?"
        answer = await self.get(f"{url}{joint}start={start}&count={count}", method)
        listing = read(shape, answer.content, "a listing")
        shown, paging = len(listing.elements), listing.paging
        link = next((link.href for link in paging.links if link.rel == "next"), None)
        if link is not None:
            following = _start_of(link)
            if following is None or following <= start:
                raise sdk.Malformed("a listing leads back to a page that was read before", answer.content)
            return listing.elements, following, paging.total
        goes_on = shown > 0 and start + shown < paging.total if paging.total is not None else shown >= count
        return listing.elements, start + shown if goes_on else None, paging.total

    async def all(self, shape: type[Listing[E]], url: str, *, count: int = 100, method: str = "") -> AsyncIterator[E]:
        """Yield the elements of a listing, over all its pages."""
        start: int | None = 0
        while start is not None:
            elements, start, _ = await self.page(shape, url, start, count, method=method)
            for element in elements:
                yield element

    def _headers(self, method: str) -> dict[str, str]:
        said = {"X-RestLi-Method": method} if method else {}
        return {"LinkedIn-Version": self.app.version, "X-Restli-Protocol-Version": PROTOCOL, **said}


def _start_of(href: str) -> int | None:
    """Where the page begins that a link leads to."""
    found = parse_qs(urlsplit(href).query).get("start", [""])[0]
    return int(found) if found.isdecimal() else None
