"""Authors who are one person are grouped, and come apart again."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from chorally_core.events import LogAdd, topics
from chorally_core.ports.documents import Query
from chorally_core.ports.refused import Refused
from chorally_core.services.author.contact_model import Contact
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FOUR = ("ada", "bob", "eve", "joe")


async def contacts_stored(people: Any) -> list[Contact]:
    """Return every record of a contact."""
    found: list[Contact] = await people.ledger.documents.find(Query(Contact, "acme", limit=1000))
    return found


async def test_an_author_is_a_contact_of_their_own(people: Any) -> None:
    """Nothing is stored for it, and its id leads to it."""
    await people.add("ada")
    own = await people.of("ada")

    assert own.author_ids == ("ada",)
    assert await people.contacts.get("acme", own.head.id) == own
    assert await people.contacts.get("other", own.head.id) is None
    assert await contacts_stored(people) == []


async def test_what_is_merged_is_one_and_undoing_brings_back_what_was(people: Any) -> None:
    """Also where more was merged since: that stays where it is."""
    await people.add(*FOUR)
    first = await people.merge("ada", "bob")
    second = await people.merge("eve", "joe")
    joined = await people.merge("bob", "eve")
    assert await people.together(*FOUR) == [["ada", "bob", "eve", "joe"]]

    left, apart = await people.undo(joined, "joe")
    assert (sorted(left.author_ids), sorted(apart.author_ids)) == (["ada", "bob"], ["eve", "joe"])
    await people.merge("ada", "eve")
    await people.undo(second, "ada")
    assert await people.together(*FOUR) == [["ada", "bob", "eve"], ["joe"]]
    await people.undo(first, "ada")
    assert await people.together(*FOUR) == [["ada", "eve"], ["bob"], ["joe"]]


async def test_the_same_merge_again_changes_nothing(people: Any) -> None:
    """A request that is repeated, as its answer was lost."""
    await people.add("ada", "bob")
    await people.merge("ada", "bob", "m")
    before = await contacts_stored(people)
    await people.merge("ada", "bob", "m")

    assert await contacts_stored(people) == before
    with pytest.raises(Refused, match="one contact already"):
        await people.merge("bob", "ada", "n")


async def test_a_merge_that_was_undone_cannot_be_undone_again(people: Any) -> None:
    """It is told so."""
    await people.add("ada", "bob")
    name = await people.merge("ada", "bob")
    await people.undo(name, "ada")
    with pytest.raises(Refused, match="may be undone"):
        await people.undo(name, "ada")


async def test_evidence_says_what_both_have_and_never_its_value(people: Any) -> None:
    """A mail that platforms vouch for; a value that only a field has does not count as verified."""
    await people.add("ada", external_id="ada@shop.example", url="https://www.Wall.example/ada/")
    await people.add("bob", external_id="Ada@Shop.example", url="https://wall.example/ada")
    await people.add("eve")
    assert [s.group.author_ids for s in await people.contacts.suggested(await people.of("ada"))] == [("bob",)]
    await people.merge("ada", "bob")

    merge = next(node.merge for node in (await people.of("ada")).nodes if node.merge is not None)
    assert {(each.kind, each.verified) for each in merge.evidence} == {("mail", True), ("link", True), ("agent", True)}
    assert await people.contacts.suggested(await people.of("ada")) == []


async def test_those_who_are_in_a_contact_take_no_place_among_those_who_are_suggested(people: Any) -> None:
    """However many of them share the same address."""
    many = [f"a{number:02}" for number in range(55)]
    await people.add(*many, "zoe", external_id="all@example.com")
    for name in many[1:]:
        await people.merge("a00", name)

    found = await people.contacts.suggested(await people.of("a00"))
    assert [one.group.author_ids for one in found] == [("zoe",)]
    stored = repr(await contacts_stored(people))
    assert "shop.example" not in stored
    assert "wall.example" not in stored


async def test_two_merges_at_once_make_no_circle(people: Any) -> None:
    """Each of two into the other, and a ring of three: one of them is decided again on what the others left."""
    await people.add(*FOUR)
    pairs = [("ada", "bob"), ("bob", "ada"), ("bob", "eve"), ("eve", "ada"), ("joe", "eve"), ("eve", "joe")]
    done = await asyncio.gather(*(people.merge(*pair) for pair in pairs), return_exceptions=True)

    assert all(isinstance(each, str | Refused) for each in done), done
    assert await people.together(*FOUR) == [sorted(FOUR)]
    heads = [contact for contact in await contacts_stored(people) if contact.part_of is None]
    assert len(heads) == 1


async def test_a_change_over_a_newer_version_is_not_made(people: Any) -> None:
    """What the caller saw is asked for at each try."""
    await people.add("ada", "bob", "eve")
    seen = (await people.of("ada")).head.number
    await people.merge("ada", "bob")

    def check(group: Any) -> None:
        if group.head.number != seen:
            raise Refused("conflict", "changed-meanwhile", "changed")

    with pytest.raises(Refused, match="changed"):
        await people.contacts.merge("acme", "ada", "eve", merge_id="m", actor=("agent", "b"), at=None, check=check)
    assert await people.together("ada", "bob", "eve") == [["ada", "bob"], ["eve"]]


@pytest.mark.parametrize("gone", FOUR[:3])
async def test_an_erased_author_leaves_no_trace_and_the_others_stay_together(people: Any, gone: str) -> None:
    """Whether they were at the head, between the others, or at the end; wherever the erasure is broken off."""
    await people.add(*FOUR)
    await people.merge("bob", "eve")
    await people.merge("ada", "bob")
    await people.merge("ada", "joe")
    for _ in range(3):
        await people.erase(gone, steps=1)
    await people.erase(gone)

    rest = sorted(set(FOUR) - {gone})
    assert await people.together(*rest) == [rest]
    assert gone not in repr(await contacts_stored(people))
    with pytest.raises(Refused, match="erased"):
        await people.merge(rest[0], gone)
    with pytest.raises(Refused, match="erased"):
        await people.merge(gone, rest[0])


async def test_what_is_told_of_a_merge_names_no_other_author(people: Any) -> None:
    """So that erasing one of them leaves nothing of them in what is told of the other."""
    await people.add("ada", "bob")
    await people.merge("ada", "bob")
    consumer = people.ledger.bus.consumer("test", [topics.LOGS])
    told = [found.event.data for found in (await consumer.poll(100)).delivered]

    assert {fact.kind for fact in told if isinstance(fact, LogAdd)} == {"contact_merged", "contact_extended"}
    for fact in told:
        other = {"ada": "bob", "bob": "ada"}[fact.author_id]
        assert other not in repr(fact)


_names = st.sampled_from("abcde")
_act = st.one_of(
    st.tuples(st.just("merge"), _names, _names),
    st.tuples(st.just("merge and undo"), _names, _names),
    st.tuples(st.just("undo"), st.integers(0, 9), st.just("")),
    st.tuples(st.just("erase"), _names, st.just("")),
)


class Forest:
    """Who was merged into whom, in a dictionary: what the records must say."""

    def __init__(self, names: str) -> None:
        self.above: dict[str, str | None] = dict.fromkeys(names)
        self.merges: dict[str, str] = {}

    def head(self, name: str) -> str:
        """Return who stands for a person."""
        while (above := self.above[name]) is not None:
            name = above
        return name

    def groups(self) -> list[list[str]]:
        """Return the people who are one."""
        by_head: dict[str, list[str]] = {}
        for name in sorted(self.above):
            by_head.setdefault(self.head(name), []).append(name)
        return sorted(by_head.values())

    def erase(self, name: str) -> None:
        """Take a person out; those below them stay together."""
        below = sorted(other for other, above in self.above.items() if above == name)
        above = self.above.pop(name)
        if above is None and below:
            above = below.pop(0)
            self.above[above] = None
            self.merges = {merge: one for merge, one in self.merges.items() if one != above}
        self.above |= dict.fromkeys(below, above)
        self.merges = {merge: one for merge, one in self.merges.items() if one != name}


async def _said(people: Any) -> list[Any]:
    """What the records say, whatever their versions; a record that says nothing is as good as none."""
    said = [(c.id, c.author_id, c.part_of, c.merge, c.gathered_at) for c in await contacts_stored(people)]
    return [each for each in said if each[2:] != (None, None, None)]


@given(acts=st.lists(_act, max_size=12))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_is_done_nobody_is_in_two_contacts_and_undoing_is_exact(
    acts: list[Any], fresh: Callable[[ExitStack], Any]
) -> None:
    """Any sequence of merges, undoings and erasures; a merge that is undone at once leaves the records as they were."""
    with ExitStack() as stack:
        people, forest = fresh(stack), Forest("abcde")
        await people.add(*"abcde")
        for what, one, other in acts:
            if what == "undo" and forest.merges:
                name = sorted(forest.merges)[one % len(forest.merges)]
                below = forest.merges.pop(name)
                await people.undo(name, below)
                forest.above[below] = None
            elif what.startswith("merge") and {one, other} <= set(forest.above):
                into, below = forest.head(one), forest.head(other)
                if into == below:
                    with pytest.raises(Refused):
                        await people.merge(one, other)
                    continue
                before = await _said(people)
                name = await people.merge(one, other)
                if what == "merge":
                    forest.above[below], forest.merges[name] = into, below
                else:
                    await people.undo(name, other)
                    assert await _said(people) == before
            elif what == "erase" and one in forest.above:
                await people.erase(one)
                forest.erase(one)
                assert f"c-{one}" not in repr(await contacts_stored(people))
            assert await people.together(*forest.above) == forest.groups()
