"""What an index of its own does besides: other forms of words, ranks, counts, an order that pages keep."""

from typing import Any

import pytest
from chorally_core.ports.search import Behind

from tests.contract.conftest import Opened
from tests.support.entries import RELEVANCE, a_message, a_ticket, asked, corpus, found


async def test_words_are_found_in_the_forms_of_their_language(index: Opened) -> None:
    """In Italian and English, with elisions and accents; what is closest to what was asked comes first."""
    async with index() as search:
        await search.put(corpus())
        wrong = {}
        for text, expected, first in RELEVANCE:
            names = await found(search, text, limit=60)
            if set(names) != expected or tuple(names[: len(first)]) != first:
                wrong[text] = names
        assert wrong == {}


async def test_a_text_of_an_unknown_language_is_found_by_its_words_only(index: Opened) -> None:
    """No stems are made up for it."""
    async with index() as search:
        await search.put([a_message("m1", "bestellungen"), a_message("m2", "orders", language="")])
        assert await found(search, "bestellungen") == ["m1"]
        assert await found(search, "bestellung") == []
        assert await found(search, "order") == []
        assert await found(search, "orders") == ["m2"]


async def test_subjects_and_names_weigh_more_than_what_is_said(index: Opened) -> None:
    """And the newest comes first among equals."""
    async with index() as search:
        await search.put(
            [
                a_message("m1", "a word about rossi and other things", minutes=9),
                a_message("m2", "hello there", names="Rossi"),
                a_message("m3", "hello there", title="Rossi"),
                a_message("m4", "hello there", title="Rossi", minutes=5),
            ]
        )
        assert await found(search, "rossi") == ["m4", "m3", "m2", "m1"]


async def test_values_are_counted_over_all_pages(index: Opened) -> None:
    """Messages by what their tickets are, too; the most frequent first."""
    async with index() as search:
        await search.put(_tickets_and_messages())
        hits = await search.find(
            "acme", asked("parcel", kinds=["message"], facets=["tags", "status", "channel"], limit=1)
        )
        assert (len(hits.hits), hits.total) == (1, 6)
        assert dict(hits.facets) == {
            "tags": [("late", 4), ("vip", 2)],
            "status": [("open", 4), ("resolved", 2)],
            "channel": [("wall_note", 6)],
        }


async def test_messages_are_filtered_by_what_their_tickets_are(index: Opened) -> None:
    """One of several values, none, and several fields."""
    async with index() as search:
        await search.put(_tickets_and_messages())

        async def ids(**where: list[str]) -> list[str]:
            return sorted(await found(search, "parcel", kinds=["message"], where=where))

        assert await ids(tags=["vip"]) == ["t2-a", "t2-b"]
        assert await ids(tags=[""]) == ["t3-a", "t3-b"]
        assert await ids(status=["resolved"], tags=["late", "vip"]) == []
        assert await ids(assignee_id=[""]) == ["t1-a", "t1-b", "t3-a", "t3-b"]
        assert await ids(assignee_id=["bob", ""], status=["open"]) == ["t1-a", "t1-b", "t2-a", "t2-b"]


def _tickets_and_messages() -> list[Any]:
    tickets = [
        a_ticket("t1", tags=("late",)), a_ticket("t2", tags=("late", "vip"), assignee_id="bob"),
        a_ticket("t3", status="resolved"),
    ]  # fmt: skip
    messages = [
        a_message(f"{t.id}-{part}", "a parcel", ticket_id=t.id, status="").within(t) for t in tickets for part in "ab"
    ]
    return [*messages, *tickets]


@pytest.mark.parametrize("sort", ["relevance", "newest", "oldest"])
async def test_pages_give_each_hit_once_whatever_is_indexed_between_them(index: Opened, sort: str) -> None:
    """What comes meanwhile may be on a later page, and moves nothing that was to come."""
    async with index() as search:
        texts = ["parcel", "parcel parcel", "a parcel and other things", "parcel, parcel and parcel"]
        await search.put([a_message(f"m{number:02}", texts[number % 4], minutes=number // 3) for number in range(23)])
        given: list[str] = []
        behind = None
        for page in range(20):
            hits = (await search.find("acme", asked("parcel", sort=sort, limit=4, behind=behind))).hits
            given += [hit.id for hit in hits]
            if len(hits) < 4:
                break
            behind = Behind(hits[-1].score, hits[-1].at, hits[-1].name)
            more = [a_message(f"other-{page}-{n}", "cup, parcel and cup " * 9, minutes=-page) for n in range(5)]
            await search.put(more if sort == "newest" else [a_message(e.id, "cups", minutes=1) for e in more])
        ours = [name for name in given if name.startswith("m")]
        assert sorted(ours) == [f"m{number:02}" for number in range(23)]
        assert len(set(given)) == len(given)


async def test_an_index_tells_of_which_tickets_it_knows_something_else(index: Opened) -> None:
    """Where messages bear what is their ticket's: those that it does not know, and those that have changed."""
    async with index() as search:
        same, changed, new = a_ticket("t1", tags=("a",)), a_ticket("t2"), a_ticket("t3")
        await search.put([same, changed])
        changed = a_ticket("t2", assignee_id="bob", version=2)
        assert await search.bear([same, changed, new]) == ({"t2", "t3"} if search.bears_tickets else set())


async def test_an_index_is_known_to_lack_everything_until_it_was_made_from_everything(index: Opened) -> None:
    """So one that is new, or lost, is filled by itself."""
    async with index() as search:
        assert await search.start()
        await search.begin_rebuild("second")
        await search.end_rebuild("second")
    async with index() as search:
        assert not await search.start()
