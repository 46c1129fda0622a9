"""A kill at each commit while webhooks are told: whoever starts again tells the rest, in order, under the same ids."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from chorally_core.ports.documents import Query
from chorally_core.ports.ledger import Step, Work
from chorally_core.ports.webhooks import Webhook
from chorally_core.services.log.model import LogEntry
from chorally_core.services.log.webhooks.model import WebhookFeed, WebhookReplay

from tests.crash.mortal import EachByItself, Life, MortalDatabase

from .receiver import Clock, Net, Place

URL = "https://one.example/in"
SUBJECTS = ["a1", "b1", "a2", "a3", "b2"]


class Story:
    """Five facts of two tickets are told to one webhook that refuses some at first, and then again."""

    def __init__(self, folder: Path, *, in_order: bool) -> None:
        folder.mkdir()
        self._folder = folder
        self._in_order = in_order
        self._clock = Clock()
        self.net = Net()
        refused: Iterator[int] = iter([500, 200, 500])
        self.net.says[URL] = lambda: next(refused, 200)

    async def live(self, life: Life) -> bool:
        """Live, from wherever an earlier life ended; return whether it came to the end."""
        self._clock.forward(minutes=5)
        self.net.seen = life.be_seen
        place = Place(
            self._folder, in_order=self._in_order, net=self.net, clock=self._clock, documents=EachByItself,
            database=lambda path: MortalDatabase(path, life),
        )  # fmt: skip
        try:
            return await life.live(self._told(place))
        finally:
            for database in place.databases:
                database.close()

    async def _told(self, place: Place) -> None:
        await place.ledger.recover()
        if await place.get(Webhook) is None:
            await place.webhook("one", "ticket_*")
        there = {entry.subject_id for entry in await place.documents.find(Query(LogEntry, "acme"))}
        for name in SUBJECTS:
            if name not in there:
                await place.happens(name, ticket_id=name[0])
        await place.rounds(8, 40)
        if await place.get(WebhookReplay, "again") is None:
            at = place.clock()
            replay = WebhookReplay(
                id="again", tenant="acme", webhook_id="one", since=at.replace(hour=0), until=at, created_at=at,
                created_by="ada",
            )  # fmt: skip
            await place.ledger.commit(Work([Step.of([replay])]))
        await place.rounds(8, 40)
        assert {one.state for one in await place.deliveries()} == {"delivered"}
        assert (await place.get(WebhookReplay, "again")).open is None
        assert (await place.get(WebhookFeed, "acme")).count >= len(SUBJECTS)


def first(net: Net, ticket: str) -> list[str]:
    """Return what was told of a ticket, each at its first time, in that order."""
    return list(dict.fromkeys(name for name in net.told() if name[0] == ticket))


@pytest.mark.parametrize("in_order", [False, True], ids=["one transaction", "each by itself"])
async def test_a_kill_at_any_commit_loses_nothing_and_keeps_the_order(tmp_path: Path, in_order: bool) -> None:
    """Something may be told twice, always under the same id."""
    undisturbed, life = Story(tmp_path / "undisturbed", in_order=in_order), Life()
    assert await undisturbed.live(life)
    assert undisturbed.net.told().count("a1") >= 3  # refused once, then told, then told again
    assert len(life.moments()) > 30
    for number, (at, when) in enumerate(life.moments()):
        story = Story(tmp_path / f"{number}", in_order=in_order)
        assert not await story.live(Life(at, when))
        assert await story.live(Life())
        ids = {(call.entry["id"], call.headers["webhook-id"]) for call in story.net.calls}
        assert len(ids) == len(SUBJECTS), f"killed {when} commit {at}"
        assert first(story.net, "a") == ["a1", "a2", "a3"], f"killed {when} commit {at}"
        assert first(story.net, "b") == ["b1", "b2"], f"killed {when} commit {at}"
