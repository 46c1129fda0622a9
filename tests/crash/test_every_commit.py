"""A kill at each commit, before and after it: whoever starts again comes to the same end."""

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import httpx
import pytest
from chorally_core.adapters.sqlite.database import Database
from chorally_core.events import topics
from chorally_core.ports.documents import Key
from chorally_core.ports.parking import DeadLetter, Parked
from chorally_core.services.author.model import Author
from chorally_core.services.io.model import Delivery, Held, Nudge
from chorally_core.services.log.model import LogEntry
from chorally_core.services.message import commands
from chorally_core.services.message.changes import Actor
from chorally_core.services.message.model import Message, Ticket

from tests.crash.mortal import EachByItself, Life, MortalDatabase, calling
from tests.support.hooks import SECRET, a_hook
from tests.support.wall import Wall, WallPlatform
from tests.support.world import Clock, World

ONCE = frozenset(
    {"author_added", "message_received", "message_edited", "message_deleted", "message_hidden", "ticket_opened",
     "reply_written", "message_sent", "ticket_changed", "app_added", "account_connected"}
)  # fmt: skip
"""Facts that are told once, however often the process was killed."""


Store = Literal["one transaction", "each by itself"]
"""How work becomes durable: all of a turn at once; or one document after another, and events after them."""

STORES: tuple[Store, ...] = ("one transaction", "each by itself")


class Page(WallPlatform):
    """The wall, which tells of our answers before it answers us, and repeats what was not taken."""

    def __init__(self) -> None:
        super().__init__()
        self.next = ["lost", "", "502"]
        self.untold: list[tuple[dict[str, Any], ...]] = []
        self.world: World | None = None
        self.life = Life()

    async def answered(self, request: httpx.Request) -> httpx.Response:
        """Answer a call, after the echo of what it made."""
        known = len(self.answers)
        lost: httpx.HTTPError | None = None
        answer = httpx.Response(500)
        try:
            answer = self.answer(request)
        except httpx.HTTPError as error:
            lost = error
        for made in self.answers[known:]:
            at = "2026-11-23T09:00:00+00:00"
            echo = {"id": made["id"], "text": made["text"], "at": at, "ours": True, "parent": made["note"]}
            await self.tell(echo)
        if lost is not None:
            raise lost
        return answer

    async def tell(self, *items: dict[str, Any]) -> None:
        """Send a hook."""
        self.untold.append(items)
        await self.tell_again()

    async def tell_again(self) -> None:
        """Send what was not taken yet."""
        while self.untold:
            items = self.untold[0]
            assert self.world is not None
            verdict = await self.world.io.journal.receive("wall", "", a_hook(self.world, *items))
            assert verdict.kind == "accept"
            self.life.be_seen()
            self.untold.remove(items)


