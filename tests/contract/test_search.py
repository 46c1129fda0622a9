"""What any search does, an index of its own or not."""

from datetime import timedelta
from typing import Any

import pytest
from chorally_core.ports.search import FIELDS, KINDS, Entry, NotOffered
from chorally_core.ports.words import InvalidWords, Wanted, read_words
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.conftest import Opened
from tests.support.entries import START, a_message, a_ticket, asked, found


async def test_all_words_must_be_there_whatever_their_case_and_accents(search: Opened) -> None:
    """Tickets are found by their messages; the last word may be cut short where somebody still types."""
    async with search() as index:
        await index.put(
            [
                a_message("m1", "Dov'è il mio pacco, perché tarda?", ticket_id="t1"),
                a_message("m2", "The parcel has arrived", ticket_id="t2", minutes=1),
                a_message("m3", "parcel?", ticket_id="t1", minutes=2),
                a_message("m4", "parcel", ticket_id="t9", tenant="other"),
            ]
        )

        async def tickets(text: str, limit: int = 10) -> list[str]:
            return list(await index.tickets("acme", read_words(text, last_may_go_on=True), limit=limit))

        assert await tickets("PARCEL") == ["t1", "t2"]
        assert await tickets("perche pac") == ["t1"]
        assert await tickets("parcel arriv") == ["t2"]
        assert await tickets("parcel", limit=1) == ["t1"]
        assert await index.tickets("acme", Wanted(), limit=10) == []


async def test_what_is_put_again_is_replaced_and_what_is_gone_is_not_found(search: Opened) -> None:
    """The new text is found and the old one is not, after a restart too."""
    async with search() as index:
        await index.put([a_message("m1", "first"), a_message("m2", "second")])
        await index.put([a_message("m1", "changed", version=2), a_message("m2", version=2, gone=True)])
    async with search() as index:
        assert await found(index, "first") == []
        assert await found(index, "second") == []
        assert await found(index, "changed") == ["m1"]
        assert await found(index) == ["m1"]


async def test_what_is_older_takes_no_place_of_what_is_newer(search: Opened) -> None:
    """Two processes may index the same: whoever comes late with what was read before changes nothing."""
    async with search() as index:
        await index.put([a_message("m1", "newer", version=3)])
        await index.put([a_message("m1", "older", version=2)])
        await index.put([a_message("m1", version=1, gone=True)])
        assert await found(index, "newer") == ["m1"]
        assert await found(index, "older") == []


async def test_kinds_times_and_fields_leave_out_the_others(search: Opened) -> None:
    """Each filter takes one of its values, and all filters must hold."""
    async with search() as index:
        await index.put(
            [
                a_ticket("t1", "parcel lost"),
                a_message("m1", "parcel one", ticket_id="t1", minutes=1, channel="wall_note"),
                a_message("m2", "parcel two", ticket_id="t1", minutes=2, channel="wall_chat", direction="outbound"),
                a_message("m3", "parcel three", ticket_id="t1", minutes=3, channel="mail", content="mail"),
            ]
        )
        assert await found(index, "parcel", kinds=["message"], sort="newest") == ["m3", "m2", "m1"]
        assert await found(index, "parcel", kinds=["ticket"]) == ["t1"]
        assert await found(index, "parcel", where={"channel": ["mail", "wall_chat"]}, sort="newest") == ["m3", "m2"]
        assert await found(index, "parcel", where={"direction": ["outbound"]}) == ["m2"]
        assert await found(index, "parcel", where={"channel": ["mail"], "direction": ["outbound"]}) == []
        since, until = START + timedelta(minutes=2), START + timedelta(minutes=3)
        assert await found(index, "parcel", since=since, until=until) == ["m2"]


async def test_phrases_beginnings_alternatives_and_what_is_left_out(search: Opened) -> None:
    """The language for people means the same everywhere."""
    async with search() as index:
        await index.put(
            [
                a_message("m1", "the late parcel of Ada", minutes=1),
                a_message("m2", "a parcel that came late", minutes=2),
                a_message("m3", "a package, delivered", minutes=3),
            ]
        )

        async def newest(text: str) -> list[str]:
            return await found(index, text, sort="newest")

        assert await newest('"late parcel"') == ["m1"]
        assert await newest("late parcel") == ["m2", "m1"]
        assert await newest("parcel OR package") == ["m3", "m2", "m1"]
        assert await newest("parcel -ada") == ["m2"]
        assert await newest('parcel -"came late"') == ["m1"]
        assert await newest("deliv*") == ["m3"]
        assert await newest('"late parc"*') == ["m1"]
        assert await newest('"late parc"') == []


async def test_tenants_never_find_each_others(search: Opened) -> None:
    """Same words, same ids of tickets, no filter or any: only the own is found (G7)."""
    async with search() as index:
        await index.put([a_ticket("t1", "ours"), a_message("m1", "ours and secret", ticket_id="t1")])
        await index.put([a_message("m2", "ours too", ticket_id="t1", tenant="other", minutes=1)])
        assert await found(index, "ours", kinds=["message"]) == ["m1"]
        assert await found(index, "", tenant="other") == ["m2"]
        assert await found(index, "secret OR ours", tenant="other", where={"ticket_id": ["t1"]}) == ["m2"]
        assert await index.tickets("third", read_words("ours"), limit=9) == []


