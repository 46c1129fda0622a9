"""The index follows what the log tells, whatever is changed, and whatever is out of reach."""

import dataclasses
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from chorally_core.events import LogAdd
from chorally_core.ports.search import Asked, Entry
from chorally_core.ports.tags import Tag, TagSet
from chorally_core.services.author.model import Author
from chorally_core.services.message.model import Message, Ticket
from chorally_core.services.message.searched import MESSAGES, TICKETS
from chorally_core.services.search.entries import Entries
from chorally_core.services.search.indexer import Indexer
from chorally_core.services.search.rebuilding import EraseFromIndex
from structlog.testing import capture_logs

from .place import AT, Place, a_message, a_ticket


async def test_what_is_said_edited_and_deleted_is_found_as_it_is(place: Place) -> None:
    """The new text of an edit, and nothing of what was deleted."""
    await place.keep(a_ticket(), a_message(), a_message("m2", "letter"))
    await place.settle()
    assert await place.found("parcel") == ["m1"]
    await place.change(Message, "m1", body="a box")
    await place.change(Message, "m2", deleted_at=AT, body="")
    assert await place.found("letter") == [], "although the index does not know yet"
    await place.settle()
    assert (await place.found("parcel"), await place.found("box"), await place.found("letter")) == ([], ["m1"], [])
    assert [hit.id for hit in (await place.search.find("acme", Asked(kinds=["message"]))).hits] == ["m1"]


@pytest.mark.parametrize(
    ("changes", "where"),
    [({"tags": ("vip",)}, {"tags": ["vip"]}), ({"status": "resolved"}, {"status": ["resolved"]}),
     ({"assignee_id": "bob"}, {"assignee_id": ["bob"]}), ({"team_id": "north"}, {"team_id": ["north"]}),
     ({"priority": "urgent"}, {"priority": ["urgent"]})],
)  # fmt: skip
async def test_a_change_of_a_ticket_reaches_its_messages(
    place: Place, changes: dict[str, Any], where: dict[str, list[str]]
) -> None:
    """However many they are."""
    messages = [a_message(f"m{number:03}") for number in range(250)]
    await place.keep(a_ticket(), a_message("other", ticket_id="t2"), a_ticket("t2"), *messages)
    await place.settle()
    assert await place.found("parcel", where=where) == []
    await place.change(Ticket, "t1", **changes)
    await place.settle()
    found = await place.searching.answer("acme", Asked(kinds=["message"], where=where, limit=300))
    assert len(found.shown) == 250


async def test_an_entry_of_a_ticket_is_made_once_for_all_of_its_messages(place: Place) -> None:
    """What a message bears of its ticket costs no more where hundreds are indexed together."""
    made: list[str] = []

    def counted(ticket: Ticket) -> Sequence[Entry]:
        made.append(ticket.id)
        return TICKETS.entries(ticket)

    await place.keep(a_ticket(status="waiting"), *[a_message(f"m{number:03}") for number in range(200)])
    entries = Entries(place.ledger.documents, [dataclasses.replace(TICKETS, entries=counted), MESSAGES])
    found = [entry async for page in entries.of_ticket("t1") for entry in page if entry.kind == "message"]
    assert [entry.status for entry in found] == ["waiting"] * 200
    assert made == ["t1"]
    made.clear()
    both = [
        LogAdd(kind="changed", subject_type="ticket", subject_id="t1", version=1, ticket_id="t1", message_id=name)
        for name in ("m000", "m001")
    ]
    tickets, messages = await entries.touched([place.fact(data) for data in both])
    assert ([entry.id for entry in tickets], len(messages)) == (["t1"], 2)
    assert made == ["t1"], "and once where it is indexed with them"


async def test_custom_fields_are_words_of_the_ticket(place: Place) -> None:
    """Texts and numbers, however deep."""
    await place.keep(a_ticket(custom_fields={"order": "A-4711", "lines": [{"sku": "zebra"}, 42], "vip": True}))
    await place.settle()
    assert await place.found("4711 zebra 42") == ["t1"]


async def test_messages_of_a_merged_ticket_are_found_in_the_one_that_goes_on(place: Place) -> None:
    """By what that one is, and by what it becomes; and in their own again once the merge is undone."""
    await place.keep(a_ticket("t1"), a_ticket("t2", tags=("vip",)), a_message("m1"), a_message("m2", ticket_id="t2"))
    await place.settle()
    await place.change(Ticket, "t2", what="absorbed", merged=("t1",))
    await place.change(Ticket, "t1", what="merged", merged_into="t2", status="resolved")
    await place.settle()
    vip: dict[str, Any] = {"kinds": ["message"], "where": {"tags": ["vip"], "ticket_id": ["t2"]}}
    assert await place.found("parcel", **vip) == ["m1", "m2"]
    await place.change(Ticket, "t2", assignee_id="bob")
    await place.settle()
    assert await place.found("parcel", where={"assignee_id": ["bob"]}, kinds=["message"]) == ["m1", "m2"]
    await place.change(Ticket, "t1", what="unmerged", merged_into=None, status="open")
    await place.change(Ticket, "t2", what="released", merged=())
    await place.settle()
    assert await place.found("parcel", **vip) == ["m2"]
    assert await place.found("parcel", where={"ticket_id": ["t1"]}, kinds=["message"]) == ["m1"]


async def test_a_message_that_is_moved_is_found_in_its_new_ticket(place: Place) -> None:
    """As after a split."""
    await place.keep(a_ticket("t1"), a_ticket("t2", tags=("vip",)), a_message("m1"))
    await place.settle()
    await place.change(Message, "m1", what="moved", ticket_id="t2")
    await place.settle()
    assert await place.found("parcel", where={"tags": ["vip"]}, kinds=["message"]) == ["m1"]


