"""The crash test: a busy page, agents at work, and a process that is killed again and again."""

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from tests.crash import evidence
from tests.crash.agents import Agent, Desk
from tests.crash.checks import Finding, findings
from tests.crash.core import Core
from tests.crash.page import Page
from tests.crash.plan import Plan
from tests.crash.report import Report

_MOMENTS = {
    "killed before it served": 1,
    "killed while young": 3,
    "killed at work": 4,
    "killed before an answer was made": 2,
    "killed before an answer was told": 3,
}
"""When the process is killed, and how likely."""
_OPEN = ("queued", "sending", "accepted", "unconfirmed")


class NotSettled(Exception):
    """What was begun did not come to an end in time; the message says what was left."""


class Run:
    """One run on an empty folder."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.page = Page(plan)
        self.desk = Desk()
        self.counts: Counter[str] = Counter()
        self.stored: evidence.Evidence | None = None
        self._folder = folder
        self._rng = random.Random(f"run {plan.seed}")  # noqa: S311 - chance that can be repeated
        self._may_say = 0
        self._is_said = asyncio.Event()

    async def report(self) -> Report:
        """Do everything, and return what was found.

        Raises:
            NotServing: The system does not start, or ended by itself.
            NotSettled: It never comes to rest.
        """
        report = Report(plan=self.plan)
        began = time.monotonic()
        async with self.page.served() as platform_url:
            core = Core(self._folder, platform_url, self.plan)
            try:
                await core.start()
                await core.serving()
                token = await core.token()
                headers = {"Authorization": f"Bearer {token}"}
                async with httpx.AsyncClient(base_url=core.url, headers=headers, trust_env=False, timeout=60) as api:
                    await self._connect(api)
                    await self._be_busy(core, token)
                    calm = time.monotonic()
                    await self._settle(api, core)
                    report.figures["seconds to settle at the end"] = time.monotonic() - calm
                    seen = await evidence.shown(api)
                status = await core.stop()
            finally:
                await core.kill()
                report.last_words = core.last_words()
        self.stored = stored = await evidence.read(core.data, seen)
        report.findings = findings(stored, self.page.said, self.page.made(), self.desk.accepted, self.page.taken)
        if status not in (0, -signal.SIGTERM):
            report.findings.append(Finding("left over", f"asked to end, the process ended with {status}"))
        report.count(self.page, self.desk, stored, self.counts)
        report.figures["seconds"] = time.monotonic() - began
        return report

    async def _connect(self, api: httpx.AsyncClient) -> None:
        hooks = self.page.sandbox.hooks
        settings = {"app_secret": hooks.app_secret, "verify_token": hooks.verify_token}
        app = await api.post("/io/v1/apps", json={"connector": "facebook", "name": "app", "settings": settings})
        app.raise_for_status()
        credentials = {"access_token": self.page.sandbox.world.access_token}
        body = {"connector": "facebook", "name": "page", "credentials": credentials, "app_id": app.json()["id"]}
        (await api.post("/io/v1/accounts", json=body)).raise_for_status()
        self.page.sandbox.configure(callback_url=f"{api.base_url}".rstrip("/") + app.json()["webhook_path"])

    async def _be_busy(self, core: Core, token: str) -> None:
        """Let people talk, agents answer and things go wrong, while the process is killed."""
        agents = [Agent(n, self.plan, self.page, self.desk, core.url, token) for n in range(self.plan.agents)]
        async with asyncio.TaskGroup() as group:
            working = [group.create_task(agent.work()) for agent in agents]
            troubling = group.create_task(self._trouble())
            talking = group.create_task(self._talk())
            await self._kill(core)
            await talking
            await _at_most(self._are_answered(), self.plan.patience_s / 20)
            troubling.cancel()
            self.page.heal()
            await self._until(self._is_told)
            for agent in agents:
                agent.is_done.set()
            await asyncio.wait(working)

    async def _talk(self) -> None:
        """Let people say things, as far as they may in the present life of the process."""
        rng, plan = self._rng, self.plan
        for number in range(plan.messages):
            while number >= self._may_say:
                self._is_said.set()
                await asyncio.sleep(0.01)
            author = f"p{self._someone(number)}"
            self.page.comment(author, f"comment {number} of {author}")
            if rng.random() < 0.08:
                self.page.edit()
            if rng.random() < 0.02:
                self.page.remove()
            if rng.random() < 0.02:
                self.page.hide()
            await asyncio.sleep(rng.uniform(0, plan.pause_s))
        self._is_said.set()

    def _someone(self, number: int) -> int:
        """Return who speaks: everybody once, and then some much more than others."""
        if number < self.plan.authors:
            return number
        if self._rng.random() < 0.5:
            return self._rng.randrange(self.plan.authors)
        return min(int(self._rng.paretovariate(0.7)) - 1, self.plan.authors - 1)

    async def _trouble(self) -> None:
        """Let things go wrong at the platform; throttling only while kills are to come, as it pauses for a minute."""
        while True:
            await asyncio.sleep(self._rng.uniform(0, 2 * self.plan.faults_every_s))
            self.page.trouble(may_throttle=self.counts["kills"] < self.plan.kills - 1)

    async def _kill(self, core: Core) -> None:
        """Kill the process as often as planned, each time in another moment of its life."""
        for number in range(self.plan.kills):
            self._may_say = self.plan.messages * (number + 1) // (self.plan.kills + 1)
            self._is_said.clear()
            await self._wait_for_the_moment(core)
            await core.kill()
            self.page.let_go()
            self.counts["kills"] += 1
            if self._rng.random() < 0.3:
                await asyncio.sleep(self._rng.uniform(0, 0.5))
            await core.start()
        self._may_say = self.plan.messages
        self.page.stop_throttling()
        await core.serving()

    async def _wait_for_the_moment(self, core: Core) -> None:
        moment = self._rng.choices(tuple(_MOMENTS), tuple(_MOMENTS.values()))[0]
        self.counts[moment] += 1
        if moment == "killed before it served":
            await asyncio.sleep(self._rng.uniform(0, 1.0))
            return
        await core.serving()
        if moment == "killed while young":
            await asyncio.sleep(self._rng.uniform(0, 0.3))
        elif moment == "killed at work":
            await asyncio.sleep(self._rng.uniform(0.3, self.plan.longest_s))
        else:
            self.page.hold("before" if moment == "killed before an answer was made" else "after")
            await _at_most(self.page.is_holding.wait(), 5.0)

    async def _are_answered(self) -> None:
        """Return when most answers are on the page, the last of them among faults too."""
        while len(self.page.made()) < 0.9 * len(self.desk.accepted):  # noqa: ASYNC110 - counted, not told
            await asyncio.sleep(0.1)

    async def _is_told(self) -> str:
        waiting = self.page.sandbox.hooks.waiting
        return f"{waiting} webhooks wait at the platform" if waiting else ""

    async def _settle(self, api: httpx.AsyncClient, core: Core) -> None:
        """Wait until nothing is under way, doing what only a person can."""

        async def is_settled() -> str:
            await self._be_the_person(api)
            if left := await self._is_told():
                return left
            for state in _OPEN:
                if found := await evidence.listed(api, "/io/v1/deliveries", state=state):
                    return f"{len(found)} deliveries are {state}, such as {found[0]}"
            figures = (await api.get("/metrics")).text.splitlines()
            behind = [line for line in figures if line.startswith(("chorally_lag", "chorally_parked"))]
            if any(float(line.rpartition(" ")[2]) for line in behind):
                return f"the services are behind: {behind}"
            messages, held, nudges = evidence.counted(core.data, "doc_message", "doc_held", "doc_nudge")
            want = len(self.page.said) + len(self.desk.accepted)
            if messages < want or held or nudges:
                return f"{messages} messages of {want}, {held} held, {nudges} nudges"
            return ""

        await self._until(is_settled)

    async def _be_the_person(self, api: httpx.AsyncClient) -> None:
        """Settle what is in doubt: look at the page, and say what is there."""
        on_page = {comment.text: comment for comment in self.page.made()}
        for delivery in await evidence.listed(api, "/io/v1/deliveries", needs_person="true"):
            there = on_page.get(delivery["body"])
            found: dict[str, Any] = {"outcome": "not_sent"}
            if there is not None and there.answers == delivery["in_reply_to"]:
                found = {"outcome": "sent", "external_id": there.id}
            place = f"/io/v1/deliveries/{delivery['id']}"
            (await api.post(f"{place}/resolve", json=found)).raise_for_status()
            asked = self.page.said[delivery["in_reply_to"]]
            if found["outcome"] == "not_sent" and not asked.is_removed:
                (await api.post(f"{place}/retry")).raise_for_status()
            why = "their comment was removed" if asked.is_removed else delivery["error"]
            self.counts[f"answers settled by a person ({why})"] += 1

    async def _until(self, ask: Callable[[], Awaitable[str]]) -> None:
        """Ask until nothing is left.

        Raises:
            NotSettled: Something is still left when patience ends.
        """
        end = time.monotonic() + self.plan.patience_s
        while left := await ask():
            if time.monotonic() > end:
                raise NotSettled(left)
            await asyncio.sleep(0.1)


async def _at_most(what: Awaitable[Any], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await what
    except TimeoutError:
        return
