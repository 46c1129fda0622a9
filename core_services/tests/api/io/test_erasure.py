"""Erasing a person: afterwards nothing in the store tells of them, and everybody else's is as it was."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from chorally_core.adapters.local import Folder, InProcess
from chorally_core.events import AuthorDelete, Event, topics
from chorally_core.ports.documents import Query
from chorally_core.ports.erasure import Erasure, Part
from chorally_core.ports.jobs import Job
from chorally_core.ports.ledger import Step, Work
from chorally_core.ports.parking import DeadLetter, Parked
from chorally_core.runner import Runner
from chorally_core.runner.erasure import EraseEvents, Eraser, EraseWaiting
from chorally_core.runner.jobs_hands import Hands
from chorally_core.runner.jobs_run import Terms
from chorally_core.runner.jobs_store import JobStore
from chorally_core.runner.jobs_worker import Worker
from chorally_core.services.author import handlers as authors
from chorally_core.services.author.model import Author
from chorally_core.services.io.erasure import EraseDeliveries, EraseHooks
from chorally_core.services.io.model import Delivery, Hook
from chorally_core.services.log import handlers as logs
from chorally_core.services.log.erasure import EraseEntries
from chorally_core.services.log.model import LogEntry
from chorally_core.services.message import commands
from chorally_core.services.message import handlers as messages
from chorally_core.services.message.changes import Actor
from chorally_core.services.message.erasure import EraseMessages
from chorally_core.services.message.model import Message, Ticket

MARK = "q4711"
"""Part of the person's id, name and words, and of the answers to them."""


class World:
    """All services around one store, driven by hand."""

    def __init__(self, service: Any, ledger: Any, clock: Any, objects: Any) -> None:
        self.service, self.ledger, self.clock = service, ledger, clock
        groups = [
            (authors.GROUP, authors.HANDLERS),
            (messages.GROUP, messages.HANDLERS),
            (logs.GROUP, logs.HANDLERS),
            ("io", service.handlers()),
        ]
        self.runners = [Runner(group, handlers, ledger, now=clock) for group, handlers in groups]
        self.objects = objects
        self.seconds = 0.0

    async def pump(self) -> None:
        """Let everything flow until nothing is left."""
        while sum([await runner.step() for runner in self.runners]):
            pass

    def eraser(self) -> Eraser:
        """A new one, as after a start."""
        ledger = self.ledger
        parts: list[Part] = [
            EraseMessages(ledger),
            EraseDeliveries(ledger),
            EraseHooks(ledger, self.objects, self.service.directory, self.service.journal),
            EraseEntries(ledger),
            EraseWaiting(ledger),
            EraseEvents(ledger, [*topics.FIXED, "wall_note"]),
        ]
        return Eraser(ledger, parts, now=self.clock)

    async def answer(self, author: str, text: str) -> None:
        """Let an agent answer a person."""
        tickets = await self.ledger.documents.find(Query(Ticket, "acme"))
        ticket = next(t for t in tickets if t.author_id == author and t.status != "resolved")
        answered = await self.ledger.documents.get(Message, ticket.last_inbound_id)
        change = commands.reply(
            ticket, answered, body=text, actor=Actor("agent", "bob"), message_id=f"answer-{author}", at=self.clock()
        )
        await self.ledger.commit(Work([Step.of(change.writes, change.events)]))
        answered_ticket = change.writes[1]
        assert isinstance(answered_ticket, Ticket)
        note = commands.note(
            answered_ticket, body=f"note {text}", actor=Actor("agent", "bob"), message_id=f"note-{author}",
            at=self.clock(),
        )  # fmt: skip
        await self.ledger.commit(Work([Step.of(note.writes, note.events)]))
        await self.pump()

    async def author(self, external_id: str) -> str:
        """Return the id of a person."""
        found: list[Author] = await self.ledger.documents.find(Query(Author, "acme"))
        return next(author.id for author in found if author.external_id == external_id)

    async def erase(self, author: str) -> None:
        """Ask for the erasure."""
        event = Event(
            topic=topics.AUTHORS, issuer="author-service", name="delete", data=AuthorDelete(id=author),
            id=f"erase-{self.clock()}", tenant="acme", key=f"acme/{author}", occurred_at=self.clock(),
        )  # fmt: skip
        await self.ledger.bus.publish([event])
        await self.pump()

    async def finish(self) -> None:
        """Erase to the end, both rounds."""
        for _ in range(2):
            self.clock.pass_(hours=2)
            await self.work()
            await self.pump()

    async def work(self, eraser: Eraser | None = None) -> None:
        """Do the jobs that are due, as a process that has just started."""
        store = JobStore(self.ledger, [(eraser or self.eraser()).kind], now=self.clock)
        hands = Hands(store, Terms("test", monotonic=lambda: self.seconds))
        worker = Worker(hands, InProcess())
        await worker.take_over()
        self.seconds += 60.0
        await worker.take_over()
        while await worker.turn():
            await hands.idle()

    def everything(self) -> dict[str, str]:
        """All rows of all tables, as text."""
        run = self.ledger.documents._database.writer.execute
        tables = [row[0] for row in run("select name from sqlite_master where type='table'")]
        return {
            f"{table} {number}": str(row)
            for table in tables
            for number, row in enumerate(run(f"select * from {table}"))  # noqa: S608  # names come from the store
        }


