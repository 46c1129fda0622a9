"""The most specific calendar, reply and text hold, and an instant is said in the words of a language."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from chorally_core.ports.calendars import WEEKDAYS, Calendar
from chorally_core.ports.opening import State
from chorally_core.services.rule.answering import answer
from chorally_core.services.rule.choosing import Asking, calendar_for, conditions_of, likeness, reply_for, text_for
from chorally_core.services.rule.hours import OpeningHours
from chorally_core.services.rule.model import Given, Reply
from chorally_core.services.rule.words import said

AT = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)
ROME = ZoneInfo("Europe/Rome")
NIGHT = State(False, None, None, "hours")
FEAST = State(False, None, None, "holiday", "Feast")
SPECIAL = State(False, None, None, "exception")
DAY = State(True, None, None, "hours")


def a_calendar(name: str = "office", **more: Any) -> Calendar:
    """Return a calendar that is open on weekdays from nine to six in Rome."""
    weekly = {day: [{"opens": "09:00", "closes": "18:00"}] for day in WEEKDAYS[:5]}
    hours = more.pop("hours", {"time_zone": "Europe/Rome", "weekly": weekly})
    return Calendar(
        id=f"{name}.1", tenant="acme", calendar_id=name, number=1, name=name, created_at=AT, created_by="a",
        changed_at=AT, changed_by="a", hours=OpeningHours.model_validate(hours).stored(), **more,
    )  # fmt: skip


def a_reply(name: str, condition: Any = "closed", **more: Any) -> Reply:
    """Return a reply."""
    given: dict[str, Any] = {"language": "en", "texts": {"en": name}, **more}
    return Reply(
        id=f"{name}.1", tenant="acme", reply_id=name, number=1, name=name, condition=condition, created_at=AT,
        created_by="a", changed_at=AT, changed_by="a", **given,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("asking", "chosen"),
    [
        (Asking("a1", "wall_note", "it"), "account"), (Asking("a2", "wall_note", "it"), "channel"),
        (Asking("a2", "mail", "pt-BR"), "region"), (Asking("a2", "mail", "pt-PT"), "language"),
        (Asking("a2", "mail", "pt"), "language"), (Asking("a2", "mail", "de"), "first"), (Asking(), "first"),
    ],
)  # fmt: skip
def test_the_most_specific_calendar_holds(asking: Asking, chosen: str) -> None:
    """Account before channel before language, a region before the language, the first of those for all."""
    calendars = [
        a_calendar("first"), a_calendar("second"), a_calendar("language", languages=("pt",)),
        a_calendar("region", languages=("pt-BR",)), a_calendar("channel", channels=("wall_note",)),
        a_calendar("account", accounts=("a1",)), a_calendar("both", accounts=("a3",), channels=("mail",)),
    ]  # fmt: skip

    found = calendar_for(calendars, asking)
    assert found is not None
    assert found.name == chosen
    assert calendar_for(calendars[2:], Asking("a9", "x", "")) is None, "an unknown language is none of those named"


@pytest.mark.parametrize(
    ("state", "holding"),
    [(NIGHT, "outside_hours"), (FEAST, "holiday"), (SPECIAL, "exception")],
)
def test_the_reply_for_the_reason_comes_before_the_one_for_closed(state: State, holding: str) -> None:
    """And that before the one for always; one for this calendar before one for any; the first of equals."""
    replies = [a_reply("any", "always"), a_reply("shut"), a_reply("own", calendar_id="office"), a_reply("why", holding)]

    for expected in ("why", "own", "shut", "any"):
        found = reply_for(replies, "office", state)
        assert found is not None
        assert found.name == expected
        replies.remove(found)
    assert reply_for(replies, "office", state) is None


def test_a_reply_that_is_disabled_or_another_calendar_s_is_not_given() -> None:
    """Nor one for when it is open while it is closed."""
    replies = [a_reply("off", enabled=False), a_reply("other", calendar_id="shop"), a_reply("day", "open")]

    assert reply_for(replies, "office", NIGHT) is None
    found = reply_for(replies, "office", DAY)
    assert found is not None
    assert found.name == "day"
    assert conditions_of(DAY) == ("open", "always")


@pytest.mark.parametrize(
    ("language", "text"),
    [("it", "it"), ("IT", "it"), ("it_CH", "it"), ("pt-BR", "pt-BR"), ("pt", "pt-BR"), ("pt-PT", "pt-BR"),
     ("ja", "en"), ("", "en")],
)  # fmt: skip
def test_the_text_is_in_the_nearest_language(language: str, text: str) -> None:
    """The same, then the same of another region, then the reply's own."""
    reply = a_reply("r", texts={"it": "it", "en": "en", "pt-BR": "pt-BR"})

    assert text_for(reply, language) == (text, text)
    assert likeness(language, "") == 0


