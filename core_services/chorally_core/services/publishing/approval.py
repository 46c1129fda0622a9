"""Who has approved what: steps, decisions, and whether they are enough for a content.

An approval is for the hash of a content, never for the record that holds it: another hash is not approved. Whoever
wrote any of the content counts for nothing, and each person counts in one step only.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from chorally_core.ports.colleagues import Colleague

Verdict = Literal["approved", "rejected", "withdrawn"]

MOST_DECISIONS = 200
"""Decisions that are kept with a content, those of earlier rounds too."""


class NotPossible(Exception):
    """The state of things does not allow this; the message says what to do."""


class NotYours(Exception):
    """This person may not decide; the message says why."""


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whom one step of an approval asks; whoever may approve posts where it names nobody."""

    users: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    rule: Literal["any", "all"] = "any"
    """Whether anybody named will do, or each user named, and somebody of each team and each role named."""
    at_least: int = 1
    """How many people must approve, whatever the rule."""

    def asks(self, person: Colleague) -> bool:
        """Whether the step asks this person."""
        if not (self.users or self.teams or self.roles):
            return True
        return (
            person.id in self.users
            or not set(self.teams).isdisjoint(person.team_ids)
            or not set(self.roles).isdisjoint(person.roles)
        )

    def is_met_by(self, people: Sequence[Colleague], authors: Collection[str]) -> bool:
        """Whether these people's approvals are enough; who is an author has agreed by writing, and counts as nobody."""
        if len(people) < max(1, self.at_least):
            return False
        return self.rule == "any" or not self.missing(people, authors)

    def missing(self, people: Sequence[Colleague], authors: Collection[str]) -> list[str]:
        """Return whose approval an ``all`` still lacks: ``user:…``, ``team:…``, ``role:…``."""
        there = {person.id for person in people}
        teams = {team for person in people for team in person.team_ids}
        roles = {role for person in people for role in person.roles}
        return [
            *(f"user:{user}" for user in self.users if user not in there and user not in authors),
            *(f"team:{team}" for team in self.teams if team not in teams),
            *(f"role:{role}" for role in self.roles if role not in roles),
        ]


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody said of a content."""

    by: str
    at: datetime
    verdict: Verdict
    comment: str = ""
    round: int
    step: int = 0
    hash: str


class Approval(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far the approval of a content is."""

    hash: str = ""
    """Of the content that is asked for, or was approved; empty where nothing is."""
    round: int = 0
    """How often it was asked for."""
    steps: tuple[Step, ...] = ()
    """As the workflows were when it was asked for."""
    step: int = 0
    """The first that is not met, from 0; as many as there are steps where all are."""
    decisions: tuple[Decision, ...] = ()
    submitted_by: str = ""
    submitted_at: datetime | None = None
    approved_at: datetime | None = None

    def holds(self, content_hash: str) -> bool:
        """Whether exactly this content is approved."""
        return self.approved_at is not None and bool(self.hash) and self.hash == content_hash

    @property
    def is_asked(self) -> bool:
        """Whether it waits for decisions."""
        return bool(self.hash) and self.approved_at is None

    def asked(self, content_hash: str, steps: Iterable[Step], by: str, at: datetime) -> "Approval":
        """Return it as a content is handed in: in a new round, in which no earlier decision counts."""
        wanted = tuple(steps)
        return msgspec.structs.replace(
            self, hash=content_hash, round=self.round + 1, steps=wanted, step=0, submitted_by=by, submitted_at=at,
            approved_at=None if wanted else at,
        )  # fmt: skip

    def ended(self) -> "Approval":
        """Return it without anything that is approved, or asked for."""
        return msgspec.structs.replace(self, hash="", steps=(), step=0, approved_at=None)

    def decided(
        self,
        content_hash: str,
        person: Colleague,
        verdict: Literal["approved", "rejected"],
        *,
        comment: str,
        authors: Collection[str],
        colleagues: Mapping[str, Colleague],
        at: datetime,
    ) -> "Approval":
        """Return it after a decision.

        Whoever approved before counts only as long as they may still approve, and are still asked: steps are met by
        those who are there now.

        Args:
            content_hash: Of the content as it is.
            person: Who decides.
            verdict: What they say.
            comment: Why.
            authors: Who wrote any of the content.
            colleagues: Those who decided before, as they are now.
            at: Now.

        Raises:
            NotYours: The person wrote some of it, is not asked, or has decided in an earlier step.
            NotPossible: Nothing is asked for, or something else than they decide about.
        """
        if not self.is_asked:
            raise NotPossible("nothing waits for a decision here; read it again")
        if self.hash != content_hash:
            raise NotPossible("the content has changed since it was handed in; read it again")
        if person.id in authors:
            raise NotYours("you wrote some of it; somebody else has to decide")
        known = {**colleagues, person.id: person}
        step = self._first_open(known, authors)
        if not self.steps[step].asks(person):
            raise NotYours(f"step {step + 1} of {len(self.steps)} asks others; wait until they have decided")
        mine = [one for one in self._counting(known, authors) if one.by == person.id]
        if mine and verdict == "approved":
            if mine[0].step == step:
                return self
            raise NotYours(f"you approved in step {mine[0].step + 1}; this one needs somebody else")
        if sum(one.round == self.round for one in self.decisions) >= MOST_DECISIONS:
            raise NotPossible("too many decisions were taken on it; change it, and hand it in again")
        said = Decision(
            by=person.id, at=at, verdict=verdict, comment=comment, round=self.round, step=step, hash=content_hash
        )
        after = msgspec.structs.replace(self, decisions=(*self.decisions, said)[-MOST_DECISIONS:])
        if verdict == "rejected":
            return msgspec.structs.replace(after, hash="", approved_at=None)
        first = after._first_open(known, authors)
        return msgspec.structs.replace(after, step=first, approved_at=at if first == len(self.steps) else None)

    def noted(self, by: str, verdict: Verdict, comment: str, at: datetime) -> "Approval":
        """Return it with something said that is no decision about the content."""
        said = Decision(
            by=by, at=at, verdict=verdict, comment=comment, round=self.round, step=self.step, hash=self.hash
        )
        return msgspec.structs.replace(self, decisions=(*self.decisions, said)[-MOST_DECISIONS:])

    def _counting(self, known: Mapping[str, Colleague], authors: Collection[str]) -> list[Decision]:
        """The approvals of this round that count."""
        return [
            one
            for one in self.decisions
            if one.round == self.round
            and one.verdict == "approved"
            and one.hash == self.hash
            and one.by not in authors
            and (person := known.get(one.by)) is not None
            and person.may_approve
            and one.step < len(self.steps)
            and self.steps[one.step].asks(person)
        ]

    def _first_open(self, known: Mapping[str, Colleague], authors: Collection[str]) -> int:
        counting = self._counting(known, authors)
        for number, step in enumerate(self.steps):
            people = {one.by: known[one.by] for one in counting if one.step == number}
            if not step.is_met_by(list(people.values()), authors):
                return number
        return len(self.steps)

    def shown(self) -> dict[str, Any]:
        """Return what a reader of the log needs to know."""
        return {"round": self.round, "step": self.step, "steps": len(self.steps), "hash": self.hash}
