"""The connector that is pulled in ``bench.pull``: a listing of comments, page after page."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

import chorally_sdk as sdk

PLATFORM = "comments"


class Comments(sdk.Connector, sdk.Pulls):
    """Comments of a made-up platform; the account's ``data`` says where they are listed."""

    manifest = sdk.Manifest(platform=PLATFORM, channels=(sdk.Channel(name=PLATFORM),), base_url="http://127.0.0.1")

    async def check(self) -> sdk.AccountInfo:
        """Name the account without a call: the platform has none for it."""
        return sdk.AccountInfo(external_id=self.account.external_id, name=self.account.name)

    def streams(self) -> Sequence[sdk.Stream]:
        """Say that comments can be polled."""
        return [sdk.Stream(name=PLATFORM)]

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Yield all pages, following ``paging.next``."""
        url = (cursor or {}).get("next") or self.account.data["list"]
        while url:
            listing = (await self.http.get(url)).json()
            url = listing["paging"].get("next")
            events = tuple(_message(comment) for comment in listing["data"])
            yield sdk.Page(events=events, cursor={"next": url}, done=url is None)


def _message(comment: dict[str, sdk.Json]) -> sdk.Message:
    wire = {
        "external_id": comment["id"],
        "channel": PLATFORM,
        "conversation_id": comment["post_id"],
        "parent_id": comment.get("parent", {}).get("id"),
        "author": {"external_id": comment["from"]["id"], "name": comment["from"]["name"]},
        "sent_at": comment["created_time"],
        "edited_at": comment["updated_time"],
        "body": comment["message"],
        "url": comment["permalink_url"],
        "extra": {"likes": comment["like_count"], "replies": comment["comment_count"]},
    }
    return sdk.Message.model_validate(wire)
