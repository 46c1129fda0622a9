"""The incoming flow in a cluster: Kafka, Redis with Sentinels, a stand-in for MongoDB, and 1, 2 or 4 processes.

    python -m bench.cluster [--processes 1 2 4] [--items 3000] [--latency-items 1500]

Each layout runs on new servers, which the scripts in CHORALLY_SHARED start. The traffic is that of
``bench.incoming_http``. First the processes are left alone, for their memory and what they use while nothing happens.
Then as many items as can be are sent over 64 connections, until the log has been told of all of them. Then items come
at half of that rate, and the time until the ticket is visible is taken: until the fact that it exists, which follows
its document, is read from Kafka by somebody else; from when the client has the whole answer 200, and from when it sent
the request.

CPU seconds are those of Chorally's processes together; those of the servers stand beside. The stand-in for MongoDB
keeps everything in memory, so its figures say nothing of MongoDB.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from chorally_core.events.ids import message_id

from bench.common import ROOT, cpu_s_of, machine, scratch, show
from bench.incoming_http import CHANNEL, REPEATS
from bench.running import platform
from bench.traffic import SECRET, Hook, Traffic
from tests.crash.core import TENANT
from tests.soak.members import Member, command, environment
from tests.soak.plan import FRONT, MEMBERS, Plan
from tests.soak.servers import Servers, running
from tests.soak.tap import Tap

LAYOUTS: dict[int, dict[str, tuple[str, ...]]] = {
    1: {"everything": FRONT},
    2: {"front": MEMBERS["front"], "behind": (*FRONT[1:], "--role", "consumer", "--role", "worker")},
    4: {kind: MEMBERS[kind] for kind in ("front", "io", "message", "author-log")},
}
"""What the processes are told to be, by how many there are."""
WARM = 300
IDLE_S = 10.0
LONGEST_S = 180.0


class Measured:
    """A cluster that runs, and the traffic that it gets."""

    def __init__(self, members: list[Member], tap: Tap, front: str) -> None:
        self.members = members
        self.tap = tap
        self.front = front
        self.traffic = Traffic(repeats=REPEATS)
        self._names: set[str] = set()
        self._path = ""
        self._accounts: dict[str, str] = {}

    async def connect(self, token: str) -> None:
        """Add an app, and connect the pages."""
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=self.front, headers=headers, trust_env=False, timeout=60) as api:
            settings = {"app_secret": SECRET, "verify_token": "never-asked-for"}
            app = await api.post(
                "/io/v1/apps", json={"connector": "facebook", "name": "measured", "settings": settings}
            )
            app.raise_for_status()
            self._path = app.json()["webhook_path"]
            for page in self.traffic.pages:
                body = {"connector": "facebook", "name": page, "credentials": {"access_token": page}}
                made = await api.post("/io/v1/accounts", json=body)
                made.raise_for_status()
                self._accounts[page] = made.json()["id"]

    def _name_of(self, hook: Hook) -> str:
        comment = json.loads(hook.body)["entry"][0]["changes"][0]["value"]["comment_id"]
        return message_id(TENANT, self._accounts[hook.page], CHANNEL, comment)

    async def send(self, count: int, rate: float = 0.0) -> tuple[dict[str, Any], list[str]]:
        """Send the next hooks, and wait until the log was told of each; return what the load saw, and our ids."""
        options = {"count": count, "skip": self.traffic.given, "repeats": REPEATS, "rate": rate, "seconds": LONGEST_S}
        hooks = self.traffic.take(count)
        names = [self._name_of(hook) for hook in hooks]
        self._names |= set(names)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.load", self.front.rpartition(":")[2], f"--path={self._path}",
            *(f"--{name}={value}" for name, value in options.items()), stdout=asyncio.subprocess.PIPE, cwd=ROOT,
        )  # fmt: skip
        told, _ = await process.communicate()
        seen: dict[str, Any] = json.loads(told)
        assert (seen["answered"], seen["refused"]) == (count, 0), {k: v for k, v in seen.items() if "_at" not in k}
        async with asyncio.timeout(LONGEST_S):
            while not self._names <= self.tap.ticket_at.keys():  # noqa: ASYNC110 - counted, not told
                await asyncio.sleep(0.02)
        return seen, names

    def cpu_s(self) -> float:
        """Return the CPU seconds of all processes together."""
        return sum(cpu_s_of(member.pid) for member in self.members if member.pid)

    def memory(self) -> dict[str, float]:
        """Return what each process has in memory, in MiB."""
        return {member.kind: _rss_mib(member.pid) for member in self.members if member.pid}

    async def full(self, items: int) -> dict[str, float]:
        """Send as fast as answers come."""
        before, begun = self.cpu_s(), time.perf_counter()
        seen, names = await self.send(items)
        cpu_s = self.cpu_s() - before
        ended = max(self.tap.ticket_at[name] for name in names)
        wall_s = ended - seen["begun"] if seen["begun"] > begun else ended - begun
        return {
            "per_cpu_s": items / cpu_s,
            "per_wall_s": items / wall_s,
            "cores": cpu_s / wall_s,
            "answer_p99_ms": seen["p99_ms"],
        }

    async def half(self, items: int, rate: float) -> dict[str, float]:
        """Send at a rate; return how long after its answer each new message's ticket was visible."""
        known = set(self.tap.ticket_at)
        seen, names = await self.send(items, rate)
        found = {"rate": items / seen["wall_s"]}
        for kind in ("answered_at", "sent_at"):
            first: dict[str, float] = {}
            for name, at in zip(names, seen[kind], strict=True):
                first[name] = min(at, first.get(name, at))
            waits = [max(0.0, self.tap.ticket_at[name] - at) for name, at in first.items() if name not in known]
            percentiles = statistics.quantiles(waits, n=100)
            found |= {f"{kind}_p50_ms": percentiles[49] * 1000, f"{kind}_p99_ms": percentiles[98] * 1000}
        return found


