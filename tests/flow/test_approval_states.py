"""Approval and delivery as one machine, driven at random: whatever is done, nothing goes out that was not approved.

What people have seen and said is written down here by the texts themselves, not by hashes of ours, and compared with
what the platform shows.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import httpx
from chorally_core.adapters.sqlite import SqliteDocuments
from chorally_core.ports.colleagues import Colleague
from chorally_core.ports.documents import Conflict, Key
from chorally_core.ports.handlers import NOTHING, Change, Found
from chorally_core.ports.ledger import Work
from chorally_core.runner.workspace import Numbers, Workspace
from chorally_core.services.io.model import Delivery
from chorally_core.services.publishing import commands, published
from chorally_core.services.publishing.approval import NotPossible, NotYours, Step
from chorally_core.services.publishing.model import Publication, Target
from chorally_core.services.publishing.timing import publish_due
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.crash.mortal import EachByItself
from tests.support.approvals import Content, enough
from tests.support.hooks import SECRET
from tests.support.plaza import POST, Plaza, PlazaPlatform
from tests.support.world import World

T = TypeVar("T")
PEOPLE = ("ada", "bob", "cat", "dan")
NAME = "post-1"
WHO = st.sampled_from(PEOPLE)
WRITER = st.sampled_from(PEOPLE[:2])
RARELY = st.sampled_from([False, False, False, False, True])
TEXTS = st.sampled_from(["one", "two", "three"])
WORKFLOWS = st.sampled_from(
    [
        (Step(),),
        (Step(at_least=2),),
        (Step(users=("cat",)), Step()),
        (Step(users=("ada", "cat"), rule="all"),),
        (),
    ]
)
FATES = st.lists(st.sampled_from(["", "lost", "502", "400", "429"]), max_size=3)

Decide = Callable[[Found], Change]


class Posts(RuleBasedStateMachine):
    """One post on two channels of one account, and four people."""

    in_order = False

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = TemporaryDirectory()
        self.platform = PlazaPlatform()
        self.gone: set[str] = set()
        self.steps: tuple[Step, ...] = (Step(),)
        self.content = Content((), 0)
        self.authors: set[str] = set()
        self.asked: tuple[Step, ...] | None = None
        self.approvals: dict[str, Content] = {}
        self.cleared: set[str] = set()
        self.is_clear = False
        self.new_text = ""
        self.revisers: set[str] = set()
        self.revision_asked: tuple[Step, ...] | None = None
        self.revision_approvals: dict[str, str] = {}

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something to its end."""
        return self.loop.run_until_complete(work)

    @initialize(who=WRITER, text=TEXTS, workflow=WORKFLOWS, fates=FATES)
    def begin(self, who: str, text: str, workflow: tuple[Step, ...], fates: list[str]) -> None:
        """Somebody writes a draft."""
        self.run(self._begin(who, text))
        self.steps = workflow
        self.platform.posting = fates
        self.content, self.authors = Content((text, text), 0), {who}
        self.submit(who)

    async def _begin(self, who: str, text: str) -> None:
        async def answer(request: httpx.Request) -> httpx.Response:
            return self.platform.answer(request)

        self.world = World(
            Path(self.folder.name), {"wall": Plaza}, transports={"wall": httpx.MockTransport(answer)},
            in_order=self.in_order, documents=EachByItself if self.in_order else SqliteDocuments,
        )  # fmt: skip
        await self.world.start()
        await self.world.app("wall", {"secret": SECRET})
        await self.world.account("wall")
        target = Target(id="", account_id="account-wall-acme", platform="wall", channel=POST)
        other = Target(id="", account_id="account-wall-acme", platform="wall", channel=POST, options={"pinned": True})

        def decide(found: Found) -> Change:
            draft = commands.drafted(
                publication_id=NAME, tenant="acme", content={"body": text}, targets=[target, other],
                actor=("agent", who), at=self.world.clock(), known=found.get(Publication, NAME),
            )  # fmt: skip
            assert draft is not None
            return commands.add(draft, steps=None, actor=("agent", who), at=self.world.clock())

        await self.world.actions.act([Key.by_id(Publication, NAME)], decide)

    def teardown(self) -> None:
        """Let go of everything."""
        if hasattr(self, "world"):
            self.world.kill()
        self.loop.close()
        self.folder.cleanup()

    # what is done, alone or while somebody else does something

    def act(self, decide: Decide, meanwhile: Decide | None = None) -> bool:
        """Do something as the API does; with ``meanwhile`` somebody else is faster. Return whether it was possible."""
        try:
            self.run(self._act(decide, meanwhile))
        except (NotPossible, NotYours):
            return False
        return True

    async def _act(self, decide: Decide, meanwhile: Decide | None) -> None:
        keys = [Key.by_id(Publication, NAME)]
        if meanwhile is None:
            await self.world.actions.act(keys, decide)
            return
        documents = self.world.ledger.documents
        space = Workspace(documents, Numbers(documents))
        await space.look_up(keys)
        change = decide(space.found)
        space.apply(change)
        try:
            done = await self.world.actions.act(keys, meanwhile)
        except (NotPossible, NotYours):
            done = NOTHING
        try:
            await self.world.ledger.commit(Work(space.steps))
        except Conflict:
            assert done.writes
            await self.world.actions.act(keys, decide)

    def post(self) -> Publication:
        """The post as it is stored."""
        found = self.run(self.world.ledger.documents.get(Publication, NAME))
        assert found is not None
        return found

    def person(self, who: str) -> Colleague:
        """Somebody as they are now."""
        return Colleague(id=who, may_approve=who not in self.gone)

    def colleagues(self) -> dict[str, Colleague]:
        """Everybody."""
        return {who: self.person(who) for who in PEOPLE}

    def edits(self, who: str, text: str, in_s: int = 0) -> Decide:
        """The decision to change text and time."""
        at = self.world.clock()
        when = at + timedelta(seconds=in_s) if in_s else None

        def decide(found: Found) -> Change:
            known = found.get(Publication, NAME)
            assert known is not None
            return commands.edit(
                known, content={"body": text, "publish_at": when}, targets=None, steps=self.steps,
                actor=("agent", who), at=at,
            )  # fmt: skip

        return decide

    def edited(self, who: str, text: str, in_s: int, before: Publication, after: Publication) -> None:
        """Write down that somebody changed the content: nothing that was said of it holds."""
        if before.body == text and not in_s and before.publish_at is None:
            return
        self.authors.add(who)
        self.content = Content((text, text), in_s)
        self.approvals, self.is_clear = {}, False
        if before.stage in ("submitted", "approved", "scheduled"):
            self.asked = self.steps
        assert after.body == text

    @rule(who=WRITER, text=TEXTS, in_s=st.sampled_from([0, 60]))
    def edit(self, who: str, text: str, in_s: int) -> None:
        """Somebody changes it."""
        before = self.post()
        if self.act(self.edits(who, text, in_s)):
            self.edited(who, text, in_s, before, self.post())
            self.check_cleared()

    @precondition(lambda self: self.post().stage != "out")
    @rule(who=WRITER)
    def submit(self, who: str) -> None:
        """Somebody hands it in."""
        if self.act(
            self._now(lambda known: commands.submit(known, steps=self.steps, actor=("agent", who), at=self.at))
        ):
            self.asked, self.approvals = self.steps, {}
            self.check_cleared()

    @rule(who=WHO, no=RARELY, old=RARELY)
    def decide(self, who: str, no: bool, old: bool) -> None:
        """Somebody decides, about what is there or about something else."""
        known = self.post()
        seen = "0" * 64 if old else known.content_hash()
        if self.act(self._decides(who, no, seen)):
            assert not old
            assert who not in self.authors
            self._said(who, no)
            self.check_cleared()

    @rule(who=WHO, editor=WRITER, text=TEXTS)
    def decide_while_somebody_edits(self, who: str, editor: str, text: str) -> None:
        """The edit is stored first: the decision was about something else."""
        before = self.post()
        decision = self._decides(who, False, before.content_hash())
        worked = self.act(decision, self.edits(editor, text))
        after = self.post()
        if after.body != before.body or after.publish_at != before.publish_at:
            self.edited(editor, text, 0, before, after)
            if worked and before.content_hash() != after.content_hash():
                raise AssertionError("a decision about another content was taken")
            self.check_cleared()
        elif worked:
            self._said(who, False)
            self.check_cleared()

    @rule(who=WHO, other=WHO)
    def two_decide_at_once(self, who: str, other: str) -> None:
        """Both count, or both are the same person."""
        seen = self.post().content_hash()
        before = len(self._approving())
        self.act(self._decides(who, False, seen), self._decides(other, False, seen))
        for one in self._approving()[before:]:
            self._said(one, False)
        self.check_cleared()

    def _approving(self) -> list[str]:
        approval = self.post().approval
        return [one.by for one in approval.decisions if one.round == approval.round and one.verdict == "approved"]

    def _said(self, who: str, no: bool) -> None:
        if no:
            self.asked = None
        else:
            self.approvals[who] = self.content

    @rule(who=WHO, really=RARELY)
    def withdraw(self, who: str, really: bool) -> None:
        """Somebody takes it back, now and then."""
        does = self._now(lambda known: commands.withdraw(known, comment="", actor=("agent", who), at=self.at))
        if really and self.act(does):
            self.asked, self.approvals, self.is_clear = None, {}, False

    @rule(who=WHO, cancels=RARELY)
    def publish_or_cancel(self, who: str, cancels: bool) -> None:
        """Somebody asks for it to go out, or to be forgotten."""
        does = commands.cancel if cancels else commands.publish
        self.act(self._now(lambda known: does(known, actor=("agent", who), at=self.at)))
        self.check_cleared()

    @rule(workflow=WORKFLOWS)
    def ask_others(self, workflow: tuple[Step, ...]) -> None:
        """The workflow changes; what is handed in keeps its own."""
        self.steps = workflow

    @rule(who=WHO, leaves=RARELY)
    def leave_or_come_back(self, who: str, leaves: bool) -> None:
        """Somebody may not approve any more, or may again."""
        self.gone = self.gone | {who} if leaves else self.gone - {who}

    @rule()
    def pass_time(self) -> None:
        """What is due goes out; what failed or is in doubt is settled."""
        self.run(self._pass())

    async def _pass(self) -> None:
        self.world.clock.forward(seconds=90)
        await publish_due(self.world.ledger.documents, self.world.actions, self.world.clock)
        await self.world.settle()

    @precondition(lambda self: self.post().stage == "out")
    @rule(who=WHO, number=st.integers(0, 1))
    def retry(self, who: str, number: int) -> None:
        """Somebody tries it again."""
        name = self.post().targets[number].id
        self.act(self._now(lambda known: published.retry(known, name, actor=("agent", who), at=self.at)))

    @precondition(lambda self: self.post().stage == "out")
    @rule(who=WHO, text=st.sampled_from(["four", "five"]))
    def revise(self, who: str, text: str) -> None:
        """Somebody has another text for what people see."""
        names = [target.id for target in self.post().targets if target.is_seen]
        steps = self.steps
        if names and self.act(
            self._now(
                lambda known: published.revise(
                    known, dict.fromkeys(names, text), steps=steps, actor=("agent", who), at=self.at
                )
            )
        ):
            self.new_text, self.revision_asked, self.revision_approvals = text, steps, {}
            self.revisers = {*self.authors, who}
            if not steps:
                self.cleared.add(text)

    @precondition(lambda self: self.post().revision is not None)
    @rule(who=WHO)
    def decide_revision(self, who: str) -> None:
        """Somebody decides about it."""
        revision = self.post().revision
        assert revision is not None
        seen = revision.content_hash(NAME)
        if self.act(
            self._now(
                lambda known: published.decide(
                    known, self.person(who), "approved", content_hash=seen, comment="", colleagues=self.colleagues(),
                    at=self.at,
                )
            )
        ):  # fmt: skip
            assert who not in self.revisers
            self.revision_approvals[who] = self.new_text
            revision = self.post().revision
            if revision is not None and revision.state == "approved":
                assert enough(self.revision_asked or (), self.revision_approvals, self.new_text, self.revisers)
                self.cleared.add(self.new_text)

    def check_cleared(self) -> None:
        """Whatever may go out from now on was approved by enough others, as it is."""
        if self.post().stage not in ("approved", "scheduled", "out"):
            self.is_clear = False
        elif not self.is_clear:
            assert self.asked is not None
            there = {who: seen for who, seen in self.approvals.items() if who not in self.gone}
            assert enough(self.asked, there, self.content, self.authors)
            self.cleared |= set(self.content.texts)
            self.is_clear = True

    @invariant()
    def people_see_only_what_was_approved(self) -> None:
        """And each of it once."""
        if not hasattr(self, "world"):
            return
        assert {post["text"] for post in self.platform.posts} <= self.cleared
        references = [post["ref"] for post in self.platform.posts]
        assert len(set(references)) == len(references) <= 2
        if self.post().stage not in ("out",):
            assert not self.platform.posts
            assert not self.run(self.world.all(Delivery))

    @property
    def at(self) -> Any:
        """The time."""
        return self.world.clock()

    def _now(self, does: Callable[[Publication], Change]) -> Decide:
        def decide(found: Found) -> Change:
            known = found.get(Publication, NAME)
            assert known is not None
            return does(known)

        return decide

    def _decides(self, who: str, no: bool, seen: str) -> Decide:
        return self._now(
            lambda known: commands.decide(
                known, self.person(who), "rejected" if no else "approved", content_hash=seen, comment="",
                colleagues=self.colleagues(), at=self.at,
            )
        )  # fmt: skip


class PostsInOrder(Posts):
    """The same where there is no transaction over documents, events and positions."""

    in_order = True


_SETTINGS = settings(
    max_examples=60, stateful_step_count=30, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
TestPosts = Posts.TestCase
TestPosts.settings = _SETTINGS
TestPostsInOrder = PostsInOrder.TestCase
TestPostsInOrder.settings = _SETTINGS
