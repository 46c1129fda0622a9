"""The history over the API, in pages and as it grows."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from chorally_core.api import log as log_api
from chorally_core.api.guarded import unguarded
from chorally_core.events.ids import timed
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.log.feed import Feed
from chorally_core.services.log.model import LogEntry


class Looks:
    """Lets the feed look at the store when told to, instead of every half second."""

    def __init__(self) -> None:
        self._gate = asyncio.Event()
        self.asked = asyncio.Event()
        self.count = 0

    async def __call__(self, _: float) -> None:
        """Wait until told."""
        self.count += 1
        self.asked.set()
        await self._gate.wait()
        self._gate.clear()

    async def once(self) -> None:
        """Let it look once, and wait until it has."""
        await self.asked.wait()
        self.asked.clear()
        self._gate.set()
        await self.asked.wait()


@pytest.fixture
def looks() -> Looks:
    """When the feed looks."""
    return Looks()


@pytest.fixture
async def feed(ledger: Any, looks: Looks) -> AsyncIterator[Feed]:
    """What followers share."""
    feed = Feed(ledger.documents, sleep=looks, most=2, kept=5)
    yield feed
    await feed.stop()


@pytest.fixture
def app(badges: Any, ledger: Any, feed: Feed) -> Any:
    """The API; a minute of silence never passes here."""
    return log_api.create_app(badges, log_api.Log(documents=ledger.documents, feed=feed, heartbeat_s=60.0))


@pytest.fixture
def happens(ledger: Any, clock: Any) -> Callable[..., Any]:
    """Appends facts to the history."""

    async def append(name: str, *, tenant: str = "acme", ago_s: float = 0, **fields: Any) -> str:
        clock.pass_(seconds=-ago_s)
        at = clock()
        clock.pass_(seconds=ago_s)
        entry = LogEntry(
            id=timed(at, name), tenant=tenant, what=fields.pop("what", "ticket_changed"), issuer="message-service",
            at=at, subject_type="ticket", subject_id=name, **fields,
        )  # fmt: skip
        await ledger.commit(Work([Step.of([entry])]))
        return entry.id

    return append


class Stream:
    """A reader of server-sent events who speaks ASGI, so that the answer need not end."""

    def __init__(self, app: Any, headers: dict[str, str], query: str = "") -> None:
        self._app = app
        self._scope = {
            "type": "http", "method": "GET", "path": "/events", "raw_path": b"/events", "root_path": "",
            "scheme": "http", "http_version": "1.1", "query_string": query.encode(), "server": ("test", 80),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }  # fmt: skip
        self._sent: asyncio.Queue[Any] = asyncio.Queue()
        self.gone = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()
        self.status = 0
        self.headers: dict[str, str] = {}

    async def _receive(self) -> Any:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.body":
            await self.reads.wait()
        await self._sent.put(message)

    async def open(self) -> "Stream":
        """Begin."""
        self.task = asyncio.create_task(self._app(self._scope, self._receive, self._send))
        start = await self._sent.get()
        self.status = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return self

    async def next(self) -> dict[str, str]:
        """Return the fields of the next event; a comment is under an empty name."""
        message = await asyncio.wait_for(self._sent.get(), 5)
        lines = message["body"].decode().rstrip("\n").split("\n") if message["body"] else []
        return {name: value.lstrip() for name, _, value in (line.partition(":") for line in lines)}

    async def close(self) -> None:
        """Leave."""
        self.gone.set()
        await self.task


@asynccontextmanager
async def following(app: Any, headers: dict[str, str], query: str = "") -> AsyncIterator[Stream]:
    """Follow, and leave in the end."""
    stream = await Stream(app, headers, query).open()
    try:
        yield stream
    finally:
        await stream.close()


async def test_the_history_is_listed_newest_first_by_page(
    app: Any, speak: Any, badge: Any, happens: Any, clock: Any
) -> None:
    """Each entry once, whatever the page's size."""
    names = []
    for number in range(5):
        clock.pass_(seconds=1)
        names.append(await happens(f"t{number}"))
    client = speak(app, badge())
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await client.get(f"/logs?limit=2{cursor and '&cursor=' + cursor}")).json()
        found += [item["id"] for item in page["items"]]
        cursor = page["next"]

    assert found == names[::-1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("ticket_id=t1", ["a", "b"]),
        ("author_id=p1", ["a"]),
        ("account_id=x1", ["b"]),
        ("what=message_received&what=ticket_opened", ["a", "c"]),
        ("ticket_id=t1&what=ticket_changed", ["b"]),
        ("since=2026-11-23T09:00:00Z", ["b", "c"]),
        ("until=2026-11-23T09:00:00Z", ["a"]),
        ("ticket_id=t1&since=2026-11-23T08:00:00Z&until=2026-11-23T09:00:00Z", ["a"]),
    ],
)
async def test_the_history_is_filtered(
    app: Any, speak: Any, badge: Any, happens: Any, query: Any, expected: Any
) -> None:
    """By ticket, person, account, kind and time, and by all of them together."""
    await happens("a", ticket_id="t1", author_id="p1", what="message_received", ago_s=60)
    await happens("b", ticket_id="t1", account_id="x1")
    await happens("c", ticket_id="t2", what="ticket_opened")

    found = (await speak(app, badge()).get(f"/logs?{query}")).json()["items"]
    assert sorted(item["subject_id"] for item in found) == expected