@pytest.fixture
async def world(
    service: Any, ledger: Any, clock: Any, tmp_path: Any, app: Any, speak: Any, badge: Any, an_app: Any,
    an_account: Any, hooks: Any, a_note: Callable[..., Any],
) -> World:  # fmt: skip
    """Two people who wrote, in hooks of their own and in one together, and were answered; and some accidents."""
    client = speak(app, badge())
    made = (await client.post("/apps", json=an_app)).json()
    await client.post("/accounts", json=an_account)
    await service.pulling.stop()
    world = World(service, ledger, clock, Folder(tmp_path / "objects"))
    ours = {"by": f"person-{MARK}"}
    await hooks.send(made, [a_note("n1", f"words {MARK}", **ours)])
    await hooks.send(made, [a_note("n2", f"more {MARK}", **ours), a_note("n3", "hello", by="other")])
    await hooks.send(made, [a_note("n4", "other words", by="other")])
    await hooks.send(made, [a_note("n5", f"large {MARK}" * 40_000, **ours)])
    await hooks.send(made, f'unreadable "person-{MARK}"'.encode())
    await world.pump()
    person, other = await world.author(f"person-{MARK}"), await world.author("other")
    await world.answer(person, f"answer to {MARK}")
    await world.answer(other, "answer to other")
    key = f"acme/{person}"
    told = {"occurred_at": clock().isoformat()}
    letter = DeadLetter(
        id="l1", tenant="acme", at=clock(), source="messages", group="message", key=key, value=f"value {MARK}",
        headers=told, error="boom", attempts=5,
    )  # fmt: skip
    parked = Parked(
        id="p1", tenant="acme", lane="gone", group="gone", position="1", topic="messages", key=key,
        value=f"value {MARK}", headers=told, next_at=clock(),
    )  # fmt: skip
    await ledger.commit(Work([Step.of([letter]), Step.of([parked])]))
    clock.pass_(minutes=1)
    return world


async def test_nothing_in_the_store_tells_of_a_person_who_was_erased(world: Any, canary: Any) -> None:
    """Not a row of any table, nor a file; what is left counts and orders."""
    person = await world.author(f"person-{MARK}")
    assert [row for row in world.everything().values() if MARK in row]
    await world.erase(person)
    await world.finish()

    assert {place: row for place, row in world.everything().items() if MARK.lower() in row.lower()} == {}
    [job] = await world.ledger.documents.find(Query(Erasure, None))
    assert (job.finished_at is not None, job.round, job.external_id) == (True, 2, "")
    assert list(world.objects._root.rglob("*/*/*")) == []


