"""Reads reviews: all of a location from the newest change down, and one by itself."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import chorally_sdk as sdk
from chorally_google_business import api
from chorally_google_business.names import Place
from chorally_google_business.shapes import BatchOfReviews, Review, Reviews
from chorally_google_business.translate import changed_at, to_events

PAGE_SIZE = 50
"""Reviews on a page ("Work with review data": at most 50; read 2026-11-23)."""

Listed = tuple[list[Review], str]
"""A page of reviews, and the token of the next one; empty after the last."""


async def listed(http: sdk.Http, place: Place, token: str | None, *, without_text: bool = True) -> Listed:
    """Return a page of a location's reviews, the last changed first, which is the documented order.

    Raises:
        Malformed: The page leads back to itself.
    """
    asked: dict[str, Any] = {"pageSize": PAGE_SIZE, **({"pageToken": token} if token else {})}
    if without_text:
        answer = await http.get(f"{place.path}/reviews", params=asked)
        page = api.read(Reviews, answer.content, "the listing of reviews")
        found, following = page.reviews, page.nextPageToken
    else:
        body = {"locationNames": [place.name], "ignoreRatingOnlyReviews": True, **asked}
        answer = await http.post(place.batch, json=body)
        batch = api.read(BatchOfReviews, answer.content, "the batch of reviews")
        found, following = [each.review for each in batch.locationReviews], batch.nextPageToken
    if following and following == token:
        raise sdk.Malformed("the listing of reviews leads back to the page that was asked for", answer.content)
    return found, following


async def walk(
    http: sdk.Http, place: Place, cursor: sdk.Cursor | None, since: datetime | None, *, without_text: bool
) -> AsyncIterator[sdk.Page]:
    """Yield the reviews that changed, with their replies; one page token that Google forgot starts the walk over."""
    at = dict(cursor or {})
    pages = sdk.descend(at, since, _pages(http, place, without_text))
    try:
        async for page in pages:
            at = dict(page.cursor)
            yield page
    except sdk.Rejected as error:
        if error.reason != sdk.Reason.INVALID or not at.get("token"):
            raise
    else:
        return
    rest = {name: value for name, value in at.items() if name == "floor" and value}
    async for page in sdk.descend(rest, since, _pages(http, place, without_text)):
        yield page


def _pages(http: sdk.Http, place: Place, without_text: bool) -> Any:
    async def page(token: str | None) -> tuple[Sequence[sdk.Item], str | None]:
        found, following = await listed(http, place, token, without_text=without_text)
        return [sdk.Item(changed_at(each), to_events(each)) for each in found], following or None

    return page


async def fetch(http: sdk.Http, place: Place, external_id: str) -> Sequence[sdk.Event]:
    """Return a review and its reply, by the id of either."""
    return to_events(await one(http, place, external_id))


async def one(http: sdk.Http, place: Place, external_id: str) -> Review:
    """Return a review."""
    answer = await http.get(place.review(external_id))
    return api.read(Review, answer.content, "the review")