async def measure(folder: Path, processes: int, items: int, latency_items: int) -> dict[str, Any]:
    """Run one layout on new servers; return what was measured."""
    plan = Plan(copies=dict.fromkeys(LAYOUTS[processes], 1), pull_every_s=86_400.0)
    with platform() as platform_url:
        async with running(folder) as servers:
            settings = {**environment(folder, servers, platform_url, plan), "CHORALLY_MAX_LAG": "1000000"}
            settings["CHORALLY_LOG_LEVEL"] = "warning"
            members = [Member(kind, 1, settings, folder, told) for kind, told in LAYOUTS[processes].items()]
            tap = Tap(servers.bootstrap, plan.partitions)
            tapping = asyncio.create_task(tap.run())
            try:
                await command(settings, "migrate")
                for member in members:
                    await member.start()
                for member in members:
                    await member.ready(60)
                measured = Measured(members, tap, f"http://127.0.0.1:{members[0].port}")
                await measured.connect(await command(settings, "token", "--tenant", TENANT, "--role", "admin"))
                await measured.send(WARM)
                return await _figures(measured, servers, items, latency_items)
            finally:
                tapping.cancel()
                await asyncio.gather(tapping, return_exceptions=True)
                await asyncio.gather(*(member.stop() for member in members))


async def _figures(measured: Measured, servers: Servers, items: int, latency_items: int) -> dict[str, Any]:
    await asyncio.sleep(2.0)
    before = measured.cpu_s()
    idle = measured.memory()
    await asyncio.sleep(IDLE_S)
    idle_cores = (measured.cpu_s() - before) / IDLE_S
    servers_before = servers_cpu_s(servers)
    full = await measured.full(items)
    behind = {kind: cpu_s - servers_before[kind] for kind, cpu_s in servers_cpu_s(servers).items()}
    loaded = measured.memory()
    half = await measured.half(latency_items, full["per_wall_s"] / 2)
    return {"idle_cores": idle_cores, "idle": idle, "full": full, "loaded": loaded, "half": half, "behind": behind}


def servers_cpu_s(servers: Servers) -> dict[str, float]:
    """Return the CPU seconds of the servers' processes, by kind."""
    return {kind: sum(cpu_s_of(pid) for pid in servers.pids(kind)) for kind in ("kafka", "redis", "mongo")}


def _rss_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    """Read the options, measure, and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4], choices=sorted(LAYOUTS))
    parser.add_argument("--items", type=int, default=3_000)
    parser.add_argument("--latency-items", type=int, default=1_500)
    parser.add_argument("--folder", type=Path, help="where files go; the system's temporary folder otherwise")
    options = parser.parse_args()
    found = {}
    with scratch(options.folder) as place:
        print(machine(place, "aiokafka", "pymongo", "redis", "uvicorn", "msgspec", "uvloop"), flush=True)
    for processes in options.processes:
        with scratch(options.folder) as place:
            found[processes] = asyncio.run(measure(place, processes, options.items, options.latency_items))
    heads = (
        "processes",
        "items per CPU s",
        "per wall s",
        "cores used",
        "answer p99 ms",
        "servers' CPU s per 1,000 items",
    )
    rows = []
    for processes, one in found.items():
        full = one["full"]
        beside = ", ".join(f"{kind} {cpu_s * 1000 / options.items:.2f}" for kind, cpu_s in one["behind"].items())
        row = [f"{full['per_cpu_s']:,.0f}", f"{full['per_wall_s']:,.0f}", f"{full['cores']:.2f}"]
        rows.append((processes, *row, f"{full['answer_p99_ms']:,.0f}", beside))
    show(heads, rows)
    names = ("rate", "answered_at_p50_ms", "answered_at_p99_ms", "sent_at_p50_ms", "sent_at_p99_ms")
    heads = ("processes, half load", "items per s", "200 → visible p50 ms", "p99 ms", "sent → visible p50 ms", "p99 ms")
    show(heads, [(count, *(f"{one['half'][name]:,.1f}" for name in names)) for count, one in found.items()])
    rows = [
        (count, f"{one['idle_cores'] * 100:.1f} %", *(_memory(one[when]) for when in ("idle", "loaded")))
        for count, one in found.items()
    ]
    show(("processes", "CPU while idle, of a core", "memory idle, MiB", "under load, MiB"), rows)


def _memory(found: dict[str, float]) -> str:
    return ", ".join(f"{kind} {mib:.0f}" for kind, mib in found.items())


if __name__ == "__main__":
    main()
