"""Answers what comes in while nobody is there, by the tenant's calendars.

Consumes ``rule-triggers``, produces ``messages`` and ``rule-triggers``. A ticket gets one reply for as long as its
calendar stays closed, or open. What the message service refuses, such as an answer after the platform's window, is not
tried again.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chorally_core.events import Event, MessageAdd, TriggerEvaluate, topics
from chorally_core.events.ids import automatic_reply_id
from chorally_core.ports.calendars import Calendar, Calendars, Known
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import NOTHING, Change, Found, Handler
from chorally_core.ports.turns import RULE, handed_on, has_turn
from chorally_core.services.rule.answering import Answer, answer
from chorally_core.services.rule.choosing import Asking
from chorally_core.services.rule.model import Given, Reply

SERVICE = "rule-service"
GROUP = "rule"

_TENANTS = 1000  # whose replies stay in memory


class Timetable:
    """The calendars and replies of each tenant that a process has read, for as long as they hold."""

    def __init__(self) -> None:
        self._calendars = Known()
        self._replies: OrderedDict[str, tuple[int, Sequence[Reply]]] = OrderedDict()

    def answers(self, tenant: str) -> bool:
        """Whether replies of the tenant were seen before."""
        known = self._replies.get(tenant)
        return known is not None and bool(known[1])

    def wants(self, listed: Calendars) -> Iterable[Key]:
        """Name what has to be read because it changed; nothing where what is known still holds."""
        calendars, known = self._calendars.wants(listed), self._replies.get(listed.tenant)
        if known is not None and known[0] == listed.version:
            return calendars
        return [*calendars, *(Key.by_id(Reply, each.stored) for each in listed.replies)]

    def of(self, listed: Calendars, found: Found) -> tuple[Mapping[str, Calendar], Sequence[Reply]]:
        """Return the calendars by their id, and the replies.

        Raises:
            LookupError: One was replaced while it was being read; the next try sees the new one.
        """
        calendars = self._calendars.of(listed, found)
        known = self._replies.get(listed.tenant)
        if known is not None and known[0] == listed.version:
            return calendars, known[1]
        replies = [reply for each in listed.replies if (reply := found.get(Reply, each.stored)) is not None]
        if len(replies) < len(listed.replies):
            raise LookupError("the replies were changed while they were read")
        self._replies[listed.tenant] = listed.version, replies
        if len(self._replies) > _TENANTS:
            self._replies.popitem(last=False)
        return calendars, replies


class AnswerByCalendar(Handler[TriggerEvaluate]):
    """Has a message answered while its calendar says so, when it is the calendar's turn."""

    topic = topics.RULE_TRIGGERS
    event = "evaluate"

    def __init__(self, timetable: Timetable) -> None:
        """Answer by what a timetable knows."""
        self._timetable = timetable

    def reads(self, event: Event[TriggerEvaluate]) -> Iterable[Key]:
        """Return the list of the tenant's calendars; with what the decision needs besides, where it is likely to."""
        if not _concerns(event.data):
            return ()
        listed = Key.by_id(Calendars, event.tenant)
        return (listed, _given(event)) if self._timetable.answers(event.tenant) else (listed,)

    def follows(self, event: Event[TriggerEvaluate], found: Found) -> Iterable[Key]:
        """Return what the ticket was given, and calendars and replies if they have changed."""
        listed = found.get(Calendars, event.tenant)
        if listed is None or not listed.replies or not _concerns(event.data):
            return ()
        return (_given(event), *self._timetable.wants(listed))

    def decide(self, event: Event[TriggerEvaluate], found: Found) -> Change:
        """Ask for the reply, once for each ticket and time of being closed; the same event again asks for nothing."""
        if not _concerns(event.data):
            return NOTHING
        given = found.get(Given, Given.id_of(event.tenant, event.data.ticket_id or ""))
        if given is not None and given.event_id == event.id:
            return NOTHING
        return handed_on(event, RULE, self._answered(event, found, given))

    def _answered(self, event: Event[TriggerEvaluate], found: Found, given: Given | None) -> Change:
        listed = found.get(Calendars, event.tenant)
        if listed is None or not listed.replies or not may_be_answered(event):
            return NOTHING
        calendars, replies = self._timetable.of(listed, found)
        asking = asking_of(event.data)
        found_answer = answer(
            calendars.values(), replies, asking, event.occurred_at, given=given, values=_values(event.data)
        )
        return NOTHING if found_answer.why_not else _asked_for(event, found_answer, given)