async def test_tags_are_found_until_they_are_merged_away(place: Place) -> None:
    """All of a tenant's lie in one document."""
    at: dict[str, Any] = {"created_at": AT, "created_by": "a", "changed_at": AT, "changed_by": "a"}
    both = (Tag(id="tag-1", name="Late parcel", **at), Tag(id="tag-2", name="Lost", group="parcel", **at))
    tags = TagSet(id="acme", tenant="acme", tags=both)
    await place.keep(tags)
    await place.tell(*(LogAdd(kind="tag_added", subject_type="tag", subject_id=tag.id, version=1) for tag in both))
    await place.settle()
    assert await place.found("parcel", kinds=["tag"]) == ["tag-1", "tag-2"]
    await place.change(TagSet, "acme", tags=both[:1])
    await place.tell(LogAdd(kind="tag_merged", subject_type="tag", subject_id="tag-2", version=2))
    await place.settle()
    assert [hit.id for hit in (await place.search.find("acme", Asked(kinds=["tag"]))).hits] == ["tag-1"]


async def test_an_erased_author_is_not_found(place: Place) -> None:
    """Nor by what is left of them."""
    author = Author(id="ada", tenant="acme", platform="wall", external_id="1", name="Ada", first_seen_at=AT, seen_at=AT)
    await place.keep(author, of="author")
    await place.settle()
    assert await place.found("ada", kinds=["author"]) == ["ada"]
    await place.keep(author.erased(AT), of="author")
    assert await place.found("ada") == []
    await place.settle()
    assert (await place.search.find("acme", Asked(kinds=["author"]))).hits == []


async def test_the_erasure_forgets_what_facts_have_not_reached(place: Place) -> None:
    """Up to the instant of the request; what the person writes later is new."""
    await place.keep(a_ticket(), a_message("m1"), a_message("m2", minutes=9), a_message("m3", author_id="bob"))
    await place.settle()

    class Asking:
        tenant, id, at = "acme", "ada", AT + timedelta(minutes=1)

    erasure: Any = Asking()
    assert await EraseFromIndex(place.search).step(erasure, "") is None
    assert await place.found("parcel", kinds=["message"]) == ["m2", "m3"]


async def test_a_document_that_is_gone_is_not_found(place: Place) -> None:
    """As one whose retention has ended."""
    await place.keep(a_ticket(), a_message())
    await place.settle()
    await place.ledger.documents.delete(Message, ["m1"])
    assert await place.found("parcel") == []
    await place.tell(
        LogAdd(kind="message_removed", subject_type="message", subject_id="m1", message_id="m1", version=2)
    )
    await place.settle()
    assert (await place.search.find("acme", Asked(kinds=["message"]))).hits == []


async def test_a_fact_of_one_tenant_indexes_nothing_of_another(place: Place) -> None:
    """Whatever ids it names (G7)."""
    await place.keep(a_ticket(tenant="other"), a_message(tenant="other"))
    await place.settle()
    await place.tell(
        LogAdd(kind="x", subject_type="message", subject_id="m1", message_id="m1", ticket_id="t1", version=9)
    )
    await place.settle()
    assert await place.found("parcel") == []
    assert await place.found("parcel", tenant="other") == ["m1"]


async def test_what_cannot_be_indexed_holds_up_nothing(place: Place) -> None:
    """It is told of, and the others are found."""

    def entries(message: Message) -> Sequence[Entry]:
        if message.id == "m1":
            raise RecursionError("too deep")
        return MESSAGES.entries(message)

    sources = (TICKETS, dataclasses.replace(MESSAGES, entries=entries))
    place.indexer = Indexer(place.ledger, place.search, sources)
    await place.keep(a_ticket(), a_message("m1"), a_message("m2"))
    with capture_logs() as logs:
        await place.settle()
    assert await place.found("parcel") == ["m2"]
    assert {(log["document_id"], log["event"]) for log in logs} == {("m1", "cannot be indexed")}


async def test_while_the_index_is_out_of_reach_the_log_waits_and_is_taken_up(remote: Place) -> None:
    """It is tried less and less often; nothing is lost, and nothing is held in memory meanwhile."""
    search = remote.search
    search.is_away = True
    await remote.keep(a_ticket(), a_message("m1"))
    assert await remote.indexer.step() == 0
    await remote.keep(a_message("m2"), a_message("m3"))
    for _ in range(100):
        remote.seconds += 1.0
        assert await remote.indexer.step() == 0
    assert remote.search.tries < 10
    assert remote.waiting() == 4
    search.is_away = False
    assert await remote.indexer.step() == 0, "its time has not come yet"
    remote.seconds += 31.0
    await remote.settle()
    assert await remote.found("parcel") == ["m1", "m2", "m3"]
    assert remote.waiting() == 0


async def test_a_process_that_dies_before_its_place_is_stored_does_it_again(remote: Place) -> None:
    """Everything is indexed at least once, and is there once."""
    await remote.keep(a_ticket(), a_message("m1"))
    commit = remote.ledger.commit

    async def dies(work: Any) -> None:
        raise ConnectionError("killed")

    remote.ledger.commit = dies  # type: ignore[method-assign]
    with pytest.raises(ConnectionError):
        await remote.indexer.step()
    remote.ledger.commit = commit  # type: ignore[method-assign]
    remote.indexer = remote.an_indexer()
    await remote.settle()
    assert await remote.found("parcel") == ["m1"]
