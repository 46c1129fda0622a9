"""Collects what the rules that fire on one event ask for.

All rules see the ticket as it was judged. What they change of it becomes one request, so that none overtakes another.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from chorally_core.events import Event, TicketShare, TicketUpdate, TriggerEvaluate, topics
from chorally_core.events.ids import entry_id
from chorally_core.ports.canned import CannedReply
from chorally_core.ports.handlers import Found
from chorally_core.ports.variables import filled
from chorally_core.ports.webhooks import Webhook, delivery_id
from chorally_core.services.rule_engine import actions as asked
from chorally_core.services.rule_engine.asking import Asking
from chorally_core.services.rule_engine.happened import shown, ticket_of
from chorally_core.services.rule_engine.model import Outcome, Person, Result, Rule
from chorally_core.services.rule_engine.plugged import NONE, BadParameters, Plugged

A_MINUTE = 30
"""Actions that rules may take on one ticket within a minute."""
PRIVATE = "private"
"""The option of an answer that makes it a private one, on channels that have it."""
CHANGING = (
    "set_status", "set_priority", "assign", "share", "set_team", "add_tags", "remove_tags", "set_custom_field",
    "snooze",
)  # fmt: skip
"""Actions that change the ticket."""
SAYING = ("reply", "private_reply", "canned_reply")
"""Actions that answer the message."""
_WORST_FIRST: tuple[Result, ...] = ("failed", "held", "asked")


class CannotAct(Exception):
    """An action is not possible here; the message says why, and the others go on."""


class Skipped(CannotAct):
    """There is nothing to do, and that is as it should be."""


class Means(NamedTuple):
    """What actions need besides what happened."""

    found: Found
    """The canned replies that rules answer with, and the webhooks that they call."""
    plugged: Plugged = NONE
    offers: Callable[[str, str], bool] = lambda channel, option: False
    """Whether answers on a channel take an option."""


class Plan:
    """What one event leads to."""

    def __init__(self, event: Event[TriggerEvaluate], person: Person, *, taken: int, means: Means) -> None:
        """Begin.

        Args:
            event: The trigger.
            person: Who wrote.
            taken: Actions that rules took on the ticket within the last minute.
            means: What actions need besides.
        """
        self._event = event
        self._trigger = event.data
        self._ticket = ticket_of(event.data)
        self._person = person
        self._taken = taken
        self._means = means
        self._asking = Asking(event)
        self._changes: dict[str, Any] = {}
        self._changed_by: list[str] = []
        self._shared: tuple[Rule, asked.Share] | None = None
        self._events: list[Event[Any]] = []
        self._answered = ""
        """Who answers the message, in words; nobody so far where empty."""
        self.count = 0
        """Actions that were asked for."""
        self.stopped = False

    def carry_out(self, rule: Rule, wanted: tuple[asked.Action, ...]) -> tuple[Outcome, ...]:
        """Take up the actions of a rule, and return what became of each; one that fails leaves the others."""
        return tuple(self._one(rule, str(number), action) for number, action in enumerate(wanted))

    def events(self, rules: tuple[str, ...]) -> tuple[Event[Any], ...]:
        """Return what is asked for, given the rules that have fired in this chain of causes."""
        if not self._changes and self._shared is None:
            return tuple(self._events)
        ticket_id, version = self._trigger.ticket_id or "", self._ticket["version"]
        actor_id = ",".join(dict.fromkeys(self._changed_by))
        if self._shared is None:
            data = TicketUpdate(
                ticket_id=ticket_id, judged_version=version, changes=self._changes, actor_id=actor_id, rules=rules
            )
            return (self._asking.causes(data, topics.TICKETS, "update", ""), *self._events)
        rule, action = self._shared
        rota = f"rule {rule.rule_id}" if action.agents else f"team {action.team_id}"
        share = TicketShare(
            ticket_id=ticket_id, conversation_key=self._asking.conversation_key, judged_version=version,
            changes=self._changes, how=action.how, rota=rota, team_id=action.team_id, agents=action.agents,
            actor_id=actor_id, sharer_id=rule.rule_id, rules=rules,
        )  # fmt: skip
        key = f"{self._event.tenant}/rota/{rota}"
        return (self._asking.causes(share, topics.QUEUE_TRIGGERS, "share", "", key), *self._events)

    def _one(self, rule: Rule, number: str, action: asked.Action) -> Outcome:
        if isinstance(action, asked.Stop):
            self.stopped = True
            return Outcome(action.type, "asked")
        if self._taken + self.count >= A_MINUTE:
            return Outcome(action.type, "held", f"rules took {A_MINUTE} actions on this ticket within a minute")
        try:
            if isinstance(action, asked.PluggedAction):
                return self._plugged(rule, number, action)
            detail = self._take_up(rule, number, action)
        except Skipped as error:
            return Outcome(action.type, "skipped", str(error))
        except Exception as error:  # whatever is wrong with one action, the others go on
            why = str(error) if isinstance(error, CannotAct | BadParameters) else f"{type(error).__name__}: {error}"
            return Outcome(action.type, "failed", why[:500])
        self.count += 1
        return Outcome(action.type, "asked", detail)

    def _plugged(self, rule: Rule, number: str, action: asked.PluggedAction) -> Outcome:
        """Take up what a plugin asks for; the worst of what becomes of it is what becomes of the action."""
        wanted = self._means.plugged.asked(action, shown(self._event, self._person))
        outcomes = [self._one(rule, f"{number}.{each}", one) for each, one in enumerate(wanted)]
        results = {outcome.result for outcome in outcomes}
        worst: Result = next((each for each in _WORST_FIRST if each in results), "skipped")
        detail = "; ".join(f"{o.action} {o.result}" + (f": {o.detail}" if o.detail else "") for o in outcomes)
        return Outcome(action.type, worst, detail[:500] or "the plugin asks for nothing")

    def _take_up(self, rule: Rule, number: str, action: asked.Action) -> str:
        """Ask for what an action wants, and return where to look for what becomes of it."""
        match action:
            case asked.Reply():
                self._reply(rule, self._filled(rule, action.text))
            case asked.PrivateReply():
                self._reply(rule, self._filled(rule, action.text), private=True)
            case asked.CannedAnswer():
                self._reply(rule, self._canned(action.canned_id), private=action.private)
            case asked.Note():
                self._need_ticket()
                self._events.append(self._asking.note(rule, number, self._filled(rule, action.text)))
            case asked.Moderate():
                if self._trigger.message_id is None:
                    raise CannotAct("the event is not about a message")
                self._events.append(self._asking.moderate(rule, number, self._trigger.message_id, action.verb))
            case asked.HandToBot():
                self._hand_to_bot(rule, number, action.bot_id)
            case asked.Notify():
                told = {"users": list(action.users), "teams": list(action.teams),
                        "text": self._filled(rule, action.text)[:2000]}  # fmt: skip
                self._events.append(self._asking.tell(rule, number, "notification_wanted", told))
            case asked.EmitEvent():
                data = {"name": action.name, "data": action.data}
                self._events.append(self._asking.tell(rule, number, "rule_event", data))
            case asked.CallWebhook():
                return self._call(rule, number, action)
            case asked.Share():
                self._share(rule, action)
            case _:
                self._change(rule, action)
        return ""

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
                if self._shared is not None:
                    raise Skipped("another rule shares the ticket")
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

    def _share(self, rule: Rule, action: asked.Share) -> None:
        self._need_ticket()
        if self._shared is not None or self._changes.get("assignee_id"):
            raise Skipped("another rule assigns the ticket")
        if self._ticket.get("assignee_id") and not action.reassign:
            raise Skipped("somebody has the ticket already")
        self._shared = rule, action
        self._changed_by.append(rule.rule_id)
        if action.team_id is not None and action.team_id != self._ticket.get("team_id"):
            self._changes["team_id"] = action.team_id

    def _reply(self, rule: Rule, text: str, *, private: bool = False) -> None:
        answered = self._answerable()
        channel = self._asking.of_either("channel")
        if private and not self._means.offers(channel, PRIVATE):
            raise CannotAct(f"{channel} takes no answer in private; use the action reply there")
        self._events.append(self._asking.reply(rule, text, answered, {PRIVATE: True} if private else {}))
        self._answered = "another rule"

    def _hand_to_bot(self, rule: Rule, number: str, bot_id: str) -> None:
        answered = self._answerable()
        told = {"bot": bot_id, "message": answered, "conversation": self._asking.conversation_key}
        self._events.append(self._asking.tell(rule, number, "handed_to_bot", told))
        self._answered = "a bot"

    def _call(self, rule: Rule, number: str, action: asked.CallWebhook) -> str:
        """Have a webhook called, and return which delivery that is."""
        webhook = self._means.found.get(Webhook, action.webhook_id)
        is_of_plugin = "." in number  # which webhook it asks for is known by its asking only, so nobody has looked
        if not is_of_plugin and (webhook is None or webhook.tenant != self._event.tenant):
            raise CannotAct(f"webhook {action.webhook_id} is not there any more; name another one, or disable the rule")
        happened = shown(self._event, self._person)
        call = self._asking.call(rule, number, action.webhook_id, action.data, happened)
        self._events.append(call)
        if webhook is not None and not webhook.enabled:
            return f"webhook {action.webhook_id} is disabled; a replay tells it once it is enabled"
        name = delivery_id(action.webhook_id, entry_id(call.occurred_at, call.id))
        return f"webhook {action.webhook_id}, delivery {name}"

    def _answerable(self) -> str:
        """Return the message that an automatic answer answers."""
        self._need_ticket()
        answered: str | None = self._trigger.message_id or self._ticket.get("last_inbound")
        if answered is None:
            raise CannotAct("the ticket has no message to answer")
        if self._answered:
            raise Skipped(f"{self._answered} answers this message")
        if self._trigger.answered_by:
            raise Skipped(f"{self._trigger.answered_by} answers this message, whose turn came first")
        if self._trigger.automatic:
            raise Skipped("a machine wrote the message, which rules do not answer")
        window = self._ticket.get("window")
        if window is not None and self._event.occurred_at.timestamp() >= window:
            raise Skipped("the platform takes no answer any more: the window is closed")
        return answered

    def _canned(self, name: str) -> str:
        """Return the text of a canned reply that rules may use."""
        canned = self._means.found.get(CannedReply, name)
        if canned is None or canned.tenant != self._event.tenant:
            raise CannotAct("the canned reply is not there any more")
        team_id = self._changes.get("team_id", self._ticket.get("team_id"))
        if not canned.is_for("", (team_id,) if team_id else ()):
            raise CannotAct("the canned reply is a person's own, or another team's; share it")
        told = self._trigger.snapshot
        language = told.get("language") or self._ticket.get("language") or self._person.language
        text = canned.rendered(language, self._values())
        if not text:
            raise CannotAct("nothing is left of the canned reply, as its variables are empty")
        return text

    def _need_ticket(self) -> None:
        if not self._trigger.ticket_id or "version" not in self._ticket:
            raise CannotAct("the event belongs to no ticket")

    def _values(self) -> dict[str, str]:
        told = self._trigger.snapshot
        return {
            "author.name": self._person.name or told.get("author", ""),
            "author.handle": self._person.handle,
            "message.text": told.get("body", "") if self._trigger.message_id else "",
            "message.channel": self._asking.of_either("channel"),
            "ticket.number": str(self._ticket.get("number", "")),
            "ticket.subject": self._ticket.get("subject", ""),
        }

    def _filled(self, rule: Rule, text: str) -> str:
        values: Mapping[str, str] = {**self._values(), "rule.name": rule.name}
        text = filled(text, values).strip()
        if not text:
            raise CannotAct("nothing is left of the text, as its variables are empty")
        return text


def within_a_minute(at: datetime, earlier: datetime) -> bool:
    """Whether an action still counts."""
    return (at - earlier).total_seconds() < 60
