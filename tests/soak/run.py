"""One run: a busy page, agents at work, many processes, and everything that goes wrong around them."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from chorally_core.adapters.mongo import MongoDocuments
from chorally_core.events.ids import message_id
from chorally_core.ports.documents import Query
from chorally_core.services.io.model import Held, Nudge
from chorally_core.services.message.model import Message

from tests.crash import evidence as crash_evidence
from tests.crash.checks import Finding, findings
from tests.crash.core import TENANT
from tests.crash.harness import _OPEN, NotSettled, Run
from tests.soak import evidence
from tests.soak.agents import PacedAgent
from tests.soak.balancer import Balancer
from tests.soak.faults import Fault, Faults, at_most
from tests.soak.members import Cluster
from tests.soak.plan import Plan
from tests.soak.platform import Platform
from tests.soak.report import Report
from tests.soak.servers import Servers, running
from tests.soak.tap import Tap
from tests.soak.timing import Timing, Trouble, quantile

CHANNEL = "facebook_comment"
_WARM_UP = 100
"""Messages from which it is learned how long a ticket usually takes."""


class SoakRun(Run):
    """One run on empty servers."""

    plan: Plan

    def __init__(self, plan: Plan, folder: Path, tell: Callable[[str], None] = lambda text: None) -> None:
        """Prepare.

        Args:
            plan: What the run shall be like.
            folder: An empty one, for data and output.
            tell: Told how it goes.
        """
        super().__init__(plan, folder)
        self._tell = tell
        self.page: Platform = Platform(plan)
        self._troubles: list[Trouble] = []
        self._usual_s = plan.usual_s
        self._over = asyncio.Event()
        self._account_id = ""
        self._left = ""

    async def report(self) -> Report:
        """Do everything, and return what was found.

        Raises:
            NoServers: A server does not start.
            NotServing: A process does not start.
            NotSettled: It never comes to rest.
        """
        report = Report(plan=self.plan, began=time.monotonic())
        async with running(self._folder) as servers, self.page.served() as platform_url:
            tap = Tap(servers.bootstrap, self.plan.partitions)
            cluster = Cluster(self._folder, servers, platform_url, self.plan)
            tapping = asyncio.create_task(tap.run(), name="tap")
            try:
                await self._cluster_at_work(report, cluster, servers, tap)
            finally:
                await cluster.kill()
                tapping.cancel()
                await asyncio.gather(tapping, return_exceptions=True)
                report.last_words = "\n".join(member.last_words() for member in cluster.members)
        report.figures["seconds"] = time.monotonic() - report.began
        return report

    async def _cluster_at_work(self, report: Report, cluster: Cluster, servers: Servers, tap: Tap) -> None:
        self._tell(f"starting {len(cluster.members)} processes")
        await cluster.start()
        report.figures["seconds to start"] = time.monotonic() - report.began
        documents = MongoDocuments(servers.documents)
        balancer = Balancer([member.port for member in cluster.of("front")])
        token = await cluster.token()
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            contextlib.aclosing(_Closing(documents)),
            balancer.serving() as url,
            httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=60) as api,
        ):
            await self._connect(api)
            (account,) = await crash_evidence.listed(api, "/io/v1/accounts")
            self._account_id = account["id"]
            timing = Timing(self.page.accepted_at, tap.ticket_at, self._name_of)
            watching = asyncio.create_task(cluster.look_after(), name="supervisor")
            try:
                await self._be_troubled(Faults(self.plan, cluster, servers, self.page).planned(), timing, url, token)
                self._tell("settling")
                calm = time.monotonic()
                try:
                    await self._settle_all(api, cluster, documents)
                except NotSettled as error:
                    self._left = str(error)
                report.figures["seconds to settle at the end"] = time.monotonic() - calm
                shown = await crash_evidence.shown(api)
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
            await asyncio.sleep(1.0)
            statuses = await cluster.stop()
            await self._judge(report, cluster, servers, tap, timing, shown)
        if self._left:
            report.findings.insert(0, Finding("left over", f"it never came to rest: {self._left}"))
        report.findings += [
            Finding("left over", f"asked to end, {name} ended with {status}")
            for name, status in statuses.items()
            if status
        ]

    def _name_of(self, external_id: str) -> str:
        return message_id(TENANT, self._account_id, CHANNEL, external_id)

    async def _be_troubled(self, faults: list[Fault], timing: Timing, url: str, token: str) -> None:
        """Let people talk, agents answer and things go wrong."""
        agents = [PacedAgent(n, self.plan, self.page, self.desk, url, token) for n in range(self.plan.agents)]
        async with asyncio.TaskGroup() as group:
            working = [group.create_task(agent.work()) for agent in agents]
            talking = group.create_task(self._talk_on())
            await self._learn_the_usual(timing)
            troubling = group.create_task(self._trouble())
            for fault in faults:
                await self._suffer(fault, timing)
            self._over.set()
            self.page.stop_throttling()
            await talking
            await at_most(self._are_answered(), self.plan.patience_s / 10)
            troubling.cancel()
            self.page.heal()
            await self._until(self._is_told)
            for agent in agents:
                agent.is_done.set()
            await asyncio.wait(working)

    async def _talk_on(self) -> None:
        """Let people say things until all is said and nothing more goes wrong."""
        rng, number = self._rng, 0
        while number < self.plan.messages or not self._over.is_set():
            author = f"p{self._someone(number)}"
            self.page.comment(author, f"comment {number} of {author}")
            number += 1
            if rng.random() < 0.08:
                self.page.edit()
            if rng.random() < 0.02:
                self.page.remove()
            if rng.random() < 0.02:
                self.page.hide()
            await asyncio.sleep(rng.uniform(0, 2 * self.plan.pause_s))

    async def _learn_the_usual(self, timing: Timing) -> None:
        """Learn how long a ticket takes while nothing is wrong."""
        while len(self.page.accepted()) < _WARM_UP:  # noqa: ASYNC110 - counted, not told
            await asyncio.sleep(0.1)
        await asyncio.sleep(3.0)
        now = time.monotonic()
        waits = sorted(wait for _, wait in timing.waits(float("-inf"), now - 3.0, now))
        half = waits[: len(waits) // 2] or [0.0]
        self._usual_s = max(self.plan.usual_s, 3 * quantile(half, 1.0))

    async def _suffer(self, fault: Fault, timing: Timing) -> None:
        """Let one thing go wrong, and wait until it is not felt any more, or it is clear that it will be for long."""
        trouble = await fault.happen()
        self.counts[f"faults, {fault.what.partition(' ')[0]}"] += 1
        self.counts["kills"] += fault.what.startswith("kill")
        if self._troubles:
            self._troubles[-1].until = min(self._troubles[-1].until, trouble.began)
        self._troubles.append(trouble)
        end = time.monotonic() + self.plan.felt_s
        await asyncio.sleep(self.plan.calm_s)
        while self.page.accepted() and not timing.is_calm(time.monotonic(), self.plan.calm_s, self._usual_s):
            if time.monotonic() > end:
                self.counts["troubles that were felt until the next"] += 1
                break
            await asyncio.sleep(0.25)
        felt = time.monotonic() - trouble.healed
        self._tell(f"{len(self.page.said)} messages; {trouble.what}; calm {felt:.1f} s after it")

    async def _settle_all(self, api: httpx.AsyncClient, cluster: Cluster, documents: MongoDocuments) -> None:
        """Wait until nothing is under way, doing what only a person can."""

        async def is_settled() -> str:
            await self._be_the_person(api)
            if left := await self._is_told():
                return left
            for state in _OPEN:
                if found := await crash_evidence.listed(api, "/io/v1/deliveries", state=state):
                    return f"{len(found)} deliveries are {state}, such as {found[0]}"
            if behind := await _behind(cluster):
                return f"services are behind: {behind}"
            messages, held, nudges = [await documents.count(Query(of, None)) for of in (Message, Held, Nudge)]
            want = len(self.page.said) + len(self.desk.accepted)
            if messages < want or held or nudges:
                return f"{messages} messages of {want}, {held} held, {nudges} nudges"
            return ""

        await self._until(is_settled)

    async def _judge(
        self, report: Report, cluster: Cluster, servers: Servers, tap: Tap, timing: Timing, shown: object
    ) -> None:
        """Compare what is known with what was said and done."""
        assert isinstance(shown, dict)
        stored, repeated = await evidence.read(servers.documents, tap, shown)
        self.stored = stored
        report.findings = findings(stored, self.page.said, self.page.made(), self.desk.accepted, self.page.taken)
        if repeated["events stored and not told"]:
            report.findings.append(Finding("left over", f"{repeated['events stored and not told']} events not told"))
        report.count(self.page, self.desk, stored, self.counts)
        self.page.accepted()
        now = time.monotonic()
        timing.judge(self._troubles, self._usual_s, now)
        calm = timing.calm(self._troubles, now)
        report.troubles, report.usual_s = self._troubles, self._usual_s
        report.figures |= {
            **repeated,
            **{f"the tap began anew after {why}": count for why, count in tap.endings.items()},
            "processes": len(cluster.members),
            "lives of them": sum(member.lives for member in cluster.members),
            "ended by themselves": len(cluster.ended_by_themselves),
            "calm: half of the tickets are there after, s": quantile(calm, 0.5),
            "calm: 99 % of the tickets are there after, s": quantile(calm, 0.99),
        }


async def _behind(cluster: Cluster) -> list[str]:
    """What the processes say is still to be read, or waits behind what failed."""
    found = []
    async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
        for member in cluster.members:
            figures = (await http.get(f"http://127.0.0.1:{member.port}/metrics")).text.splitlines()
            lines = [line for line in figures if line.startswith(("chorally_lag", "chorally_parked"))]
            found += [f"{member.name}: {line}" for line in lines if float(line.rpartition(" ")[2])]
    return found


class _Closing:
    """Documents as something to be closed at the end."""

    def __init__(self, documents: MongoDocuments) -> None:
        self._documents = documents

    async def aclose(self) -> None:
        """Close them."""
        await self._documents.close()