async def test_no_question_finds_anything_of_another_tenant(search: Opened) -> None:
    """Whatever is asked for, in words, filters, kinds and order: hits, totals and counts are of the own alone (G7)."""
    async with search() as index:
        for tenant in ("acme", "other"):
            await index.put([e for number in range(4) for e in _of(tenant, number)])
        own = {e.id for number in range(4) for e in _of("acme", number)}
        for words, kinds, where, sort, facets in _drawn(_QUESTIONS):
            question = asked(words, kinds=kinds, where=where, sort=sort, facets=facets, limit=50)
            try:
                hits = await index.find("acme", question)
            except NotOffered:
                continue
            assert {hit.id for hit in hits.hits} <= own
            assert hits.total in (None, len(hits.hits))
            assert all(count <= len(hits.hits) for counts in hits.facets.values() for _, count in counts)
            if words:
                assert all(name.startswith("acme") for name in await index.tickets("acme", question.wanted, limit=99))


def _of(tenant: str, number: int) -> list[Entry]:
    ticket = a_ticket(
        f"{tenant}-t{number}", "parcel of ada", tenant=tenant, minutes=number, tags=("vip",), author_id="ada"
    )
    message = a_message(
        f"{tenant}-m{number}", "the parcel is late", tenant=tenant, ticket_id=ticket.id, author_id="ada"
    )
    return [message.within(ticket), ticket]


_QUESTIONS = st.tuples(
    st.sampled_from(["", "parcel", '"the parcel"', "par*", "late OR ada", "parcel -late", "parcels"]),
    st.lists(st.sampled_from(KINDS), min_size=1, unique=True),
    st.fixed_dictionaries(
        {},
        optional={
            "tags": st.just(["vip", ""]), "author_id": st.just(["ada"]), "status": st.sampled_from([["open"], [""]]),
            "ticket_id": st.just(["other-t1", "acme-t1"]), "assignee_id": st.just([""]),
        },
    ),
    st.sampled_from(["relevance", "newest", "oldest"]),
    st.lists(st.sampled_from(FIELDS), max_size=2, unique=True),
)  # fmt: skip


async def test_what_a_person_said_is_forgotten_up_to_an_instant(search: Opened) -> None:
    """What they wrote since is new, and others' is untouched, that of an equal author elsewhere too."""
    async with search() as index:
        await index.put(
            [
                a_message("m1", "hello", author_id="ada"),
                a_message("m2", "hello", author_id="ada", minutes=9),
                a_message("m3", "hello", author_id="bob"),
                a_message("m4", "hello", author_id="ada", tenant="other"),
            ]
        )
        await index.forget("acme", "ada", START + timedelta(minutes=5))
        assert sorted(await found(index, "hello")) == ["m2", "m3"]
        assert await found(index, "hello", tenant="other") == ["m4"]


async def test_an_index_that_is_made_anew_serves_all_the_while(search: Opened) -> None:
    """Until the new one is complete the old one answers; what is put meanwhile is in both."""
    async with search() as index:
        await index.put([a_message("m1", "parcel"), a_message("m2", "parcel", minutes=1)])
        await index.begin_rebuild("second")
        await index.begin_rebuild("second")
        await index.put([a_message("m3", "parcel", minutes=2), a_message("m2", version=2, gone=True)])
        assert sorted(await found(index, "parcel")) == ["m1", "m3"]
        await index.fill("second", [a_message("m1", "parcel"), a_message("m3", "older parcel", version=0)])
    async with search() as index:
        assert sorted(await found(index, "parcel")) == ["m1", "m3"]
        await index.end_rebuild("second")
        await index.end_rebuild("second")
        assert sorted(await found(index, "parcel")) == ["m1", "m3"]
        assert await found(index, "older") == []
        await index.put([a_message("m4", "parcel", minutes=3)])
        assert sorted(await found(index, "parcel")) == ["m1", "m3", "m4"]


async def test_whatever_is_typed_is_words_or_refused(search: Opened) -> None:
    """Nothing that somebody types is read in an index's own language, and nothing fails (by property)."""
    parts = [*"ab *\"'():^~+-/\\{}[]<>=&|!?,;#@%_é\u0000😀", " OR ", " AND ", "NEAR("]
    odd = st.lists(st.sampled_from(parts), max_size=30).map("".join)
    async with search() as index:
        await index.put([a_message("m1", "ab a b ba", tenant="other")])
        tried = []
        for text in _drawn(odd):
            try:
                wanted = read_words(text, last_may_go_on=True)
            except InvalidWords:
                continue
            tried.append(text)
            assert (await index.find("acme", asked()._replace(wanted=wanted))).hits == []
            assert await index.tickets("acme", wanted, limit=5) == []
        assert len(tried) > 20


def _drawn(drawn_from: st.SearchStrategy[Any]) -> list[Any]:
    drawn: list[Any] = []

    @settings(max_examples=80, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(drawn_from)
    def draw(one: Any) -> None:
        drawn.append(one)

    draw()
    return drawn


@pytest.mark.parametrize(
    ("text", "why"),
    [('"open', "not closed"), ("OR a", "OR"), ("a OR", "OR"), ("-a", "at least one"), ("*", r"\*"), ("a*", r"\*"),
     ("a*b", r"\*"), ("a OR -b", "alternative"), ("a -b OR c", "OR"), ("ab " * 40, "at most")],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_what_to_write(text: str, why: str) -> None:
    """The message is for people."""
    with pytest.raises(InvalidWords, match=why):
        read_words(text)