async def test_what_happens_is_sent_as_it_is_stored(app: Any, badge: Any, happens: Any, looks: Any) -> None:
    """The stream opens with how to come back; each fact is an event with its id and kind."""
    early = await happens("early")
    async with following(app, badge()) as stream:
        opened = await stream.next()
        name = await happens("new", what="message_received", ticket_id="t1")
        await looks.once()
        event = await stream.next()

    assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert opened == {"retry": "3000", "id": early}
    assert (event["id"], event["event"]) == (name, "message_received")
    assert json.loads(event["data"])["ticket_id"] == "t1"


@pytest.mark.parametrize("way", ["header", "query", "both"])
async def test_whoever_comes_back_misses_nothing(app: Any, badge: Any, happens: Any, looks: Any, way: Any) -> None:
    """Also not an entry whose id is lower than the last one seen, because it tells of something earlier."""
    seen = await happens("seen")
    older = await happens("older", ago_s=3600)
    newer = await happens("newer")
    headers = badge() | ({"Last-Event-ID": seen} if way != "query" else {})
    query = {"header": "", "query": f"after={seen}", "both": f"after={newer}"}[way]
    async with following(app, headers, query) as stream:
        opened = await stream.next()
        came = [(await stream.next())["id"], (await stream.next())["id"]]
        last = await happens("last", ago_s=7200)
        await looks.once()
        came.append((await stream.next())["id"])

    assert opened["id"] == seen
    assert came == [older, newer, last]


async def test_who_comes_back_too_late_is_told_to_read_again(app: Any, badge: Any, happens: Any, ledger: Any) -> None:
    """What they saw last is not kept any more, so something may be missing."""
    gone = await happens("gone")
    kept = await happens("kept")
    await ledger.documents.delete(LogEntry, [gone])
    async with following(app, badge() | {"Last-Event-ID": gone}) as stream:
        opened, reset = await stream.next(), await stream.next()

    assert (opened["id"], reset["event"]) == (kept, "reset")
    assert "read the lists again" in reset["data"]


async def test_anothers_event_is_no_place_to_resume_behind(app: Any, badge: Any, happens: Any) -> None:
    """It is answered as one that is not kept: whether it exists is not told."""
    theirs = await happens("theirs", tenant="umbrella")
    async with following(app, badge() | {"Last-Event-ID": theirs}) as stream:
        opened, reset = await stream.next(), await stream.next()

    assert (opened["id"], reset["event"]) == ("", "reset")


async def test_a_stream_sends_its_own_tenants_facts_only(app: Any, badge: Any, happens: Any, looks: Any) -> None:
    """What happens elsewhere in between is passed over."""
    async with following(app, badge("acme")) as one, following(app, badge("umbrella")) as two:
        await one.next(), await two.next()
        ours = await happens("ours", tenant="acme")
        theirs = await happens("theirs", tenant="umbrella")
        await looks.once()
        first, second = await one.next(), await two.next()

    assert (first["id"], second["id"]) == (ours, theirs)


async def test_many_who_follow_cost_as_much_as_one(
    app: Any, badge: Any, happens: Any, looks: Any, ledger: Any, monkeypatch: Any
) -> None:
    """Once a follower has caught up, new facts come from what one look found."""
    async with following(app, badge()) as one, following(app, badge("acme", "bob")) as two:
        await one.next(), await two.next()
        await happens("first")
        await looks.once()
        await one.next(), await two.next()
        asked = []
        find = ledger.documents.find

        async def counted(query: Any) -> Any:
            asked.append(query.tenant)
            return await find(query)

        monkeypatch.setattr(ledger.documents, "find", counted)
        await happens("second")
        await looks.once()
        await one.next(), await two.next()

    assert asked == [None]


