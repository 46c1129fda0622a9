"""Polling what tags the account: media of others, the newest first."""

from collections.abc import AsyncIterator
from datetime import datetime

from chorally_meta.listing import Reader
from chorally_meta.shapes import Listing

import chorally_sdk as sdk
from chorally_instagram.api import Api
from chorally_instagram.comments import OF_MEDIA
from chorally_instagram.shapes import Media
from chorally_instagram.translate import mentioned_by


async def walk(api: Api, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
    """Yield the media that tag the account, down to where the last walk began; those without a time are passed over."""
    reader = Reader(api.http)

    async def page(token: str | None) -> tuple[list[sdk.Item], str | None]:
        query = {"fields": OF_MEDIA, "limit": "50"}
        listing, following = await reader.page(Listing[Media], api.own("tags"), query, token or "")
        known = [(media.timestamp, media) for media in listing.data if media.timestamp is not None]
        return [sdk.Item(at, [mentioned_by(media, api.is_ours)]) for at, media in known], following

    async for each in sdk.descend(cursor, since, page):
        yield each
