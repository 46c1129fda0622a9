"""Makes the events that ask for what a rule wants done: each with an id that only its cause and its rule give."""

from typing import Any, Literal

import msgspec

from chorally_core.events import Event, LogAdd, MessageAdd, MessageModerate, TriggerEvaluate, topics
from chorally_core.events.ids import automatic_reply_id, derived
from chorally_core.ports.webhooks import CALLED
from chorally_core.services.rule_engine.happened import ticket_of
from chorally_core.services.rule_engine.model import Rule
from chorally_core.services.rule_engine.names import SERVICE
from chorally_sdk.rules import Happened


class Asking:
    """Asks because of one event."""

    def __init__(self, event: Event[TriggerEvaluate]) -> None:
        """Begin.

        Args:
            event: What rules fire on.
        """
        self._event = event
        self._trigger = event.data
        self._ticket = ticket_of(event.data)

    def reply(self, rule: Rule, text: str, answered: str, options: dict[str, Any]) -> Event[Any]:
        """Return the request for the one automatic answer of a message."""
        name = automatic_reply_id(self._event.tenant, answered)
        return self._said(rule, name, text, "reply", direction="outbound", parent=answered, options=options)

    def note(self, rule: Rule, number: str, text: str) -> Event[Any]:
        """Return the request for an internal note, the rule's action of that number."""
        name = derived("rule-note", self._event.id, rule.rule_id, number)
        return self._said(rule, name, text, f"note {rule.rule_id} {number}", direction="internal")

    def moderate(
        self, rule: Rule, number: str, message_id: str, verb: Literal["hide", "unhide", "delete", "like"]
    ) -> Event[Any]:
        """Return the request to do something to a message on its platform."""
        name = derived("rule-moderation", self._event.id, rule.rule_id, number)
        data = MessageModerate(id=name, message_id=message_id, verb=verb, actor_id=rule.rule_id)
        return self.causes(data, topics.MESSAGES, "moderate", name)

    def tell(self, rule: Rule, number: str, kind: str, snapshot: dict[str, Any]) -> Event[Any]:
        """Return a fact that the history keeps, and whoever follows it is told."""
        data = LogAdd(
            kind=kind,
            subject_type="rule",
            subject_id=rule.rule_id,
            version=rule.number,
            ticket_id=self._trigger.ticket_id,
            message_id=self._trigger.message_id,
            author_id=self._trigger.author_id,
            account_id=self._trigger.account_id,
            actor_kind="rule",
            actor_id=rule.rule_id,
            snapshot=snapshot,
        )
        return self.causes(data, topics.LOGS, "add", f"{rule.rule_id} {number}")

    def call(self, rule: Rule, number: str, webhook_id: str, data: dict[str, Any], happened: Happened) -> Event[LogAdd]:
        """Return the fact by which a webhook is called, with what it is sent."""
        snapshot = {
            "rule": rule.name, "event": happened.event, "entry": self._trigger.log_id, "data": data,
            "message": dict(happened.message), "ticket": dict(happened.ticket), "author": dict(happened.author),
        }  # fmt: skip
        told = self.tell(rule, number, CALLED, snapshot)
        of_webhook = msgspec.structs.replace(told.data, subject_type="webhook", subject_id=webhook_id, version=0)
        return msgspec.structs.replace(told, data=of_webhook)

    def causes(self, data: Any, topic: str, name: str, of: str, key: str = "") -> Event[Any]:
        """Return an event that the rules lead to."""
        depth = self._event.depth + 1
        return self._event.causes(data, topic=topic, issuer=SERVICE, name=name, of=of, depth=depth, key=key)

    @property
    def conversation_key(self) -> str:
        """Ordering key of what concerns the ticket, without the tenant."""
        return self._event.key.removeprefix(f"{self._event.tenant}/")

    def of_either(self, name: str) -> str:
        """Return what the message tells, or the ticket where the event is about no message."""
        found: str = self._ticket.get(name) or self._trigger.snapshot.get(name, "")
        return found

    def _said(
        self, rule: Rule, name: str, text: str, of: str, *, direction: Literal["outbound", "internal"],
        parent: str | None = None, options: dict[str, Any] | None = None,
    ) -> Event[Any]:  # fmt: skip
        at = self._event.occurred_at
        data = MessageAdd(
            id=name,
            account_id=self._trigger.account_id or "",
            platform=self.of_either("platform"),
            channel=self.of_either("channel"),
            conversation_key=self.conversation_key,
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
            options=options or {},
        )
        return self.causes(data, topics.MESSAGES, "add", of)