def _concerns(trigger: TriggerEvaluate) -> bool:
    return trigger.kind == "message_received" and has_turn(trigger, RULE)


def _given(event: Event[TriggerEvaluate]) -> Key:
    return Key.by_id(Given, Given.id_of(event.tenant, event.data.ticket_id or ""))


def may_be_answered(event: Event[TriggerEvaluate]) -> bool:
    """Whether a machine may answer a message at all, by what the trigger tells of it and its ticket.

    Not one that a machine wrote or that somebody else's turn has answered, not what we said, nothing without a ticket,
    and nothing once the platform's window is closed: what is open longer is for people only.
    """
    trigger = event.data
    ticket: dict[str, Any] = trigger.snapshot.get("ticket", {})
    if trigger.automatic or trigger.answered_by or trigger.message_id is None or trigger.ticket_id is None:
        return False
    if trigger.snapshot.get("direction", "inbound") != "inbound" or ticket.get("status") == "resolved":
        return False
    closes = ticket.get("window")
    return closes is None or event.occurred_at.timestamp() < closes


def asking_of(trigger: TriggerEvaluate) -> Asking:
    """Return where a message came from; its language is the author's, or as its ticket began."""
    told = trigger.snapshot
    language = told.get("language") or told.get("ticket", {}).get("language", "")
    return Asking(trigger.account_id or "", told.get("channel", ""), language)


def _values(trigger: TriggerEvaluate) -> dict[str, str]:
    told = trigger.snapshot
    return {
        "author.name": told.get("author", ""),
        "message.channel": told.get("channel", ""),
        "ticket.number": str(told.get("ticket", {}).get("number", "")),
    }


def _asked_for(event: Event[TriggerEvaluate], found: Answer, given: Given | None) -> Change:
    """The reply asked of the message service, and remembered for the ticket."""
    trigger, at = event.data, event.occurred_at
    assert found.calendar is not None  # noqa: S101  # as there is a text
    assert found.reply is not None  # noqa: S101
    remembered = Given(
        id=Given.id_of(event.tenant, trigger.ticket_id or ""),
        tenant=event.tenant,
        version=given.version if given is not None else 0,
        ticket_id=trigger.ticket_id or "",
        message_id=trigger.message_id or "",
        event_id=event.id,
        reply_id=found.reply.reply_id,
        calendar_id=found.calendar.calendar_id,
        at=at,
    )
    data = MessageAdd(
        id=automatic_reply_id(event.tenant, trigger.message_id or ""),
        account_id=trigger.account_id or "",
        platform=trigger.snapshot.get("platform", ""),
        channel=trigger.snapshot.get("channel", ""),
        conversation_key=event.key.removeprefix(f"{event.tenant}/"),
        external_id="",
        external_conversation_id="",
        external_created_at=at,
        received_at=at,
        direction="outbound",
        origin="here",
        parent_message_id=trigger.message_id,
        ticket_id=trigger.ticket_id,
        body=found.text,
        language=found.language,
        automatic=True,
        actor_kind="rule",
        actor_id=found.reply.reply_id,
    )
    wanted = event.causes(data, topic=topics.MESSAGES, issuer=SERVICE, name="add", of="reply", depth=event.depth + 1)
    return Change((remembered,), (wanted,))


def handlers() -> tuple[AnswerByCalendar, ...]:
    """Return the service's handlers, with a timetable of their own."""
    return (AnswerByCalendar(Timetable()),)
