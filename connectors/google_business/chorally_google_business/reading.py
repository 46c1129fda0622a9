"""Reads reviews: all of a location from the newest change down, and one by itself."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import chorally_sdk as sdk
from chorally_google_business import api
from chorally_google_business.names import REVIEWS, Place, review_in
from chorally_google_business.shapes import BatchOfReviews, Named, Review, Reviews
from chorally_google_business.translate import changed_at, to_events

PAGE_SIZE = 50
"""Reviews on a page ("Work with review data": at most 50; read 2026-11-23)."""

Listed = tuple[list[Review | Named], str]
"""A page of reviews, and the token of the next one; empty after the last."""


async def listed(http: sdk.Http, place: Place, token: str | None, *, without_text: bool = True) -> Listed:
    """Return a page of a location's reviews, the last changed first, which is the documented order.

    Raises:
        Malformed: The page leads back to itself, or has a review without a name.
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
    read = [_understood(each, answer.content) for each in found]
    if following and following == token:
        raise sdk.Malformed("the listing of reviews leads back to the page that was asked for", answer.content)
    return read, following


def _understood(raw: object, page: bytes) -> Review | Named:
    """A review, or only its name where the rest of it is in another shape."""
    try:
        return api.understood(Review, raw, "a review", page)
    except sdk.Malformed:
        return api.understood(Named, raw, "a review", page)


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
        return _items(found), following or None

    return page


def _items(found: Sequence[Review | Named]) -> list[sdk.Item]:
    """What reviews give; one that cannot be read is asked for by itself, and stands where its neighbour does.

    Raises:
        Malformed: None of them can be read.
    """
    times = [changed_at(each) for each in found if isinstance(each, Review)]
    if found and not times:
        raise sdk.Malformed("the listing of reviews: none of them is in the documented shape")
    items, at = [], max(times, default=None)
    for each in found:
        if isinstance(each, Review):
            at = changed_at(each)
            items.append(sdk.Item(at, to_events(each)))
        elif at is not None:
            items.append(sdk.Item(at, [sdk.Ping(stream=REVIEWS, external_id=review_in(each.name))]))
    return items


async def fetch(http: sdk.Http, place: Place, external_id: str) -> Sequence[sdk.Event]:
    """Return a review and its reply, by the id of either."""
    return to_events(await one(http, place, external_id))


async def one(http: sdk.Http, place: Place, external_id: str) -> Review:
    """Return a review."""
    answer = await http.get(place.review(external_id))
    return api.read(Review, answer.content, "the review")
