"""The decision about one trigger, without a store: what it reads, when it asks, what it remembers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from chorally_core.events import Event, TriggerEvaluate, topics
from chorally_core.events.ids import automatic_reply_id
from chorally_core.ports.calendars import WEEKDAYS, Calendar, Calendars, Listed
from chorally_core.ports.documents import Document, Key
from chorally_core.ports.handlers import NOTHING, Found
from chorally_core.services.rule.handlers import AnswerByCalendar, Timetable
from chorally_core.services.rule.hours import OpeningHours
from chorally_core.services.rule.model import Given, Reply

AT = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)
WEEKLY = {day: [{"opens": "09:00", "closes": "18:00"}] for day in WEEKDAYS[:5]}
ABOUT: dict[str, Any] = {
    "tenant": "acme", "number": 1, "created_at": AT, "created_by": "a", "changed_at": AT, "changed_by": "a",
}  # fmt: skip
HOURS = OpeningHours.model_validate({"time_zone": "Europe/Rome", "weekly": WEEKLY}).stored()
CALENDAR = Calendar(id="c.1", calendar_id="c", name="Office", hours=HOURS, **ABOUT)
REPLY = Reply(
    id="r.1", reply_id="r", name="Night", condition="closed", language="en",
    texts={"en": "#{{ticket.number}} on {{message.channel}}: {{calendar.opens}}"}, **ABOUT,
)  # fmt: skip
LISTED = Calendars(
    id="acme", tenant="acme", version=1, calendars=(Listed("c", 1, "c.1"),), replies=(Listed("r", 1, "r.1"),)
)
TICKET: dict[str, Any] = {"version": 7, "number": 3, "status": "open"}
SAID: dict[str, Any] = {"direction": "inbound", "channel": "wall_note", "platform": "wall", "ticket": TICKET}


def found(*documents: Document) -> Found:
    """Return documents as a handler finds them."""
    return Found({Key.by_id(type(document), document.id): document for document in documents}, lambda *_: 0)


def said(*, at: datetime = AT, event_id: str = "e1", ticket: dict[str, Any] | None = None, **more: Any) -> Any:
    """Return the trigger of a message that came in."""
    given: dict[str, Any] = {"kind": "message_received", "message_id": "m1", "ticket_id": "t1", **more}
    snapshot = {**SAID, "ticket": {**TICKET, **(ticket or {})}, **given.pop("snapshot", {})}
    data = TriggerEvaluate(log_id="l", account_id="a1", author_id="ada", snapshot=snapshot, **given)
    return Event(
        topic=topics.RULE_TRIGGERS, issuer="log-service", name="evaluate", data=data, id=event_id, tenant="acme",
        key="acme/ada", occurred_at=at,
    )  # fmt: skip


def test_the_reply_bears_the_id_of_the_one_automatic_reply() -> None:
    """It is asked of the message service, one deeper, and remembered for the ticket by the same change."""
    event = said()
    change = AnswerByCalendar(Timetable()).decide(event, found(LISTED, CALENDAR, REPLY))
    (asked,), (given,) = change.events, change.writes

    assert (asked.topic, asked.name, asked.issuer, asked.depth) == ("messages", "add", "rule-service", 1)
    assert (asked.data.id, asked.data.parent_message_id) == (automatic_reply_id("acme", "m1"), "m1")
    assert (asked.data.automatic, asked.data.direction, asked.data.conversation_key) == (True, "outbound", "ada")
    assert asked.data.body == "#3 on wall_note: tomorrow at 9:00 AM"
    assert isinstance(given, Given)
    assert (given.ticket_id, given.event_id, given.at, given.version) == ("t1", "e1", AT, 0)
    assert AnswerByCalendar(Timetable()).decide(event, found(LISTED, CALENDAR, REPLY)) == change, "the same again (G6)"
    stored = msgspec.structs.replace(given, version=1)
    assert AnswerByCalendar(Timetable()).decide(event, found(LISTED, CALENDAR, REPLY, stored)) is NOTHING


@pytest.mark.parametrize(
    "more",
    [
        {"automatic": True}, {"message_id": None}, {"ticket_id": None}, {"answered_by": "chatbot"},
        {"snapshot": {"direction": "outbound"}}, {"ticket": {"status": "resolved"}},
        {"ticket": {"window": AT.timestamp()}}, {"kind": "message_edited"}, {"kind": "ticket_changed"},
        {"at": AT - timedelta(hours=10)}, {"turns": ("chatbot", "rule")},
    ],
)  # fmt: skip
def test_what_is_not_to_be_answered_leads_to_nothing(more: dict[str, Any]) -> None:
    """A machine's message, ours, one whose window is closed, one that came by day, one whose turn is another's."""
    assert AnswerByCalendar(Timetable()).decide(said(**more), found(LISTED, CALENDAR, REPLY)) is NOTHING
    assert AnswerByCalendar(Timetable()).decide(said(), found(LISTED, CALENDAR, REPLY)) is not NOTHING


def test_who_has_no_calendar_is_asked_for_one_document() -> None:
    """And nothing further; what is no message that came in for none at all."""
    handler = AnswerByCalendar(Timetable())

    assert [key.of for key in handler.reads(said())] == [Calendars]
    assert list(handler.follows(said(), found())) == []
    assert list(handler.reads(said(kind="ticket_changed"))) == []
    assert handler.decide(said(), found()) is NOTHING
    assert handler.decide(said(), found(msgspec.structs.replace(LISTED, replies=()))) is NOTHING


def test_calendars_and_replies_are_read_when_they_change() -> None:
    """Once for each version of the list; what was replaced while it was read is read again by the next try."""
    handler = AnswerByCalendar(Timetable())
    wanted = [key.value for key in handler.follows(said(), found(LISTED))]
    assert wanted[1:] == ["c.1", "r.1"]
    for missing in ((LISTED, CALENDAR), (LISTED, REPLY)):
        with pytest.raises(LookupError, match="changed while they were read"):
            AnswerByCalendar(Timetable()).decide(said(), found(*missing))
    assert handler.decide(said(), found(LISTED, CALENDAR, REPLY)) is not NOTHING

    assert len(list(handler.follows(said(), found(LISTED)))) == 1
    assert len(list(handler.reads(said()))) == 2
    assert handler.decide(said(), found(LISTED)) is not NOTHING
    newer = msgspec.structs.replace(LISTED, version=2)
    assert len(list(handler.follows(said(), found(newer)))) == 3