async def test_everybody_elses_is_as_it_was(world: Any) -> None:
    """The other person's messages, ticket, answers and history are untouched."""
    person, other = await world.author(f"person-{MARK}"), await world.author("other")
    documents = world.ledger.documents

    async def theirs() -> list[Any]:
        found = []
        for of in (Message, Ticket, LogEntry):
            found += [d for d in await documents.find(Query(of, "acme", limit=1000)) if d.author_id == other]
        found += [d for d in await documents.find(Query(Delivery, "acme")) if d.key == f"acme/{other}"]
        return found

    before = await theirs()
    await world.erase(person)
    await world.finish()

    assert await theirs() == before
    assert len(before) > 8
    bodies = [hook.body for hook in await documents.find(Query(Hook, "acme"))]
    assert [body for body in bodies if b"other words" in body]
    assert bodies.count(b"") == 4


async def test_the_tickets_are_resolved_and_the_answer_that_waited_is_given_up(world: Any) -> None:
    """Nobody works on what is not there any more."""
    person = await world.author(f"person-{MARK}")
    await world.erase(person)
    await world.finish()
    [ticket] = [t for t in await world.ledger.documents.find(Query(Ticket, "acme")) if t.author_id == person]
    said = [m for m in await world.ledger.documents.find(Query(Message, "acme")) if m.ticket_id == ticket.id]
    answer = next(m for m in said if m.sender_kind == "agent" and m.direction == "outbound")

    assert (ticket.status, ticket.open_key, ticket.message_count) == ("resolved", None, 5)
    assert {m.body for m in said} == {""}
    assert all(m.deleted_at for m in said)
    assert answer.status == "failed"


async def test_what_comes_again_of_an_erased_message_does_not_bring_it_back(
    world: Any, hooks: Any, a_note: Any, service: Any
) -> None:
    """A platform that delivers a webhook again changes nothing."""
    person = await world.author(f"person-{MARK}")
    again = a_note("n1", f"words {MARK}", by=f"person-{MARK}")
    await world.erase(person)
    await world.finish()
    app = next(iter(service.directory.apps.values()))
    service.inbound.given_up(everything=True)
    await hooks.send({"webhook_path": f"/wall/v1/webhook/{app.hook_token}"}, [again])
    await world.pump()

    found = await world.ledger.documents.find(Query(Message, "acme"))
    assert [m for m in found if MARK in m.body] == []
    assert (await world.ledger.documents.get(Author, person)).name == ""


async def test_what_the_person_writes_later_is_new(world: Any, hooks: Any, a_note: Any, service: Any) -> None:
    """It opens a ticket, survives the second round, and is erased when that is asked for."""
    person = await world.author(f"person-{MARK}")
    await world.erase(person)
    await world.work()
    world.clock.pass_(minutes=5)
    app = next(iter(service.directory.apps.values()))
    path = {"webhook_path": f"/wall/v1/webhook/{app.hook_token}"}
    await hooks.send(path, [a_note("n9", f"new {MARK}", by=f"person-{MARK}")])
    await world.pump()
    await world.finish()
    kept = [m.body for m in await world.ledger.documents.find(Query(Message, "acme")) if MARK in m.body]
    await world.erase(person)
    await world.finish()

    assert kept == [f"new {MARK}"]
    assert {place: row for place, row in world.everything().items() if MARK.lower() in row.lower()} == {}


