"""What a rule or bot asks the message service for is done once and within bounds, and refused as a fact."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from chorally_core.events import Event, LogAdd, MessageAdd, MessageModerate, Moderate, Reply, topics
from chorally_core.events.ids import automatic_reply_id
from chorally_core.ports.documents import Document, Key
from chorally_core.ports.handlers import Change, Found
from chorally_core.services.message.handlers import ReceiveMessage
from chorally_core.services.message.machine import ModerateMessage
from chorally_core.services.message.model import Message, Ticket

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SLOT = automatic_reply_id("acme", "m1")


def a_ticket(**more: Any) -> Ticket:
    """Return Ada's ticket as it stands after her message."""
    given: dict[str, Any] = {"version": 1, "message_count": 1, "waiting_since": AT, **more}
    return Ticket(
        id="t1", tenant="acme", number=1, account_id="a1", platform="wall", channel="wall_note", author_id="ada",
        conversation_key="ada", created_at=AT, updated_at=AT, last_inbound_id="m1", **given,
    )  # fmt: skip


def a_message(**more: Any) -> Message:
    """Return Ada's message."""
    given: dict[str, Any] = {"direction": "inbound", **more}
    return Message(
        id="m1", tenant="acme", version=1, ticket_id="t1", sequence=1, event_id="e0", account_id="a1", platform="wall",
        channel="wall_note", author_id="ada", external_id="n1", received_at=AT, **given,
    )  # fmt: skip


def asked(**more: Any) -> Event[MessageAdd]:
    """Return a rule's request to answer it."""
    given: dict[str, Any] = {"id": SLOT, "direction": "outbound", "parent_message_id": "m1", **more}
    data = MessageAdd(
        account_id="a1", platform="wall", channel="wall_note", conversation_key="ada", external_id="",
        external_conversation_id="", external_created_at=AT, received_at=AT, origin="here", ticket_id="t1",
        body="thank you", automatic=True, actor_kind="rule", actor_id="r1", **given,
    )  # fmt: skip
    return event(data, "add")


def event(data: Any, name: str) -> Event[Any]:
    """Return a rule's request."""
    return Event(
        topic=topics.MESSAGES, issuer="rule-engine-service", name=name, data=data, id="e1", tenant="acme",
        key="acme/ada", occurred_at=AT, depth=1,
    )  # fmt: skip


def decided(request: Event[MessageAdd], *documents: Document) -> Change:
    """Return what becomes of a request."""
    return ReceiveMessage().decide(request, found(*documents))


def found(*documents: Document) -> Found:
    """Return documents as a handler finds them."""
    return Found({Key.by_id(type(document), document.id): document for document in documents}, lambda *_: 0)


def refusal(change: Change) -> str:
    """Return why nothing was done."""
    assert change.writes == ()
    (fact,) = change.events
    assert isinstance(fact.data, LogAdd)
    assert (fact.data.kind, fact.data.actor_id, fact.depth) == ("automatic_message_refused", "r1", 1)
    return str(fact.data.snapshot["reason"])


def test_an_automatic_reply_leaves_the_ticket_to_people() -> None:
    """It goes out as the rule's, caused by its request; the author goes on waiting for a person."""
    change = decided(asked(), a_ticket(), a_message())

    message, ticket = change.writes
    assert isinstance(message, Message)
    assert isinstance(ticket, Ticket)
    assert (message.id, message.sender_kind, message.sender_id, message.automatic) == (SLOT, "rule", "r1", True)
    assert (ticket.status, ticket.waiting_since, ticket.first_response_at) == ("open", AT, None)
    command = next(caused for caused in change.events if isinstance(caused.data, Reply))
    assert (command.topic, command.data.in_reply_to, command.data.automatic) == ("wall_note", "n1", True)
    assert {(caused.caused_by, caused.depth) for caused in change.events} == {("e1", 1)}


def test_the_same_request_again_changes_nothing_and_another_s_is_refused() -> None:
    """The slot is taken by whoever came first."""
    message, ticket = decided(asked(), a_ticket(), a_message()).writes
    assert decided(asked(), a_message(), message, ticket) == Change()
    other = asked()
    other = msgspec.structs.replace(other, data=msgspec.structs.replace(other.data, body="no, I"))
    assert "has got an automatic reply" in refusal(decided(other, a_message(), message, ticket))


def test_a_reply_that_a_kill_left_without_its_ticket_is_finished() -> None:
    """The message is there, the ticket does not count it: both follow, and the command goes out."""
    message, _ = decided(asked(), a_ticket(), a_message()).writes
    change = decided(asked(), a_message(), a_ticket(), message)

    assert [type(written) for written in change.writes] == [Message, Ticket]
    assert any(isinstance(caused.data, Reply) for caused in change.events)


@pytest.mark.parametrize(
    ("request_", "ticket", "message", "says"),
    [
        ({}, {}, {"automatic": True}, "a machine wrote"),
        ({}, {}, {"direction": "outbound"}, "a machine wrote"),
        ({}, {"reply_window_expires_at": AT}, {}, "window is closed"),
        ({}, {"status": "resolved"}, {}, "is resolved"),
        ({}, {}, {"deleted_at": AT}, "was deleted"),
        ({"id": "another"}, {}, {}, "bears the id"),
        ({"parent_message_id": None}, {}, {}, "bears the id"),
    ],
)
def test_what_may_not_be_answered_is_refused(
    request_: dict[str, Any], ticket: dict[str, Any], message: dict[str, Any], says: str
) -> None:
    """Nothing goes out, and the history says why."""
    assert says in refusal(decided(asked(**request_), a_ticket(**ticket), a_message(**message)))


def test_a_window_that_is_open_is_used() -> None:
    """Up to its last instant."""
    open_still = a_ticket(reply_window_expires_at=AT + timedelta(milliseconds=1))
    assert len(decided(asked(), open_still, a_message()).writes) == 2


def test_another_tenant_s_ticket_is_not_there() -> None:
    """A request names ids of its own tenant only (G7)."""
    other = msgspec.structs.replace(a_ticket(), tenant="other")
    assert decided(asked(), other, a_message()) == Change()
    moderation = MessageModerate(id="x", message_id="m1", verb="hide", actor_id="r1")
    theirs = msgspec.structs.replace(a_message(), tenant="other")
    assert ModerateMessage().decide(event(moderation, "moderate"), found(theirs)) == Change()


def test_a_message_is_hidden_as_the_rule_asks() -> None:
    """The channel is commanded with what it needs; what is gone is told of and left."""
    moderation = event(MessageModerate(id="x", message_id="m1", verb="hide", actor_id="r1"), "moderate")
    change = ModerateMessage().decide(moderation, found(a_message(route="sealed"), a_ticket()))
    command = next(caused for caused in change.events if isinstance(caused.data, Moderate))
    assert (command.topic, command.name, command.data.external_id, command.data.route) == (
        "wall_note", "hide", "n1", "sealed",
    )  # fmt: skip
    assert command.data.asked_by == "r1"

    (fact,) = ModerateMessage().decide(moderation, found(a_message(deleted_at=AT), a_ticket())).events
    assert (fact.data.kind, fact.data.actor_kind) == ("moderation_refused", "rule")
    assert "was deleted" in fact.data.snapshot["reason"]
