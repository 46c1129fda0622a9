"""Connectors that take an outage for an answer."""

from collections.abc import AsyncIterator, Sequence

import chorally_sdk as sdk
from tests.sdk.kit.bad import bad
from tests.sdk.kit.guestbook import Guestbook


@bad("fetch-down")
class FetchesNothing(Guestbook):
    """Says that there is nothing where nobody answers."""

    async def fetch(self, ping: sdk.Ping) -> Sequence[sdk.Event]:
        """Read, or not."""
        try:
            return await super().fetch(ping)
        except sdk.RetryLater:
            return []


@bad("download-down")
class EmptyFile(Guestbook):
    """Ends a file where nobody answers."""

    async def download(self, attachment: sdk.Attachment) -> AsyncIterator[bytes]:
        """Read, or not."""
        try:
            async for piece in super().download(attachment):
                yield piece
        except sdk.RetryLater:
            return


@bad("publish-throttled")
class GivesPostsUp(Guestbook):
    """Refuses for ever what the platform would take in a minute."""

    async def publish(self, publication: sdk.Publication) -> sdk.Receipt:
        """Post, or give up."""
        try:
            return await super().publish(publication)
        except sdk.RateLimited as error:
            raise sdk.Rejected("too many posts") from error