@pytest.mark.parametrize("after", range(0, 40, 3))
async def test_a_kill_at_any_point_loses_nothing_of_an_erasure(world: Any, after: Any, monkeypatch: Any) -> None:
    """Whatever was stored before the kill, the next start goes on and comes to the same end."""
    await world.erase(await world.author(f"person-{MARK}"))
    left = after

    def mortal(write: Callable[..., Any]) -> Callable[..., Any]:
        async def until_killed(*what: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise ConnectionError("the process is no more")
            return await write(*what)

        return until_killed

    with monkeypatch.context() as patch:
        patch.setattr(world.ledger, "commit", mortal(world.ledger.commit))
        patch.setattr(world.ledger.documents, "write", mortal(world.ledger.documents.write))
        with contextlib.suppress(ConnectionError):
            await world.work()
    assert left < 0
    await world.finish()

    assert {place: row for place, row in world.everything().items() if MARK.lower() in row.lower()} == {}


async def test_a_part_that_fails_is_tried_again_later_and_holds_up_no_other_job(world: Any) -> None:
    """The others go on meanwhile."""
    person, other = await world.author(f"person-{MARK}"), await world.author("other")

    class Fails:
        name = "fails"
        tried: list[str] = []

        async def step(self, erasure: Erasure, place: str) -> str | None:
            self.tried.append(erasure.id)
            if erasure.id == person:
                raise RuntimeError("not today")
            return None

    await world.erase(person)
    await world.erase(other)
    await world.work(Eraser(world.ledger, [Fails()], now=world.clock))

    assert Fails.tried.count(person) == 1
    assert (await world.ledger.documents.get(Erasure, other)).round == 2
    assert (await world.ledger.documents.get(Erasure, person)).round == 1
    states = {job.arguments["author_id"]: job for job in await world.ledger.documents.find(Query(Job, "acme"))}
    assert (states[person].error, states[other].error) == ("RuntimeError: not today", "")


async def test_a_webhook_that_is_not_read_yet_is_left_for_the_second_round(
    world: Any, service: Any, hooks: Any, a_note: Any, clock: Any
) -> None:
    """Emptying it before would lose what others say in it."""
    app = next(iter(service.directory.apps.values()))
    body = [a_note("n8", f"late {MARK}", by=f"person-{MARK}"), a_note("n7", "unread", by="other")]
    step = service.intake.step
    service.intake.step = lambda: _nothing()
    await hooks.send({"webhook_path": f"/wall/v1/webhook/{app.hook_token}"}, body)
    service.intake.step = step
    await world.erase(await world.author(f"person-{MARK}"))
    await world.work()
    await service.intake.recover()
    await service.intake.step()
    await world.pump()
    await world.finish()

    found = [m.body for m in await world.ledger.documents.find(Query(Message, "acme"))]
    assert "unread" in found
    assert {place: row for place, row in world.everything().items() if MARK.lower() in row.lower()} == {}


async def _nothing() -> int:
    return 0


async def test_another_tenants_person_with_the_same_name_there_is_not_touched(
    world: Any, app: Any, speak: Any, badge: Any, an_app: Any, an_account: Any, hooks: Any, a_note: Any, platform: Any
) -> None:
    """Each tenant knows people of its own."""
    client = speak(app, badge("umbrella"))
    made = (await client.post("/apps", json=an_app)).json()
    await client.post("/accounts", json=an_account)
    await world.service.pulling.stop()
    row = await hooks.send(made, [a_note("n1", f"theirs {MARK}", by=f"person-{MARK}")])
    await world.pump()
    await world.erase(await world.author(f"person-{MARK}"))
    await world.finish()

    assert (await world.ledger.documents.get(Hook, row)).body
    [message] = await world.ledger.documents.find(Query(Message, "umbrella"))
    [author] = await world.ledger.documents.find(Query(Author, "umbrella"))
    assert (message.body, author.external_id) == (f"theirs {MARK}", f"person-{MARK}")


async def test_an_emptied_webhook_says_so_and_is_not_replayed(world: Any, app: Any, speak: Any, badge: Any) -> None:
    """There is nothing left to read again."""
    await world.erase(await world.author(f"person-{MARK}"))
    await world.finish()
    client = speak(app, badge())
    emptied = [item for item in (await client.get("/hooks")).json()["items"] if item["erased_at"]]
    answer = await client.post(f"/hooks/{emptied[0]['id']}/replay")

    assert len(emptied) == 4
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:chorally:problem:erased")
