"""Collects what the rules that fire on one event ask for, and makes the events that ask for it.

All rules see the ticket as it was judged. What they change of it becomes one request, so that none overtakes another.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from chorally_core.events import Event, LogAdd, MessageAdd, MessageModerate, TicketUpdate, TriggerEvaluate, topics
from chorally_core.events.ids import automatic_reply_id, derived
from chorally_core.ports.variables import filled
from chorally_core.services.rule_engine import actions as asked
from chorally_core.services.rule_engine.happened import ticket_of
from chorally_core.services.rule_engine.model import Outcome, Person, Rule

SERVICE = "rule-engine-service"
A_MINUTE = 30
"""Actions that rules may take on one ticket within a minute."""


class CannotAct(Exception):
    """An action is not possible here; the message says why, and the others go on."""


class Skipped(CannotAct):
    """There is nothing to do, and that is as it should be."""


class Plan:
    """What one event leads to."""

    def __init__(self, event: Event[TriggerEvaluate], person: Person, *, taken: int) -> None:
        """Begin.

        Args:
            event: The trigger.
            person: Who wrote.
            taken: Actions that rules took on the ticket within the last minute.
        """
        self._event = event
        self._trigger = event.data
        self._ticket = ticket_of(event.data)
        self._person = person
        self._taken = taken
        self._changes: dict[str, Any] = {}
        self._changed_by: list[str] = []
        self._events: list[Event[Any]] = []
        self._replied = False
        self.count = 0
        """Actions that were asked for."""
        self.stopped = False

    def carry_out(self, rule: Rule, wanted: tuple[asked.Action, ...]) -> tuple[Outcome, ...]:
        """Take up the actions of a rule, and return what became of each; one that fails leaves the others."""
        return tuple(self._one(rule, number, action) for number, action in enumerate(wanted))

    def events(self, rules: tuple[str, ...]) -> tuple[Event[Any], ...]:
        """Return what is asked for, given the rules that have fired in this chain of causes."""
        if not self._changes:
            return tuple(self._events)
        data = TicketUpdate(
            ticket_id=self._trigger.ticket_id or "",
            judged_version=self._ticket["version"],
            changes=self._changes,
            actor_id=",".join(dict.fromkeys(self._changed_by)),
            rules=rules,
        )
        return (self._causes(data, topics.TICKETS, "update", ""), *self._events)

    def _one(self, rule: Rule, number: int, action: asked.Action) -> Outcome:
        if isinstance(action, asked.Stop):
            self.stopped = True
            return Outcome(action.type, "asked")
        if self._taken + self.count >= A_MINUTE:
            return Outcome(action.type, "held", f"rules took {A_MINUTE} actions on this ticket within a minute")
        try:
            self._take_up(rule, number, action)
        except Skipped as error:
            return Outcome(action.type, "skipped", str(error))
        except Exception as error:  # whatever is wrong with one action, the others go on
            why = str(error) if isinstance(error, CannotAct) else f"{type(error).__name__}: {error}"
            return Outcome(action.type, "failed", why[:500])
        self.count += 1
        return Outcome(action.type, "asked")

    def _take_up(self, rule: Rule, number: int, action: asked.Action) -> None:
        match action:
            case asked.Reply():
                self._reply(rule, self._filled(rule, action.text))
            case asked.Note():
                self._note(rule, number, self._filled(rule, action.text))
            case asked.Moderate():
                self._moderate(rule, number, action.verb)
            case asked.EmitEvent():
                self._emit(rule, number, action)
            case _:
                self._change(rule, action)

    def _change(self, rule: Rule, action: asked.Action) -> None:
        self._need_ticket()
        now = {**self._ticket, **self._changes}
        tags = list(now.get("tags", ()))
        match action:
            case asked.SetStatus():
                self._put(rule, "status", action.status, now.get("status"))
            case asked.SetPriority():
                self._put(rule, "priority", action.priority, now.get("priority"))
            case asked.Assign():
                self._put(rule, "assignee_id", action.agent_id, now.get("assignee_id"))
            case asked.SetTeam():
                self._put(rule, "team_id", action.team_id, now.get("team_id"))
            case asked.AddTags():
                self._put(rule, "tags", list(dict.fromkeys((*tags, *action.tags))), tags)
            case asked.RemoveTags():
                self._put(rule, "tags", [tag for tag in tags if tag not in action.tags], tags)
            case asked.SetCustomField():
                own = self._changes.get("custom_fields", {})
                known = {**now.get("custom", {}), **own}
                self._put(rule, "custom_fields", {**own, action.name: action.value}, known, action.name)
            case asked.Snooze():
                self._put(rule, "snoozed_until", (self._event.occurred_at + action.span).isoformat(), None)
            case _:
                raise CannotAct(f"there is no action {action.type}")

    def _put(self, rule: Rule, name: str, value: Any, known: Any, member: str = "") -> None:
        """Have a field of the ticket changed, unless it is so; of a mapping one member is compared."""
        is_so = member in known and known[member] == value[member] if member else value == known
        if is_so:
            raise Skipped("the ticket is so already")
        self._changes[name] = value
        self._changed_by.append(rule.rule_id)

    def _reply(self, rule: Rule, text: str) -> None:
        self._need_ticket()
        answered = self._trigger.message_id or self._ticket.get("last_inbound")
        if answered is None:
            raise CannotAct("the ticket has no message to answer")
        if self._replied:
            raise Skipped("another rule answers this message")
        if self._trigger.answered_by:
            raise Skipped(f"{self._trigger.answered_by} answers this message, whose turn came first")
        if self._trigger.automatic:
            raise Skipped("a machine wrote the message, which rules do not answer")
        window = self._ticket.get("window")
        if window is not None and self._event.occurred_at.timestamp() >= window:
            raise Skipped("the platform takes no answer any more: the window is closed")
        name = automatic_reply_id(self._event.tenant, answered)
        self._say(rule, name, text, direction="outbound", of="reply", parent=answered)
        self._replied = True

    def _note(self, rule: Rule, number: int, text: str) -> None:
        self._need_ticket()
        name = derived("rule-note", self._event.id, rule.rule_id, str(number))
        self._say(rule, name, text, direction="internal", of=f"note {rule.rule_id} {number}")

    def _say(self, rule: Rule, name: str, text: str, *, direction: Any, of: str, parent: str | None = None) -> None:
        at = self._event.occurred_at
        data = MessageAdd(
            id=name,
            account_id=self._trigger.account_id or "",
            platform=self._of_either("platform"),
            channel=self._of_either("channel"),
            conversation_key=self._event.key.removeprefix(f"{self._event.tenant}/"),
            external_id="",
            external_conversation_id="",
            external_created_at=at,
            received_at=at,
            direction=direction,
            origin="here",
            parent_message_id=parent,
            ticket_id=self._trigger.ticket_id,
            body=text,
            automatic=True,
            actor_kind="rule",
            actor_id=rule.rule_id,
        )
        self._events.append(self._causes(data, topics.MESSAGES, "add", of))

    def _moderate(self, rule: Rule, number: int, verb: Literal["hide", "unhide", "delete", "like"]) -> None:
        if self._trigger.message_id is None:
            raise CannotAct("the event is not about a message")
        name = derived("rule-moderation", self._event.id, rule.rule_id, str(number))
        data = MessageModerate(id=name, message_id=self._trigger.message_id, verb=verb, actor_id=rule.rule_id)
        self._events.append(self._causes(data, topics.MESSAGES, "moderate", name))

    def _emit(self, rule: Rule, number: int, action: asked.EmitEvent) -> None:
        data = LogAdd(
            kind="rule_event",
            subject_type="rule",
            subject_id=rule.rule_id,
            version=rule.number,
            ticket_id=self._trigger.ticket_id,
            message_id=self._trigger.message_id,
            author_id=self._trigger.author_id,
            account_id=self._trigger.account_id,
            actor_kind="rule",
            actor_id=rule.rule_id,
            snapshot={"name": action.name, "data": action.data},
        )
        self._events.append(self._causes(data, topics.LOGS, "add", f"{rule.rule_id} {number}"))

    def _of_either(self, name: str) -> str:
        """What the message tells, or the ticket where the event is about no message."""
        found: str = self._ticket.get(name) or self._trigger.snapshot.get(name, "")
        return found

    def _need_ticket(self) -> None:
        if not self._trigger.ticket_id or "version" not in self._ticket:
            raise CannotAct("the event belongs to no ticket")

    def _filled(self, rule: Rule, text: str) -> str:
        told = self._trigger.snapshot
        values: Mapping[str, str] = {
            "author.name": self._person.name or told.get("author", ""),
            "author.handle": self._person.handle,
            "message.text": told.get("body", "") if self._trigger.message_id else "",
            "message.channel": self._of_either("channel"),
            "ticket.number": str(self._ticket.get("number", "")),
            "ticket.subject": self._ticket.get("subject", ""),
            "rule.name": rule.name,
        }
        text = filled(text, values).strip()
        if not text:
            raise CannotAct("nothing is left of the text, as its variables are empty")
        return text

    def _causes(self, data: Any, topic: str, name: str, of: str) -> Event[Any]:
        return self._event.causes(data, topic=topic, issuer=SERVICE, name=name, of=of, depth=self._event.depth + 1)


def within_a_minute(at: datetime, earlier: datetime) -> bool:
    """Whether an action still counts."""
    return (at - earlier).total_seconds() < 60
