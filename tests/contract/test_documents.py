"""What any document store does."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec
import pytest
from chorally_core.events import catalogue
from chorally_core.ports.documents import ARRIVAL, Condition, Conflict, Document, Key, Query, Write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.conftest import Opened

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

_runs = count()


class Card(Document, frozen=True, kw_only=True):
    """A record of every sort of field."""

    kind = "card"
    unique = ("slot",)
    sparse = ("due_at",)
    indexes = (("color", "made_at"),)
    numbered = "number"

    color: str = "red"
    made_at: datetime = AT
    slot: str | None = None
    due_at: datetime | None = None
    seen_at: datetime | None = None
    """Not indexed."""
    owner: str | None
    """None is said, not left out."""
    tags: tuple[str, ...] = ()
    text: str = ""
    number: int = 0


class Line(Document, frozen=True, kw_only=True):
    """A record of a kind that is followed."""

    kind = "line"
    followed = True

    text: str = ""


def a_card(name: str, *, tenant: str = "acme", **fields: Any) -> Card:
    """Return a card that is not stored yet."""
    return Card(id=name, tenant=tenant, version=1, **{"owner": None, **fields})


def later(minutes: int) -> datetime:
    """Return the time some minutes later."""
    return AT + timedelta(minutes=minutes)


async def _add(store: Any, *cards: Card) -> None:
    await store.write([Write(card, 0) for card in cards])


async def _ids(store: Any, query: Query) -> list[str]:
    return [card.id for card in await store.find(query)]


async def test_a_document_is_read_as_it_was_written_after_a_restart(documents: Opened) -> None:
    """Every field survives, and the version."""
    card = a_card("c1", slot="s", due_at=AT, tags=("a", "b"), text="così 👍")
    async with documents() as store:
        await _add(store, card)
    async with documents() as store:
        assert await store.get(Card, "c1") == card
        assert await store.get(Card, "s", "slot") == card
        assert await store.get(Card, "c2") is None
        found = await store.load([Key.by_id(Card, "c1"), Key(Card, "slot", "s"), Key.by_id(Card, "nobody")])
        assert found == {Key.by_id(Card, "c1"): card, Key(Card, "slot", "s"): card}


async def test_adding_twice_keeps_the_first(documents: Opened) -> None:
    """What is added again does nothing, and raises nothing."""
    async with documents() as store:
        await _add(store, a_card("c1", text="first"))
        await _add(store, a_card("c1", text="second"))
        assert (await store.get(Card, "c1")).text == "first"


async def test_a_change_of_another_version_is_a_conflict(documents: Opened) -> None:
    """Of two who read the same version, the second is told."""
    async with documents() as store:
        await _add(store, a_card("c1"))
        second = msgspec.structs.replace(a_card("c1"), version=2, text="one")
        await store.write([Write(second, 1)])
        with pytest.raises(Conflict):
            await store.write([Write(msgspec.structs.replace(second, text="two"), 1)])
        assert (await store.get(Card, "c1")).text == "one"


async def test_a_unique_field_is_held_by_one_document_and_can_be_given_up(documents: Opened) -> None:
    """A taken slot is a conflict; None is shared freely; a slot given up can be taken."""
    async with documents() as store:
        await _add(store, a_card("c1", slot="s"), a_card("c2"), a_card("c3"))
        with pytest.raises(Conflict):
            await _add(store, a_card("c4", slot="s"))
        await store.write([Write(msgspec.structs.replace(a_card("c1"), version=2, slot=None), 1)])
        await _add(store, a_card("c5", slot="s"))
        assert (await store.get(Card, "s", "slot")).id == "c5"


async def test_only_unique_fields_name_a_document(documents: Opened) -> None:
    """To load by another field is a mistake of the program, and says so."""
    async with documents() as store:
        with pytest.raises(ValueError, match="not unique"):
            await store.get(Card, "red", "color")


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ((Condition("color", "is", "red"),), ["a", "c"]),
        ((Condition("color", "in", ["blue", "green"]),), ["b", "d"]),
        ((Condition("tags", "has", "x"),), ["a", "b"]),
        ((Condition("text", "contains", "50%_"),), ["d"]),
        ((Condition("text", "contains", "HELLO"),), ["a"]),
        ((Condition("due_at", "absent"),), ["a", "c", "d"]),
        ((Condition("due_at", "present"),), ["b"]),
        ((Condition("due_at", "<=", AT),), ["b"]),
        ((Condition("made_at", ">", AT + timedelta(minutes=1)),), ["c", "d"]),
        ((Condition("made_at", ">=", AT), Condition("made_at", "<", AT + timedelta(minutes=2))), ["a", "b"]),
        ((Condition("seen_at", "<", AT + timedelta(seconds=1)),), ["a", "b"]),
        ((Condition("seen_at", ">=", AT + timedelta(milliseconds=1)),), ["b", "c"]),
        ((Condition("seen_at", "is", AT),), ["a"]),
        ((Condition("seen_at", "absent"),), ["d"]),
        ((Condition("id", "in", ["a", "d", "zzz"]), Condition("color", "is", "green")), ["d"]),
        ((Condition("color", "in", []),), []),
    ],
)
async def test_queries_find_what_their_conditions_say(
    documents: Opened, where: Sequence[Condition], expected: list[str]
) -> None:
    """Each test of a condition, alone and together; characters of patterns are just characters."""
    async with documents() as store:
        await _add(
            store,
            a_card("a", tags=("x", "y"), text="Hello world", seen_at=AT),
            a_card("b", color="blue", tags=("x",), due_at=AT, made_at=later(1), seen_at=AT + timedelta(milliseconds=1)),
            a_card("c", made_at=later(2), text="50 per cent", seen_at=later(2)),
            a_card("d", color="green", made_at=AT + timedelta(minutes=3), text="50%_ off"),
            a_card("other", tenant="other", tags=("x",), text="hello 50%_"),
        )
        assert await _ids(store, Query(Card, "acme", tuple(where))) == expected
        assert await store.count(Query(Card, "acme", tuple(where), limit=1)) == len(expected)


async def test_a_query_of_all_tenants_sees_all_and_of_one_only_its_own(documents: Opened) -> None:
    """The tenant is part of every query but those that serve all (G7)."""
    async with documents() as store:
        await _add(store, a_card("a"), a_card("b", tenant="other"))
        assert await _ids(store, Query(Card, "acme")) == ["a"]
        assert await _ids(store, Query(Card, None)) == ["a", "b"]


async def test_an_unknown_field_is_a_mistake_that_says_so(documents: Opened) -> None:
    """A query never runs on a field that is not there."""
    async with documents() as store:
        with pytest.raises(ValueError, match="no field 'colour'"):
            await store.find(Query(Card, "acme", (Condition("colour", "is", "red"),)))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    minutes=st.lists(st.integers(0, 3), min_size=1, max_size=20),
    size=st.integers(1, 5),
    order=st.sampled_from(["id", "made_at"]),
    descending=st.booleans(),
)
async def test_pages_give_everything_once_in_order(
    documents: Opened, minutes: list[int], size: int, order: str, descending: bool
) -> None:
    """Page by page, with equal values in between, gives what one large page gives."""
    tenant = f"tenant{next(_runs)}"
    async with documents() as store:
        cards = [
            a_card(f"{tenant}-{number:02}", tenant=tenant, made_at=AT + timedelta(minutes=m))
            for number, m in enumerate(minutes)
        ]
        await _add(store, *cards)
        whole = await _ids(store, Query(Card, tenant, (), order, descending, 1000))
        found: list[str] = []
        after = None
        while page := await store.find(Query(Card, tenant, (), order, descending, size, after)):
            found += [card.id for card in page]
            after = (getattr(page[-1], order), page[-1].id)
        assert found == whole
        keyed = sorted(cards, key=lambda card: (getattr(card, order), card.id), reverse=descending)
        assert whole == [card.id for card in keyed]


async def test_numbers_are_given_once_for_each_tenant(documents: Opened) -> None:
    """Numbers begin with 1, never repeat, and go on behind the highest in use after a restart."""
    async with documents() as store:
        first = list(await store.reserve(Card, "acme", 2))
        again = list(await store.reserve(Card, "acme", 1))
        assert list(await store.reserve(Card, "other", 1)) == [1]
        assert len({*first, *again}) == 3
        await _add(store, a_card("c", number=max(first + again)))
    async with documents() as store:
        assert min(await store.reserve(Card, "acme", 1)) > max(first + again)


async def test_what_is_deleted_is_gone(documents: Opened) -> None:
    """Deleting counts what was there, and frees its unique fields."""
    async with documents() as store:
        await _add(store, a_card("a", slot="s"), a_card("b"))
        assert await store.delete(Card, ["a", "nobody"]) == 1
        await _add(store, a_card("c", slot="s"))
        assert await _ids(store, Query(Card, "acme")) == ["b", "c"]


def _lines(*names: str) -> list[Write]:
    return [Write(Line(id=name, tenant="acme", version=1), 0) for name in names]


async def _arrived(store: Any, after: str | None = None, **options: Any) -> list[str]:
    place = None if after is None else (None, after)
    return await _ids(store, Query(Line, None, order=ARRIVAL, after=place, **options))


async def test_what_is_followed_comes_in_the_order_of_arrival(documents: Opened) -> None:
    """Whatever the ids say, and whoever stored it; a change moves nothing, and adding again neither."""
    async with documents() as one, documents() as two:
        await one.write(_lines("m", "z"))
        await two.write(_lines("a"))
        await one.write([*_lines("m", "k")])
        await two.write([Write(Line(id="m", tenant="acme", version=2, text="changed"), 1)])
        assert await _arrived(one) == await _arrived(two) == ["m", "z", "a", "k"]
        assert await _arrived(two, "z") == ["a", "k"]
        assert await _arrived(two, "z", descending=True) == ["m"]
        assert await _arrived(one, descending=True, limit=1) == ["k"]


async def test_who_resumes_behind_what_is_gone_is_told(documents: Opened) -> None:
    """There is no place to resume from."""
    async with documents() as store:
        await store.write(_lines("a", "b"))
        await store.delete(Line, ["b"])
        with pytest.raises(LookupError, match="b is not stored"):
            await _arrived(store, "b")


async def test_only_kinds_that_are_followed_are_asked_for_in_the_order_of_arrival(documents: Opened) -> None:
    """The others are spared what it costs."""
    async with documents() as store:
        with pytest.raises(ValueError, match="Card is not followed"):
            await store.find(Query(Card, "acme", order=ARRIVAL))


async def test_a_follower_misses_nothing_of_several_writers(documents: Opened) -> None:
    """While two write, whoever resumes behind the last one given gets everything once, in one order."""
    async with documents() as one, documents() as two, documents() as reader:

        async def writes(store: Any, name: str) -> None:
            for number in range(0, 40, 2):
                await store.write(_lines(f"{name}{number:02}", f"{name}{number + 1:02}"))

        writing = asyncio.gather(writes(one, "x"), writes(two, "y"))
        seen: list[str] = []
        while True:
            ended = writing.done()
            page = await _arrived(reader, seen[-1] if seen else None, limit=7)
            seen += page
            if ended and not page:
                break
        await writing
        assert sorted(seen) == sorted({*seen})
        assert len(seen) == 80
        assert seen == await _arrived(one, limit=100)


def _told(name: str) -> Any:
    from tests.contract.test_bus import an_event

    return an_event(name)


async def test_events_lie_with_documents_until_they_are_relayed(documents: Opened) -> None:
    """In the order in which they were stored; also those of one document only."""
    async with documents() as store:
        unsent = await store.write([Write(a_card("c1"), 0, (_told("e1"), _told("e2"))), Write(a_card("c2"), 0)])
        assert [event.id for event in unsent.events] == ["e1", "e2"]
        await store.write([Write(a_card("c3"), 0, (_told("e3"),))])
        assert [event.id for event in (await store.carried(Card, ["c1", "c2"])).events] == ["e1", "e2"]
        await store.relayed(unsent)
        assert [event.id for event in (await store.unsent(10)).events] == ["e3"]
        assert not (await store.carried(Card, ["c1", "c2"])).token


async def test_an_event_of_a_later_release_stays_for_one_that_knows_it(
    documents: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older process relays what it can read, and takes nothing else along."""
    known = _told("e1")
    later = msgspec.structs.replace(known, id="e2", name="not-yet-known")
    async with documents() as store:
        await store.write([Write(a_card("c1"), 0, (known, later)), Write(a_card("c2"), 0, (later,))])
        unsent = await store.unsent(10)
        assert [event.id for event in unsent.events] == ["e1"]
        await store.relayed(unsent)
        assert not (await store.unsent(10)).token
        assert not (await store.carried(Card, ["c1", "c2"])).token

        monkeypatch.setitem(
            catalogue._decoders, (later.topic, later.name), catalogue._decoders[known.topic, known.name]
        )
        assert [event.id for event in (await store.unsent(10)).events] == ["e2", "e2"]


