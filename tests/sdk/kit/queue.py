"""A good connector of a platform that forgets what was acknowledged by asking for more, and its twin."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import chorally_sdk as sdk
from chorally_sdk.sandbox import Call, Connection, Shelf, Twin, answers

NEWS = "queue_news"


class Queue(sdk.Connector, sdk.Pulls):
    """Asks for what comes after the last that it was told."""

    manifest = sdk.Manifest(
        platform="queue",
        base_url="https://queue.example",
        hosts=("queue.example",),
        channels=(sdk.Channel(name=NEWS),),
    )

    async def check(self) -> sdk.AccountInfo:
        """Name it."""
        return sdk.AccountInfo(external_id="queue-1", name="Our queue")

    def streams(self) -> Sequence[sdk.Stream]:
        """The queue."""
        return [sdk.Stream(name="news")]

    async def pull(self, stream: str, cursor: sdk.Cursor | None, since: datetime | None) -> AsyncIterator[sdk.Page]:
        """Ask until nothing is left."""
        after = (cursor or {}).get("after", 0)
        while True:
            told = (await self.http.get("/news", params={"after": after})).json()
            after = self.next_of(told, after)
            yield sdk.Page(events=tuple(map(to_message, told)), cursor={"after": after}, done=not told)
            if not told:
                return

    def next_of(self, told: list[Any], after: int) -> int:
        """What to ask after next."""
        return int(told[-1]["id"]) if told else after


class Hasty(Queue):
    """Passes over one with each page, when it goes on from a cursor."""

    def next_of(self, told: list[Any], after: int) -> int:
        """One too far."""
        return super().next_of(told, after) + bool(told)


def to_message(news: dict[str, Any]) -> sdk.Message:
    """The same for ever."""
    person = sdk.Author(external_id="ada")
    return sdk.Message(
        external_id=news["id"], channel=NEWS, conversation_id="queue", author=person, body=news["text"],
        sent_at=datetime.fromisoformat(news["at"]),
    )  # fmt: skip


class QueueTwin(Twin):
    """Forgets what was asked beyond."""

    def __init__(self) -> None:
        super().__init__()
        self.news = Shelf(self.clock)
        self.confirmed = 0

    def connection(self) -> Connection:
        """How it is connected."""
        return Connection("queue-1", "Our queue", self.a_grant())

    @answers("GET", "/news")
    async def list_news(self, call: Call) -> Any:
        """What is not confirmed."""
        self.confirmed = max(self.confirmed, int(call.query["after"]))
        left = [each for each in self.news if int(each.id) > self.confirmed]
        return [{"id": each.id, "text": each.body, "at": each.created_at.isoformat()} for each in left][: self.size]

    async def say(self, body: str, *, author: str | None = "ada", **_: Any) -> str:
        """Let something wait."""
        return self.news.add(body, author=author).id

    def unread(self) -> None:
        """Let all of it wait again."""
        self.confirmed = 0
