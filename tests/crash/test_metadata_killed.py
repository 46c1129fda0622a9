"""A kill at each commit while macros run, tags are renamed and contacts are merged: each is done once all the same."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from chorally_core.adapters.local import InProcess
from chorally_core.api.files_named import Files
from chorally_core.api.message import Tickets
from chorally_core.api.metadata_parts import Metadata
from chorally_core.api.metadata_running import Running
from chorally_core.ports.erasure import Erasure
from chorally_core.ports.identity import Caller
from chorally_core.ports.ledger import Step, Work
from chorally_core.ports.parking import DeadLetter, Parked
from chorally_core.ports.permissions import permissions_of
from chorally_core.ports.tags import Tag, TagSet
from chorally_core.services.author.contact_model import Contact
from chorally_core.services.author.contacts import Contacts
from chorally_core.services.author.erasure import EraseContacts
from chorally_core.services.author.model import Author
from chorally_core.services.author.retagging import RetagAuthors
from chorally_core.services.log.model import LogEntry
from chorally_core.services.message.retagging import RetagTickets
from chorally_core.services.metadata import tags
from chorally_core.services.metadata.actions import read_actions
from chorally_core.services.metadata.retagging import Retag, retags

from tests.crash.mortal import Life
from tests.crash.test_every_commit import STORES, Store, Story
from tests.support.world import World

CALLER = Caller(tenant="acme", subject="agent-1", kind="user", name="Bo", permissions=permissions_of(["admin"]))
ACTIONS = read_actions(
    (
        {"type": "add_tags", "tags": ["Parcel", "late"]},
        {"type": "reply", "text": "Dear {{author.name}}"},
        {"type": "note", "text": "answered by {{agent.name}}"},
        {"type": "assign", "agent_id": "me"},
        {"type": "set_status", "status": "resolved"},
    )
)
TOLD = {"ticket_changed", "reply_written", "note_added", "ticket_retagged", "tag_added", "tag_changed",
        "contact_merged", "contact_extended", "contact_merge_undone"}  # fmt: skip


class Now:
    """What a job sees that begins anew at each run, as nothing that it kept was stored."""

    tenant, job_id, kept = "acme", "job", cast("Mapping[str, Any]", {})

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now

    def check(self) -> None:
        """Let it go on."""

    async def progress(self, *_: Any, **__: Any) -> None:
        """Let it go on."""


class OfficeStory(Story):
    """Two people write; an agent declares a tag, runs a macro, renames the tag, and says who is one person."""

    def __init__(self, folder: Path, store: Store) -> None:
        super().__init__(folder, store)
        self.page.next = []
        self.steps: list[Callable[[World], Awaitable[None]]] = [
            self.connects, self.two_people_say_something, self.a_tag_is_added, self.a_macro_is_run,
            self.the_tag_is_renamed, self.what_is_tagged_follows, self.they_are_merged, self.that_is_undone,
            self.they_are_merged_again, self.one_is_erased,
        ]  # fmt: skip

    async def a_tag_is_added(self, world: World) -> None:
        """Under an id of the request."""
        at = self.clock()
        tag = Tag(id="t1", name="parcel", created_at=at, created_by="a", changed_at=at, changed_by="a")
        await world.actions.act(
            [tags.key("acme")], lambda found: tags.add(found, "acme", tag, actor=("agent", "a"), cause="add")
        )

    async def a_macro_is_run(self, world: World) -> None:
        """On both tickets, and again from the beginning where it was broken off."""
        files = Files(lambda tenant: timedelta(days=1))
        given: Any = {"documents": world.ledger.documents, "actions": world.actions, "files": files}
        given |= {"now": self.clock, "new_id": lambda: "id"}
        asked: Any = {"coordination": InProcess(), "search": None, "judge": lambda wanted: None}
        tickets = Tickets(**given, **asked, verbs_of=lambda channel: ())
        running = Running(Metadata(**given, tickets=tickets))
        for ticket in await world.tickets():
            result = await running.on(ticket.id, ACTIONS, CALLER, "run-1", None)
            assert result.ok, result

    async def the_tag_is_renamed(self, world: World) -> None:
        """By a request that is sent until it is answered."""
        known = (await world.get(TagSet, "acme")).find("t1")
        if known.name == "parcel":
            tag = tags.revised(known, {"name": "delivery"}, "a", self.clock())
            await world.actions.act(
                [tags.key("acme")], lambda found: tags.change(found, "acme", tag, actor=("agent", "a"), cause="rename")
            )

    async def what_is_tagged_follows(self, world: World) -> None:
        """Two rounds of the job."""
        kind = retags(world.ledger.documents, [RetagTickets(world.ledger), RetagAuthors(world.ledger)])
        for _ in range(2):
            await kind.run(Retag("parcel", "rename", self.clock()), cast("Any", Now(self.clock)))

    async def they_are_merged(self, world: World) -> None:
        """Ada and Bob."""
        await self._merge(world, "m1")

    async def that_is_undone(self, world: World) -> None:
        """Unless it was before the kill."""
        contacts = Contacts(world.ledger.documents, world.actions)
        group = await contacts.of_author("acme", await _author(world, "Ada"))
        assert group is not None
        if any(node.merge is not None for node in group.nodes):
            await contacts.undo("acme", group, "m1", actor=("agent", "a"), at=self.clock())

    async def they_are_merged_again(self, world: World) -> None:
        """Under another id."""
        await self._merge(world, "m2")

    async def one_is_erased(self, world: World) -> None:
        """Bob's contact goes step by step."""
        (bob,) = [author for author in await world.all(Author) if author.name in ("Bob", "")]
        if bob.erased_at is None:
            await world.ledger.commit(Work([Step.of([bob.erased(self.clock())])]))
        at = self.clock()
        erasure = Erasure(id=bob.id, tenant="acme", platform="wall", since=at, at=at, next_at=at)
        place: str | None = ""
        while place is not None:
            place = await EraseContacts(world.ledger).step(erasure, place)

    async def _merge(self, world: World, name: str) -> None:
        contacts = Contacts(world.ledger.documents, world.actions)
        ada, bob = await _author(world, "Ada"), await _author(world, "Bob")
        await contacts.merge("acme", ada, bob, merge_id=name, actor=("agent", "a"), at=self.clock())