class Story:
    """What people, the platform and an agent do, one after another; each does it again until it is acknowledged."""

    def __init__(self, folder: Path, store: Store) -> None:
        folder.mkdir()
        for name in ("chorally.db", "bus.db"):
            (folder / name).write_bytes(_empty_database())
        self.store = store
        self.folder = folder
        self.page = Page()
        self.clock = Clock()
        self.step = 0
        self.steps: list[Callable[[World], Awaitable[None]]] = [
            self.connects, self.two_people_say_something, self.it_is_told_again, self.an_answer_is_lost,
            self.an_answer_is_made, self.an_answer_is_refused, self.a_note_is_only_pulled,
            self.people_change_their_mind, self.it_is_resolved, self.the_first_writes_again,
            self.everything_is_told_again,
        ]  # fmt: skip

    async def live(self, life: Life | None = None) -> Any:
        """Go on for a life; return the final state, None where the life ended before the story."""
        life = life or Life()
        ended: list[World] = []
        final: list[Any] = []

        async def go_on() -> None:
            world = World(
                self.folder, {"wall": Wall}, clock=self.clock, database=lambda path: MortalDatabase(path, life),
                transports={"wall": calling(life, self.page.answered)}, in_order=self.store == "each by itself",
                documents=EachByItself,
            )  # fmt: skip
            ended.append(world)
            self.page.world, self.page.life = world, life
            await world.start()
            while self.step < len(self.steps):
                await self.calm(world)
                await self.steps[self.step](world)
                life.be_seen()
                self.step += 1
            await self.calm(world)
            commits = life.commits
            final.append(await state(world, self.page))
            life.commits = commits

        await life.live(go_on())
        for world in ended:
            world.kill()
        return final[0] if final else None

    async def calm(self, world: World) -> None:
        """Let everything happen that follows, also what follows later."""
        await self.page.tell_again()
        for _ in range(2):
            await world.settle()
            self.clock.forward(seconds=20)
        await world.settle()

    async def connects(self, world: World) -> None:
        """Set up the app and the account."""
        if not world.io.directory.apps:
            await world.app("wall", {"secret": SECRET})
        if not world.io.directory.accounts:
            await world.account("wall")

    async def two_people_say_something(self, world: World) -> None:
        """Three notes of two people in two hooks."""
        await self.page.tell(_note("n1", "ada", "hello"), _note("n2", "ada", "again"))
        await self.page.tell(_note("n3", "bob", "I too"))

    async def it_is_told_again(self, world: World) -> None:
        """A hook comes twice."""
        await self.page.tell(_note("n2", "ada", "again"), _note("n3", "bob", "I too"))

    async def an_answer_is_lost(self, world: World) -> None:
        """The platform makes the answer, tells of it, and its own answer to us is lost."""
        await _answer(world, "Ada", "to ada", "answer-1")

    async def an_answer_is_made(self, world: World) -> None:
        """The echo overtakes the platform's answer to us."""
        await _answer(world, "Bob", "to bob", "answer-2")

    async def an_answer_is_refused(self, world: World) -> None:
        """The platform fails before it makes anything."""
        await _answer(world, "Ada", "to ada, more", "answer-3")

    async def a_note_is_only_pulled(self, world: World) -> None:
        """One note that no hook tells of, beside one that came before."""
        if not self.page.notes:
            self.page.note("n1", "ada", "hello")
            self.page.note("n4", "cleo", "psst")
        (account,) = world.io.directory.accounts.values()
        await world.pull(account)

    async def people_change_their_mind(self, world: World) -> None:
        """An edit, a removal, a hiding."""
        edited = _note("n1", "ada", "hello!", edited_at="2026-11-23T09:10:00+00:00")
        await self.page.tell(edited, {"mark": "deleted", "id": "n2"}, {"mark": "hidden", "id": "n3"})

    async def it_is_resolved(self, world: World) -> None:
        """The agent resolves the first ticket."""
        ticket = await _ticket(world, "Ada")

        def resolve(found: Any) -> Any:
            now = found.get(Ticket, ticket.id)
            at = self.clock()
            return commands.change(now, {"status": "resolved"}, actor=Actor("agent", "a"), at=at, cause=at.isoformat())

        await world.actions.act([Key.by_id(Ticket, ticket.id)], resolve)

    async def the_first_writes_again(self, world: World) -> None:
        """After the ticket was resolved."""
        await self.page.tell(_note("n5", "ada", "one more thing"))

    async def everything_is_told_again(self, world: World) -> None:
        """All hooks come once more, out of order, and the pull finds what it found."""
        edited = _note("n1", "ada", "hello!", edited_at="2026-11-23T09:10:00+00:00")
        await self.page.tell(edited, {"mark": "deleted", "id": "n2"}, _note("n5", "ada", "one more thing"))
        await self.page.tell(_note("n2", "ada", "again"), _note("n1", "ada", "hello"), _note("n3", "bob", "I too"))
        (account,) = world.io.directory.accounts.values()
        await world.pull(account)


