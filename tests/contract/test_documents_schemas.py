"""What any document store does with what an earlier release stored, or a later one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from chorally_core.ports.documents import Condition, Document, Key, Query, Write
from chorally_core.ports.schemas import InvalidKind, TooNew

from tests.contract.conftest import Opened

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class First(Document, frozen=True, kw_only=True):
    """A visit as the first release stored it."""

    kind = "visit"

    guest: str
    at: datetime
    followed_by: str = ""


class Looked(First, frozen=True, kw_only=True):
    """The same fields, of which one is looked up by now."""

    kind = "visit"
    indexes = (("at",),)
    unique = ("guest",)


def _split(fields: dict[str, Any]) -> dict[str, Any]:
    first, _, last = fields.pop("guest").partition(" ")
    return {**fields, "first": first, "last": last}


def _counted(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "letters": len(fields["first"]) + len(fields.get("last", ""))}


class Second(Document, frozen=True, kw_only=True):
    """A visit of a guest whose names are apart."""

    kind = "visit"
    schema = 2
    upgrades = (_split,)

    first: str
    last: str = ""
    at: datetime


class Third(Document, frozen=True, kw_only=True):
    """A visit that knows how long the guest's name is, and is found by that and by its day."""

    kind = "visit"
    schema = 3
    upgrades = (_split, _counted)
    sparse = ("letters",)
    indexes = (("at",),)

    first: str
    last: str = ""
    letters: int
    at: datetime


STORED = (
    First(id="v1", tenant="acme", version=1, guest="Ada Lovelace", at=AT),
    First(id="v2", tenant="acme", version=1, guest="Bob", at=AT + timedelta(hours=1)),
)


@pytest.fixture
async def first(documents: Opened) -> Opened:
    """A store in which the first release left two visits, and the second one more."""
    async with documents() as store:
        await store.migrate([First])
        await store.write([Write(visit, 0) for visit in STORED])
    return documents


async def test_documents_of_every_schema_are_read_as_the_newest(first: Opened) -> None:
    """Each goes through the steps that it lacks, whichever release stored it, and keeps its version."""
    async with first() as store:
        await store.migrate([Second])
        assert await store.get(Second, "v1") == Second(
            id="v1", tenant="acme", version=1, first="Ada", last="Lovelace", at=AT
        )
        await store.write([Write(Second(id="v3", tenant="acme", version=1, first="Cleo", at=AT), 0)])
    async with first() as store:
        await store.migrate([Third])
        found = await store.find(Query(Third, "acme"))
        assert [(visit.id, visit.first, visit.last, visit.letters) for visit in found] == [
            ("v1", "Ada", "Lovelace", 11), ("v2", "Bob", "", 3), ("v3", "Cleo", "", 4)
        ]  # fmt: skip


async def test_two_schemas_may_be_passed_over_at_once(first: Opened) -> None:
    """From the first to the third, and what is new there can be asked for, of what is old as well."""
    async with first() as store:
        told = await store.migrate([Third])
        assert any("2 documents rewritten" in line for line in told)
        assert await store.lacking([Third]) == []
        by_letters = Query(Third, "acme", (Condition("letters", "is", 3),))
        assert [visit.id for visit in await store.find(by_letters)] == ["v2"]
        by_day = Query(Third, "acme", (Condition("at", ">", AT),), order="at")
        assert [visit.id for visit in await store.find(by_day)] == ["v2"]
        assert await store.migrate([Third]) == []


async def test_a_document_that_was_upgraded_is_changed_as_any_other(first: Opened) -> None:
    """Its version goes on."""
    async with first() as store:
        await store.migrate([Third])
        visit = await store.get(Third, "v2")
        await store.write([Write(msgspec.structs.replace(visit, last="Ross", version=2), 1)])
        changed = await store.get(Third, "v2")
        assert (changed.last, changed.version) == ("Ross", 2)


async def test_an_index_that_a_release_adds_finds_what_was_stored_before(first: Opened) -> None:
    """Also where the fields themselves are the same as ever."""
    async with first() as store:
        await store.migrate([Looked])
        found = await store.find(Query(Looked, "acme", (Condition("at", ">", AT),), order="at"))
        assert [visit.id for visit in found] == ["v2"]
        assert set(await store.load([Key(Looked, "guest", "Bob")])) == {Key(Looked, "guest", "Bob")}


async def test_the_release_before_refuses_what_a_later_one_stored(first: Opened) -> None:
    """It never guesses, and says what to run."""
    async with first() as store:
        await store.migrate([Third])
    async with first() as store:
        with pytest.raises(TooNew, match="stored in schema 3, this release knows 2: run the release that stored them"):
            await store.migrate([Second])
        with pytest.raises(TooNew):
            await store.get(Second, "v1")


async def test_an_upgrade_that_was_ended_goes_on_where_it_was(first: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that fails leaves what is done, and the rest to the next try."""
    for module in ("mongo.migration", "sqlite.table"):
        monkeypatch.setattr(f"chorally_core.adapters.{module}._STEP", 1)
    tried: list[str] = []

    def fails_for_bob(fields: dict[str, Any]) -> dict[str, Any]:
        tried.append(fields["guest"])
        if fields["guest"] == "Bob" and tried.count("Bob") == 1:
            raise RuntimeError("killed")
        return _split(fields)

    monkeypatch.setattr(Third, "upgrades", (fails_for_bob, _counted))
    async with first() as store:
        with pytest.raises(RuntimeError, match="killed"):
            await store.migrate([Third])
    async with first() as store:
        await store.migrate([Third])
        assert [visit.letters for visit in await store.find(Query(Third, "acme"))] == [11, 3]
    assert tried == ["Ada Lovelace", "Bob", "Bob"]


async def test_an_upgrade_that_was_ended_is_ended_by_the_release_after(
    first: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some documents are in the second schema then, some in the first, and all get to the third."""
    for module in ("mongo.migration", "sqlite.table"):
        monkeypatch.setattr(f"chorally_core.adapters.{module}._STEP", 1)

    def fails_for_bob(fields: dict[str, Any]) -> dict[str, Any]:
        if fields["guest"] == "Bob":
            raise RuntimeError("killed")
        return _split(fields)

    monkeypatch.setattr(Second, "upgrades", (fails_for_bob,))
    async with first() as store:
        with pytest.raises(RuntimeError, match="killed"):
            await store.migrate([Second])
    async with first() as store:
        await store.migrate([Third])
        assert [visit.letters for visit in await store.find(Query(Third, "acme"))] == [11, 3]


async def test_a_kind_needs_a_step_to_each_schema_and_a_name_of_its_own(documents: Opened) -> None:
    """What is declared wrongly is found before anything is touched."""

    class Forgotten(Document, frozen=True, kw_only=True):
        kind = "visit"
        schema = 2

    async with documents() as store:
        with pytest.raises(InvalidKind, match="in schema 2 and has 0 upgrades"):
            await store.migrate([Forgotten])
        with pytest.raises(InvalidKind, match="both are of the kind visit"):
            await store.migrate([First, Second])