@pytest.mark.parametrize(
    ("language", "whole"),
    [
        ("en", ["today at 11:30 PM", "tomorrow at 9:00 AM", "Monday, November 30 at 9:00 AM",
                "Monday, January 4, 2027 at 9:00 AM"]),
        ("en-GB", ["today at 23:30", "tomorrow at 09:00", "Monday 30 November at 09:00",
                   "Monday, 4 January 2027 at 09:00"]),
        ("it", ["oggi alle 23:30", "domani alle 09:00", "lunedì 30 novembre alle 09:00",
                "lunedì 4 gennaio 2027 alle 09:00"]),
        ("it-CH", ["oggi alle 23:30", "domani alle 09:00", "lunedì 30 novembre alle 09:00",
                   "lunedì 4 gennaio 2027 alle 09:00"]),
        ("pt-BR", ["segunda-feira, 23 de novembro 23:30", "terça-feira, 24 de novembro 09:00",
                   "segunda-feira, 30 de novembro 09:00", "segunda-feira, 4 de janeiro de 2027 09:00"]),
        ("tlh", ["2026-11-23 23:30", "2026-11-24 09:00", "2026-11-30 09:00", "2027-01-04 09:00"]),
        ("", ["2026-11-23 23:30", "2026-11-24 09:00", "2026-11-30 09:00", "2027-01-04 09:00"]),
    ],
)  # fmt: skip
def test_an_instant_is_said_in_words(language: str, whole: list[str]) -> None:
    """Today and tomorrow by the clock there, the year where it is another; figures in a language nobody knows."""
    instants = ("2026-11-23T23:30", "2026-11-24T09:00", "2026-11-30T09:00", "2027-01-04T09:00")
    at = [datetime.fromisoformat(f"{each}:00+01:00") for each in instants]

    assert [said(each, seen_from=AT, zone=ROME, language=language).whole for each in at] == whole


def test_today_is_that_of_the_calendar_s_zone() -> None:
    """When it is already tomorrow in Tokyo, what opens there in the morning opens today."""
    opens = datetime(2026, 11, 24, 0, 0, tzinfo=UTC)
    tokyo, york = ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")

    assert said(opens, seen_from=AT, zone=tokyo, language="en").whole == "today at 9:00 AM"
    assert said(opens, seen_from=AT, zone=york, language="en").whole == "today at 7:00 PM"


def test_the_answer_says_what_is_sent_or_why_nothing() -> None:
    """With every variable of the calendar filled in, in the language of the text."""
    calendar = a_calendar(hours={
        "time_zone": "Europe/Rome", "weekly": {"wed": [{"opens": "09:00", "closes": "18:00"}]},
        "festivities": [{"on": "11-23", "name": "San Clemente"}],
    })  # fmt: skip
    text = "{{calendar.name}}, {{holiday.name|niente}}: {{calendar.opens}} ({{calendar.opens_date}}/{{author.name|?}})"
    reply = a_reply("r", texts={"it": text}, language="it")
    found = answer([calendar], [reply], Asking(language="it"), AT)
    expected = "office, San Clemente: mercoledì 25 novembre alle 09:00 (mercoledì 25 novembre/?)"
    assert (found.text, found.language, found.why_not) == (expected, "it", "")

    noon = datetime(2026, 11, 25, 11, 0, tzinfo=UTC)
    until = a_reply("open", "open", texts={"en": "until {{calendar.closes}}{{calendar.opens}}"})
    assert answer([calendar], [until], Asking(), noon).text == "until today at 6:00 PM"

    empty = a_reply("empty", texts={"en": "{{author.name}}"})
    why = {
        "no calendar is for this account, channel and language": answer([], [reply], Asking(), AT),
        "no enabled reply is for what the calendar says": answer([calendar], [], Asking(), AT),
        "nothing is left of the text, as its variables are empty": answer([calendar], [empty], Asking(), AT),
    }
    assert [found.why_not for found in why.values()] == list(why)


@pytest.mark.parametrize(
    ("given_at", "instant", "sends"),
    [
        ("2026-11-23T17:00:00+00:00", "2026-11-23T21:00:00+00:00", False),
        ("2026-11-23T16:59:59+00:00", "2026-11-23T21:00:00+00:00", True),
        ("2026-11-23T22:00:00+00:00", "2026-11-24T07:59:59+00:00", False),
        ("2026-11-24T07:59:59+00:00", "2026-11-24T17:00:00+00:00", True),
        ("2026-11-27T17:00:00+00:00", "2026-11-30T07:59:59+00:00", False),
        ("2026-11-23T22:00:00+00:00", "2026-11-23T21:00:00+00:00", False),
    ],
)
def test_a_ticket_gets_one_reply_for_each_time_of_being_closed(given_at: str, instant: str, sends: bool) -> None:
    """From closing to opening, to the second; what comes late from before counts as well."""
    given = Given(
        id="g", tenant="acme", ticket_id="t", message_id="m", event_id="e", reply_id="r", calendar_id="office",
        at=datetime.fromisoformat(given_at),
    )  # fmt: skip
    found = answer([a_calendar()], [a_reply("r")], Asking(), datetime.fromisoformat(instant), given=given)

    assert (found.why_not == "", found.text) == (sends, "r")


def test_a_calendar_that_never_opens_has_one_time_of_being_closed() -> None:
    """So a ticket gets one reply by it for ever, without an opening to name."""
    never = a_calendar(hours={"time_zone": "UTC"})
    given = Given(
        id="g", tenant="acme", ticket_id="t", message_id="m", event_id="e", reply_id="r", calendar_id="office", at=AT
    )
    reply = a_reply("r", texts={"en": "Back {{calendar.opens|some day}}"})

    assert answer([never], [reply], Asking(), AT).text == "Back some day"
    assert answer([never], [reply], Asking(), AT, given=given).why_not == "the ticket has got a reply since it closed"
