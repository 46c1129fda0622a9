"""Approval of answers as a machine driven at random: no path sends what nobody else has approved.

What people have seen is written down here by the texts themselves, not by hashes of ours.
"""

from datetime import timedelta
from typing import Any

import msgspec
from chorally_core.events import Reply
from chorally_core.ports.handlers import Change
from chorally_core.services.message import approving, commands
from chorally_core.services.message.approving import Awaiting, ChangedMeanwhile, NotYours
from chorally_core.services.message.changes import Actor, changed_ticket
from chorally_core.services.message.model import Message, Ticket
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.support.world import START

PEOPLE = st.sampled_from(["tom", "una", "eve", "max"])
WRITERS = st.sampled_from(["tom", "tom", "una"])
TEXTS = st.sampled_from(["one", "two", "three"])
_REFUSED = (NotYours, ChangedMeanwhile, commands.NotPossible)


def _note() -> Message:
    return Message(
        id="note", tenant="acme", ticket_id="ticket", sequence=1, event_id="e1", account_id="a", platform="wall",
        channel="wall_note", direction="inbound", author_id="ada", sender_kind="author", sender_id="ada",
        origin="platform", body="hello", external_id="n1", received_at=START, status="received",
    )  # fmt: skip


def _ticket() -> Ticket:
    return Ticket(
        id="ticket", tenant="acme", version=1, number=1, account_id="a", platform="wall", channel="wall_note",
        author_id="ada", conversation_key="ada", open_key="key", created_at=START, updated_at=START, message_count=1,
        last_inbound_id="note", applied=("e1",),
    )  # fmt: skip


class Answers(RuleBasedStateMachine):
    """One answer, four people, and a ticket that is resolved and opened again."""

    def __init__(self) -> None:
        super().__init__()
        self.at = START
        self.ticket, self.note = _ticket(), _note()
        self.answer: Message | None = None
        self.waiting: Awaiting | None = None
        self.wrote: set[str] = set()
        """Whoever wrote or edited the answer."""
        self.seen: dict[str, tuple[str, str]] = {}
        """What each has read of it: the text, and what the API calls its content."""
        self.approved: list[tuple[str, str]] = []
        """Who said yes to which text that they had before them, or made of it."""
        self.sent: list[str] = []
        who, at = Actor("agent", "tom"), self.now()
        content = commands.Content()
        beside = (Awaiting(id="answer", tenant="acme", ticket_id="ticket", asked_at=at),)
        self.take(
            commands.reply(
                self.ticket, self.note, body="one", actor=who, message_id="answer", at=at,
                approval=approving.asks(who, "one", content, at), beside=beside,
            )
        )  # fmt: skip
        self.wrote.add("tom")

    def now(self) -> Any:
        """Return a later time at each call."""
        self.at += timedelta(seconds=1)
        return self.at

    def take(self, change: Change) -> None:
        """Store what a decision changes, and send what it has sent."""
        for document in (*change.mended, *change.writes):
            stored: Any = msgspec.structs.replace(document, version=document.version + 1)
            if isinstance(stored, Message):
                self.answer = stored
            elif isinstance(stored, Ticket):
                self.ticket = stored
            elif isinstance(stored, Awaiting):
                self.waiting = stored
        if change.remove:
            self.waiting = None
        self.sent += [event.data.body for event in change.events if isinstance(event.data, Reply)]

    @rule(who=PEOPLE)
    def reads(self, who: str) -> None:
        """Somebody looks at the answer."""
        assert self.answer is not None
        assert self.answer.approval is not None
        self.seen[who] = (self.answer.body, self.answer.approval.content)

    @rule(who=PEOPLE, text=st.sampled_from([None, None, "four"]))
    def approves(self, who: str, text: str | None) -> None:
        """Somebody says yes to what they have read, perhaps with words of their own."""
        if who not in self.seen or self.answer is None:
            return
        body, content = self.seen[who]
        before, was = len(self.sent), self.answer.body
        try:
            self.take(
                approving.approve(
                    self.answer, self.ticket, self.note, self.waiting, content=content, body=text,
                    actor=Actor("agent", who), at=self.now(),
                )
            )  # fmt: skip
        except _REFUSED:
            return
        if len(self.sent) > before:
            assert who not in self.wrote
            assert body == was
            self.approved.append((who, text or body))

    @rule(who=WRITERS, text=TEXTS)
    def edits(self, who: str, text: str) -> None:
        """Somebody gives it another text."""
        assert self.answer is not None
        was = self.answer
        try:
            self.take(approving.edit(was, self.ticket, body=text, actor=Actor("agent", who), at=self.now()))
        except _REFUSED:
            return
        if self.answer != was:
            self.wrote.add(who)

    @rule(who=PEOPLE)
    def rejects(self, who: str) -> None:
        """Somebody gives it back."""
        assert self.answer is not None
        try:
            self.take(
                approving.reject(
                    self.answer, self.ticket, self.waiting, reason="no", actor=Actor("agent", who), at=self.now()
                )
            )
        except _REFUSED:
            return

    @rule(who=PEOPLE)
    def withdraws(self, who: str) -> None:
        """Somebody takes it back."""
        assert self.answer is not None
        try:
            self.take(
                approving.withdraw(self.answer, self.ticket, self.waiting, actor=Actor("agent", who), at=self.now())
            )
        except _REFUSED:
            return

    @rule(status=st.sampled_from(["open", "resolved"]))
    def becomes(self, status: str) -> None:
        """The ticket is resolved, or opened again."""
        self.ticket = changed_ticket(self.ticket, {"status": status}, self.now())

    @invariant()
    def only_what_another_approved_is_sent(self) -> None:
        """Once, as they saw or made it."""
        assert len(self.sent) <= 1
        assert self.sent == [text for _, text in self.approved]

    @invariant()
    def it_is_found_as_long_as_it_waits(self) -> None:
        """And no longer."""
        if self.answer is not None:
            assert (self.waiting is not None) == (self.answer.status == "awaiting_approval")


Answers.TestCase.settings = settings(max_examples=150, stateful_step_count=25, deadline=None)
TestAnswers = Answers.TestCase
