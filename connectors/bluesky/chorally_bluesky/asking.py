"""Questions to the AppView, through the account's own server."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import chorally_sdk as sdk
from chorally_bluesky.shapes import Post, Posts, Shape, read

AT_ONCE = 25  # uris; app.bsky.feed.getPosts

T = TypeVar("T", bound=Shape)


class AppView:
    """The service that knows threads, feeds and notifications."""

    def __init__(self, http: sdk.Http, service: str) -> None:
        """Prepare to ask.

        Args:
            http: The account's client.
            service: DID and id of the AppView; empty for the one that the account's server chooses.
        """
        self._http = http
        self._headers = {"atproto-proxy": service} if service else {}

    async def get(self, shape: type[T], name: str, params: Mapping[str, Any]) -> T:
        """Return the answer to a query.

        Raises:
            Malformed: It is not in its documented shape.
        """
        asked = {key: value for key, value in params.items() if value is not None}
        answer = await self._http.get(f"/xrpc/{name}", params=asked, headers=self._headers)
        return read(shape, answer.content, f"the answer to {name}")

    async def seen(self, at: str) -> None:
        """Let notifications up to a time count as seen."""
        path = "/xrpc/app.bsky.notification.updateSeen"
        await self._http.post(path, json={"seenAt": at}, headers=self._headers)

    async def posts(self, uris: Sequence[str]) -> dict[str, Post]:
        """Return posts by their uris, without those that cannot be seen."""
        found: dict[str, Post] = {}
        for first in range(0, len(uris), AT_ONCE):
            told = await self.get(Posts, "app.bsky.feed.getPosts", {"uris": list(uris[first : first + AT_ONCE])})
            found |= {post.uri: post for post in told.posts}
        return found

    async def post(self, uri: str) -> Post:
        """Return a post.

        Raises:
            Rejected: It is gone, or cannot be seen.
        """
        found = (await self.posts([uri])).get(uri)
        if found is None:
            raise sdk.Rejected("the post was deleted, or is not shown to this account", reason=sdk.Reason.GONE)
        return found