async def _author(world: World, name: str) -> str:
    (found,) = [author.id for author in await world.all(Author) if author.name == name]
    return str(found)


async def office(world: World, page: Any) -> dict[str, Any]:
    """Return what must be the same in the end."""
    tickets = await world.tickets()
    numbers = {ticket.id: ticket.number for ticket in tickets}
    told = {entry.id: entry for entry in await world.all(LogEntry)}.values()
    said = sorted((numbers[m.ticket_id or ""], m.sequence, m.body) for m in await world.messages())
    return {
        "on the page": sorted(answer["text"] for answer in page.answers),
        "tickets": [(t.author_name, t.status, t.tags, t.assignee_id, t.message_count) for t in tickets],
        "said": said,
        "tags": [(tag.name, tag.number) for tag in (await world.get(TagSet, "acme")).tags],
        "contacts": [(c.author_id, c.part_of, c.merge, c.gathered_at) for c in await world.all(Contact)],
        "facts": Counter(entry.what for entry in told if entry.what in TOLD),
        "left over": [await world.all(of) for of in (Parked, DeadLetter)],
    }


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Any:
    """How work becomes durable."""
    return request.param


@pytest.fixture(autouse=True)
def _what_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.crash.test_every_commit.state", office)


async def test_without_a_kill_everything_is_done_once(tmp_path: Path, store: Store) -> None:
    """What the other test compares with: both tickets answered, noted, retagged; nothing left of the merge."""
    final = await OfficeStory(tmp_path / "undisturbed", store).live(Life())

    assert final["on the page"] == ["Dear Ada", "Dear Bob"]
    assert [ticket[1:] for ticket in final["tickets"]] == [
        ("resolved", ("delivery", "late"), "agent-1", 4), ("resolved", ("delivery", "late"), "agent-1", 3),
    ]  # fmt: skip
    assert final["tags"] == [("delivery", 2)]
    assert [contact[1:] for contact in final["contacts"]] == [(None, None, None)]
    assert final["facts"] == {
        "ticket_changed": 4, "reply_written": 2, "note_added": 2, "ticket_retagged": 2, "tag_added": 1,
        "tag_changed": 1, "contact_merged": 2, "contact_extended": 2, "contact_merge_undone": 1,
    }  # fmt: skip
    assert final["left over"] == [[], []]


@pytest.mark.slow
async def test_a_kill_at_any_commit_leads_to_the_same_end(tmp_path: Path, store: Store) -> None:
    """One kill, at each commit there is: before it becomes durable, and right after."""
    life = Life()
    expected = await OfficeStory(tmp_path / "undisturbed", store).live(life)
    assert len(life.moments()) > 30
    for number, (at, when) in enumerate(life.moments()):
        story = OfficeStory(tmp_path / f"{number}", store)
        assert await story.live(Life(at, when)) is None
        final = await story.live()
        assert final == expected, f"killed {when} commit {at}"