async def test_more_than_memory_holds_is_read_from_the_store(app: Any, badge: Any, happens: Any, looks: Any) -> None:
    """A reader who pauses while much happens gets all of it, in order."""
    async with following(app, badge()) as stream:
        await stream.next()
        stream.reads.clear()
        names = [await happens(f"n{number}", ago_s=number) for number in range(12)]
        await looks.once()
        stream.reads.set()
        came = [(await stream.next())["id"] for _ in names]

    assert came == names


async def test_a_tenant_may_have_so_many_streams(app: Any, badge: Any) -> None:
    """One more is refused with 429 until one of them leaves; another tenant has its own."""
    async with following(app, badge()), following(app, badge()) as second:
        async with following(app, badge()) as refused:
            assert (refused.status, refused.headers["retry-after"]) == (429, "30")
        async with following(app, badge("umbrella")) as other:
            assert other.status == 200
        await second.close()
        async with following(app, badge()) as again:
            assert again.status == 200


async def test_silence_is_broken_by_a_comment(badges: Any, badge: Any, ledger: Any, feed: Any) -> None:
    """So that nobody between takes the stream for dead."""
    app = log_api.create_app(badges, log_api.Log(documents=ledger.documents, feed=feed, heartbeat_s=0.001))
    async with following(app, badge()) as stream:
        await stream.next()
        assert await stream.next() == {"": "still here"}


async def test_a_stream_ends_so_that_its_reader_proves_themselves_again(
    badges: Any, badge: Any, ledger: Any, feed: Any
) -> None:
    """Whoever lost their access does not follow for ever."""
    times = iter([0.0, 1.0, 901.0])
    parts = log_api.Log(documents=ledger.documents, feed=feed, heartbeat_s=0.001, monotonic=lambda: next(times))
    stream = await Stream(log_api.create_app(badges, parts), badge()).open()
    await stream.task
    sent = [await stream.next(), await stream.next(), await stream.next()]

    assert [set(part) for part in sent] == [{"retry", "id"}, {""}, set()]


async def test_a_reader_who_does_not_read_is_let_go(
    badges: Any, badge: Any, ledger: Any, feed: Any, happens: Any, monkeypatch: Any
) -> None:
    """Their place is free again, and they come back with the last id that they have."""
    monkeypatch.setattr("chorally_core.api.event_stream.EventStream.__init__.__kwdefaults__", {"patience_s": 0.01})
    app = log_api.create_app(badges, log_api.Log(documents=ledger.documents, feed=feed))
    stream = Stream(app, badge())
    stream.reads.clear()
    await stream.open()
    await stream.task

    assert feed._tails == {}


async def test_followers_are_let_go_when_the_process_stops(app: Any, badge: Any, feed: Any) -> None:
    """A stream must not keep the process from ending."""
    stream = await Stream(app, badge()).open()
    await stream.next()
    await feed.stop()
    await stream.task


async def test_after_retention_took_the_last_entry_seen_following_goes_on(
    app: Any, badge: Any, happens: Any, looks: Any, ledger: Any
) -> None:
    """The feed finds its place anew."""
    async with following(app, badge()) as stream:
        await stream.next()
        first = await happens("first")
        await looks.once()
        await stream.next()
        second = await happens("second")
        await ledger.documents.delete(LogEntry, [first])
        await looks.once()
        assert (await stream.next())["event"] == "reset"
        third = await happens("third")
        await looks.once()
        await looks.once()
        came = await stream.next()

    assert came["id"] == third
    assert second != third


@pytest.mark.parametrize("path", ["/logs", "/events"])
async def test_the_history_needs_its_permission(app: Any, speak: Any, badge: Any, path: Any) -> None:
    """A viewer may not read who did what; an agent, who works with it, may."""
    assert (await speak(app, badge("acme", "bob", "viewer")).get(path)).status_code == 403
    assert (await speak(app).get(path)).status_code == 401
    assert unguarded(app) == []


async def test_another_tenants_history_is_not_listed(app: Any, speak: Any, badge: Any, happens: Any) -> None:
    """Not by any filter either."""
    await happens("theirs", tenant="umbrella", ticket_id="t1")

    for path in ("/logs", "/logs?ticket_id=t1", "/logs?since=2020-01-01T00:00:00Z"):
        assert (await speak(app, badge("acme")).get(path)).json()["items"] == []