async def test_who_changes_a_document_relays_what_lies_with_it_first(documents: Opened) -> None:
    """The process that stored the earlier event may be slow or dead; its event never comes behind a later one."""
    async with documents() as slow, documents() as quick:
        left = await slow.write([Write(a_card("c1"), 0, (_told("e1"),))])
        assert await quick.get(Card, "c1") == a_card("c1")
        unsent = await quick.write([Write(msgspec.structs.replace(a_card("c1"), version=2), 1, (_told("e2"),))])
        assert [event.id for event in unsent.events] == ["e1", "e2"]
        await quick.relayed(unsent)
        await slow.relayed(left)
        assert await quick.get(Card, "c1") is not None
        unsent = await quick.write([Write(msgspec.structs.replace(a_card("c1"), version=3), 2, (_told("e3"),))])
        assert [event.id for event in unsent.events] == ["e3"]


async def test_what_was_stored_just_now_is_left_to_who_stored_it(documents: Opened) -> None:
    """Only what has lain for a while counts as left behind."""
    async with documents() as store:
        await store.write([Write(a_card("c1"), 0, (_told("e1"),))])
        assert not (await store.unsent(10, timedelta(minutes=1))).token
        assert [event.id for event in (await store.unsent(10, timedelta(minutes=-1))).events] == ["e1"]
