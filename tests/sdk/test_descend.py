"""A walk down a listing misses nothing, whatever changes meanwhile and wherever it is killed."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chorally_sdk as sdk

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
Change = tuple[Literal["new", "change", "tick"], int]
Fate = Literal["goes on", "killed before its page is stored", "killed after"]
Token = Literal["place", "time"]


class Listing:
    """A platform's list, what changed last coming first, whose time stands still unless it is told to go on.

    Its tokens tell a place in the list, as most platforms' do, or the last item that was shown.
    """

    def __init__(self, page_size: int, tokens: Token) -> None:
        self.changed_at: dict[str, datetime] = {}
        self.now = START
        self._page_size = page_size
        self._tokens = tokens

    def apply(self, change: Change) -> None:
        """Let something happen."""
        what, number = change
        if what == "tick":
            self.now += timedelta(seconds=number % 3)
        elif what == "new" or not self.changed_at:
            self.changed_at[f"item-{len(self.changed_at)}"] = self.now
        else:
            self.changed_at[sorted(self.changed_at)[number % len(self.changed_at)]] = self.now

    def page(self, token: str | None) -> tuple[Sequence[sdk.Item], str | None]:
        """Show a page, and the token of the next."""
        names = sorted(self.changed_at, key=lambda name: (self.changed_at[name], name), reverse=True)
        if token is None:
            start = 0
        elif self._tokens == "place":
            start = int(token)
        else:
            at, name = token.split("/")
            start = sum((self.changed_at[n], n) >= (datetime.fromisoformat(at), name) for n in names)
        shown = names[start : start + self._page_size]
        items = [sdk.Item(self.changed_at[name], [self._event(name)]) for name in shown]
        if start + self._page_size >= len(names):
            return items, None
        if self._tokens == "place":
            return items, str(start + self._page_size)
        return items, f"{self.changed_at[shown[-1]].isoformat()}/{shown[-1]}"

    def _event(self, name: str) -> sdk.Event:
        return sdk.Ping(stream=self.changed_at[name].isoformat(), external_id=name)

    def missing(self, seen: set[tuple[str, str]], since: datetime | None) -> set[str]:
        """Return the items that were not seen as they are now."""
        wanted = {n for n, at in self.changed_at.items() if since is None or at >= since}
        return {n for n in wanted if (n, self.changed_at[n].isoformat()) not in seen}


class Host:
    """Stores pages and cursors, and is killed."""

    def __init__(self, listing: Listing, since: datetime | None = None) -> None:
        self.listing = listing
        self.since = since
        self.cursor: sdk.Cursor | None = None
        self.seen: set[tuple[str, str]] = set()
        self.pages: list[sdk.Page] = []

    async def pull(self, changes: Sequence[Change] = (), fate: Fate = "goes on") -> bool:
        """Pull, one page where it is killed; return whether it came to the end."""
        waiting = list(changes)

        async def page(token: str | None) -> tuple[Sequence[sdk.Item], str | None]:
            shown = self.listing.page(token)
            while waiting:
                self.listing.apply(waiting.pop())
            return shown

        async with aclosing(sdk.descend(self.cursor, self.since, page)) as pages:  # type: ignore[type-var]
            async for found in pages:
                if fate == "killed before its page is stored":
                    return False
                self.pages.append(found)
                self.cursor = found.cursor
                self.seen |= {(str(e.external_id), e.stream) for e in found.events if isinstance(e, sdk.Ping)}
                if found.done or fate == "killed after":
                    return found.done
        pytest.fail("it ended without saying so")


CHANGES = st.lists(st.tuples(st.sampled_from(["new", "change", "tick"]), st.integers(0, 50)), max_size=6)
STEPS = st.lists(
    st.tuples(CHANGES, st.sampled_from(["goes on", "killed before its page is stored", "killed after"])), max_size=12
)


@given(
    before=CHANGES,
    steps=STEPS,
    page_size=st.integers(1, 4),
    tokens=st.sampled_from(["place", "time"]),
    since=st.none() | st.integers(0, 6).map(lambda seconds: START + timedelta(seconds=seconds)),
)
def test_nothing_is_missed(
    before: list[Change],
    steps: list[tuple[list[Change], Fate]],
    page_size: int,
    tokens: Token,
    since: datetime | None,
) -> None:
    """New and changed items between any two requests, kills at any page: in the end all is seen as it is."""

    async def walk() -> None:
        host = Host(Listing(page_size, tokens), since)
        for change in before:
            host.listing.apply(change)
        for changes, fate in steps:
            await host.pull(changes, fate)
        assert await host.pull()
        assert await host.pull()
        assert host.listing.missing(host.seen, since) == set()

    asyncio.run(walk())


def a_host(items: int, page_size: int = 2, **options: Any) -> Host:
    """Return a host whose platform lists some items, a second apart."""
    host = Host(Listing(page_size, "place"), **options)
    for _ in range(items):
        host.listing.apply(("new", 0))
        host.listing.apply(("tick", 1))
    return host


async def test_a_walk_at_rest_reads_one_page() -> None:
    """The next walk ends where the last began; what is as old as that comes again."""
    host = a_host(9)
    await host.pull()
    host.pages.clear()
    await host.pull()
    assert [(len(page.events), page.done) for page in host.pages] == [(1, True)]


async def test_a_killed_walk_goes_on_in_its_place() -> None:
    """Pages that were stored are not read again, neither now nor by the next walk."""
    host = a_host(5)
    assert not await host.pull(fate="killed after")
    assert await host.pull()
    assert [len(page.events) for page in host.pages] == [2, 2, 1]
    assert host.cursor == {"floor": (START + timedelta(seconds=4)).isoformat()}


async def test_a_cursor_says_where_it_is() -> None:
    """Floor, top and token under way, only a floor at rest."""
    host = a_host(3)
    await host.pull()
    newest = (START + timedelta(seconds=2)).isoformat()
    assert [page.cursor for page in host.pages] == [{"floor": None, "top": newest, "token": "2"}, {"floor": newest}]


async def test_nothing_older_than_wanted_is_yielded() -> None:
    """And no page below it is asked for."""
    host = a_host(9, since=START + timedelta(seconds=6))
    await host.pull()
    assert sorted(name for name, _ in host.seen) == ["item-6", "item-7", "item-8"]
    assert len(host.pages) == 2


async def test_an_empty_listing_is_done_at_once() -> None:
    """What comes later is found."""
    host = a_host(0)
    assert await host.pull()
    host.listing.apply(("new", 0))
    await host.pull()
    assert {name for name, _ in host.seen} == {"item-0"}