@lru_cache
def _empty_database() -> bytes:
    """A file that is quicker copied than made."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        Database(path).close()
        return path.read_bytes()


def _note(name: str, signer: str, text: str, **more: object) -> dict[str, Any]:
    who = {"id": signer, "name": signer.title()}
    return {"id": name, "signer": who, "text": text, "at": "2026-11-23T08:00:00+00:00", **more}


async def _ticket(world: World, author: str) -> Ticket:
    (ticket,) = [ticket for ticket in await world.tickets() if ticket.author_name == author]
    return ticket


async def _answer(world: World, author: str, text: str, name: str) -> None:
    await world.reply(await _ticket(world, author), text, name)


async def state(world: World, page: Page) -> dict[str, Any]:
    """Return everything that must be the same in the end, however often the process was killed."""
    tickets = await world.tickets()
    numbers = {ticket.id: ticket.number for ticket in tickets}
    messages: list[Message] = sorted(await world.messages(), key=lambda m: (numbers[m.ticket_id or ""], m.sequence))
    outside = {m.id: m.external_id for m in messages}
    entries: list[LogEntry] = [entry for entry in await world.all(LogEntry) if entry.what in ONCE]
    told = await world.published(topics.RULE_TRIGGERS)
    triggers = {trigger.id: trigger for trigger in told if trigger.data.message_id}.values()
    return {
        "on the page": sorted((answer["note"], answer["text"]) for answer in page.answers),
        "tickets": [(t.number, t.author_name, t.status, t.message_count, t.unread_count) for t in tickets],
        "sequences": {number: [m.sequence for m in messages if numbers[m.ticket_id or ""] == number]
                      for number in numbers.values()},
        "messages": [
            (numbers[m.ticket_id or ""], m.direction, m.origin, m.external_id, m.body, m.status, m.hidden,
             m.deleted_at is not None, [earlier.body for earlier in m.previous_versions])
            for m in messages
        ],
        "deliveries": sorted((d.id, d.state, d.external_id, d.needs_person) for d in await world.all(Delivery)),
        "authors": sorted(author.name for author in await world.all(Author)),
        "facts": Counter((e.what, outside.get(e.subject_id, "")) for e in entries),
        "triggers": Counter((t.data.kind, outside.get(t.data.message_id or "", "")) for t in triggers),
        "left over": [await world.all(of) for of in (Parked, DeadLetter, Held, Nudge)],
    }  # fmt: skip


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Any:
    """How work becomes durable."""
    return request.param


@pytest.fixture
async def undisturbed(tmp_path: Path, store: Store) -> tuple[Life, Any]:
    """The life of a story in which nothing is killed, and its final state."""
    life = Life()
    return life, await Story(tmp_path / "undisturbed", store).live(life)


def test_a_life_can_end_before_each_commit_and_after_what_was_seen() -> None:
    """Two ends between which nothing can be seen are the same."""
    life = Life()
    for is_seen in (False, True, False):
        life.reach("after")
        if is_seen:
            life.be_seen()

    assert life.moments() == [(0, "before"), (1, "before"), (2, "before"), (1, "after")]


async def test_where_nothing_is_killed_the_end_is_as_people_expect_it(undisturbed: tuple[Life, Any]) -> None:
    """What the other tests compare with: each answer is on the page once, the edit and the removal are there."""
    life, final = undisturbed

    assert len(life.moments()) > 70
    assert final["on the page"] == [("n2", "to ada"), ("n2", "to ada, more"), ("n3", "to bob")]
    assert [state for _, state, _, _ in final["deliveries"]] == ["sent"] * 3
    assert final["tickets"] == [
        (1, "Ada", "resolved", 4, 0), (2, "Bob", "waiting", 2, 1), (3, "Cleo", "open", 1, 1), (4, "Ada", "open", 1, 1)
    ]  # fmt: skip
    assert final["sequences"] == {1: [1, 2, 3, 4], 2: [1, 2], 3: [1], 4: [1]}
    assert [(m[3], m[4]) for m in final["messages"] if m[1] == "inbound"] == [
        ("n1", "hello!"), ("n2", ""), ("n3", "I too"), ("n4", "psst"), ("n5", "one more thing")
    ]  # fmt: skip
    assert set(final["facts"].values()) == {1, 3, 4}  # three authors and four tickets are told of without a message
    assert set(final["triggers"].values()) == {1}
    assert final["left over"] == [[], [], [], []]


@pytest.mark.slow
async def test_a_kill_at_any_commit_leads_to_the_same_end(
    tmp_path: Path, undisturbed: tuple[Life, Any], store: Store
) -> None:
    """One kill, at each commit there is: before it becomes durable, and right after."""
    life, expected = undisturbed
    for number, (at, when) in enumerate(life.moments()):
        story = Story(tmp_path / f"{number}", store)
        assert await story.live(Life(at, when)) is None
        assert await story.live() == expected, f"killed {when} commit {at}"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
async def test_many_kills_lead_to_the_same_end(
    tmp_path: Path, undisturbed: tuple[Life, Any], store: Store, seed: int
) -> None:
    """Every process is killed within a few commits of its start: long enough to get on, too short to finish much."""
    _, expected = undisturbed
    rng = random.Random(seed)  # noqa: S311 - chance that can be repeated, not a secret
    story = Story(tmp_path / "killed", store)
    for _ in range(500):
        final = await story.live(Life(rng.randrange(2, 9), rng.choice(("before", "after"))))
        if final is not None:
            break
    assert final == expected
