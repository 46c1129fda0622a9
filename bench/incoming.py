"""The incoming flow end to end, embedded, without HTTP, beside raw SQLite inserts of the same rows.

    python -m bench.incoming [--items 20000] [--rounds 5] [--with-search]
    python -m bench.incoming --grow 1000000

One delivery is an item, repeats included: signature, journal (group commit, FULL), parse, author, message and
ticket, log, rule trigger. 20 tenants with a page each, 5,000 people, 30 % of the deliveries repeated, one comment
of 1.1 KiB to a hook, 200 at a time. A ticket with ten messages is resolved through the message service's own
command (``commands.change`` by ``Actions``), all of a batch in one turn; that is part of what is measured.
Making the hooks is not.
"""

import argparse
import asyncio
import cProfile
import json
import pstats
from collections import Counter
from pathlib import Path
from typing import Any

import apsw
from chorally_core import logs
from chorally_core.events.ids import author_id
from chorally_core.ports.documents import Key
from chorally_core.ports.handlers import Change, Found
from chorally_core.services.message import commands
from chorally_core.services.message.changes import Actor
from chorally_core.services.message.model import Ticket
from chorally_core.serving import run

from bench.common import Spent, child, machine, rss_mib, scratch, show, spread
from bench.embedded import PLATFORM, Parts, now
from bench.traffic import SECRET, Hook, Traffic

BATCH = 200
MESSAGES_A_TICKET = 10
AGENT = Actor("agent", "agent-1")


class Flow:
    """Feeds hooks to the parts, and resolves tickets that are long enough."""

    def __init__(self, parts: Parts, traffic: Traffic) -> None:
        self.parts = parts
        self._tenants = {page: number for number, page in enumerate(traffic.pages)}
        self._said: Counter[tuple[str, str]] = Counter()
        self.resolved = 0

    async def take(self, hooks: list[Hook]) -> None:
        """Take a batch of deliveries that arrive together, and do one turn of the pump."""
        receive = self.parts.io.journal.receive
        at = now()
        verdicts = await asyncio.gather(*(receive(PLATFORM, "", hook.raw(at)) for hook in hooks))
        assert all(verdict.kind == "accept" for verdict in verdicts)
        await self.parts.pump.turn()
        await self._resolve(hooks)
        if self.parts.indexer is not None:
            await self.parts.indexer.turn()

    async def finish(self) -> None:
        """Do what is left."""
        await self.parts.pump.drain()
        if self.parts.indexer is not None:
            await self.parts.indexer.drain()

    async def _resolve(self, hooks: list[Hook]) -> None:
        said = self._said
        for hook in hooks:
            if not hook.is_repeat:
                said[hook.page, hook.person] += 1
        due = {(h.page, h.person) for h in hooks if said[h.page, h.person] >= MESSAGES_A_TICKET}
        if not due:
            return
        async with self.parts.ledger.turn():
            for page, person in sorted(due):
                del said[page, person]
                await self._resolve_one(page, person)
        self.resolved += len(due)

    async def _resolve_one(self, page: str, person: str) -> None:
        number = self._tenants[page]
        tenant = f"t{number}"
        author = author_id(tenant, PLATFORM, page, person)
        open_key = Ticket.key_of(tenant, f"account-{number}", author)

        def decide(found: Found) -> Change:
            ticket = found.get(Ticket, open_key, "open_key")
            assert ticket is not None
            cause = f"{ticket.id} resolved"
            return commands.change(ticket, {"status": "resolved"}, actor=AGENT, at=now(), cause=cause)

        await self.parts.actions.act([Key(Ticket, "open_key", open_key)], decide)

    def check(self, traffic: Traffic) -> dict[str, int]:
        """Count what is stored, and see that it is what was sent."""
        one = self.parts.one
        found = {
            "messages": one("select count(*) from doc_message"),
            "tickets": one("select count(*) from doc_ticket"),
            "hooks": one("select count(*) from doc_hook"),
            "facts": one("select count(*) from doc_log_entry"),
        }
        assert (found["messages"], found["hooks"]) == (traffic.fresh, traffic.given), (found, traffic.fresh)
        counted = one("select sum(json_extract(cast(doc as text), '$.message_count')) from doc_ticket")
        assert counted == traffic.fresh, (counted, traffic.fresh)
        assert not any(runner.parked for runner in self.parts.runners)
        return found


async def flow(folder: Path, items: int, *, with_search: bool, profile: Path | None) -> dict[str, Any]:
    """Run the flow over some items and return what it took."""
    traffic = Traffic()
    parts = Parts(folder, with_search=with_search)
    await parts.connect(traffic.pages, SECRET)
    fed = Flow(parts, traffic)
    spent = Spent()
    profiler = cProfile.Profile()
    for begin in range(0, items, BATCH):
        hooks = traffic.take(min(BATCH, items - begin))
        if profile is not None:
            profiler.enable()
        with spent:
            await fed.take(hooks)
        profiler.disable()
    with spent:
        await fed.finish()
    if profile is not None:
        pstats.Stats(profiler).dump_stats(profile)
    found = fed.check(traffic)
    parts.database.close()
    return {**found, "cpu_s": spent.cpu_s, "wall_s": spent.wall_s, "resolved": fed.resolved}


def raw(source: Path, target: Path, items: int) -> dict[str, Any]:
    """Insert the rows of a file into an empty one, a batch of items in a transaction, and return what it took."""
    reader = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)
    made = list(
        reader.execute("select type, name, sql from sqlite_master where sql is not null and name not like 'search%'")
    )
    writer = apsw.Connection(str(target))
    for pragma in ("page_size=8192", "journal_mode=wal", "synchronous=full", "wal_autocheckpoint=16000"):
        writer.execute(f"pragma {pragma}")
    writer.execute("pragma cache_size=-65536")
    for _, _, sql in made:
        writer.execute(sql)
    tables = []
    for kind, name, _ in made:
        if kind == "table":
            rows = list(reader.execute(f"select * from {name}"))  # noqa: S608 - a name of our own schema
            marks = ",".join("?" * len(rows[0])) if rows else ""
            tables.append((f"insert into {name} values({marks})", rows))
    batches = -(-items // BATCH)
    spent = Spent()
    with spent:
        for number in range(batches):
            writer.execute("begin immediate")
            for sql, rows in tables:
                part = rows[len(rows) * number // batches : len(rows) * (number + 1) // batches]
                if part:
                    writer.executemany(sql, part)
            writer.execute("commit")
    size = sum(len(value) for _, rows in tables for row in rows for value in row if isinstance(value, str | bytes))
    writer.close()
    return {
        "cpu_s": spent.cpu_s,
        "wall_s": spent.wall_s,
        "rows": sum(len(rows) for _, rows in tables),
        "kb": size / 1000,
    }


async def grow(folder: Path, messages: int, cache_mib: int, window: int = 100_000) -> None:
    """Run the flow until so many messages are stored, and print a row for each 100,000."""
    traffic = Traffic()
    parts = Parts(folder, cache_mib=cache_mib)
    await parts.connect(traffic.pages, SECRET)
    fed = Flow(parts, traffic)
    rates = []
    print("| messages | items per CPU s | items per wall s | RSS MiB | file MiB |\n|---|---|---|---|---|")
    while traffic.fresh < messages:
        spent = Spent()
        items, until = traffic.given, traffic.fresh + window
        while traffic.fresh < until:
            hooks = traffic.take(BATCH)
            with spent:
                await fed.take(hooks)
        items = traffic.given - items
        rates.append(items / spent.cpu_s)
        pages = parts.one("pragma page_count") * parts.one("pragma page_size") / 2**20
        cells = (traffic.fresh, rates[-1], items / spent.wall_s, rss_mib(), pages)
        print(f"| {' | '.join(f'{cell:,.0f}' for cell in cells)} |", flush=True)
    await fed.finish()
    found = fed.check(traffic)
    parts.database.close()
    print(f"\nlast ÷ first: {rates[-1] / rates[0]:.2f}; {found['tickets']:,} tickets, {fed.resolved:,} resolved")


def compare(rounds: int, items: int, folder: Path | None, with_search: bool) -> None:
    """Run flow and raw inserts in turn and print the table."""
    names = ["flow", "flow with search", "raw"] if with_search else ["flow", "raw"]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with scratch(folder) as place:
        print(machine(place, "pydantic", "msgspec", "apsw", "uvloop"), flush=True)
    for _ in range(rounds):
        with scratch(folder) as place:
            for name in names:
                extra = ["--with-search"] if name == "flow with search" else []
                (place / name).mkdir()
                found[name].append(
                    child("bench.incoming", "--child", name, "--items", items, "--folder", place, *extra)
                )
    last, rows = found["flow"][-1], found["raw"][-1]
    print(
        f"{items:,} items: {last['messages']:,} messages, {last['tickets']:,} tickets, {last['facts']:,} facts; "
        f"{rows['rows'] / items:.2f} rows and {rows['kb'] / items:.1f} kB an item\n"
    )
    table = []
    for name in names:
        runs = found[name]
        ratios = [raw["cpu_s"] / run["cpu_s"] for raw, run in zip(found["raw"], runs, strict=True)]
        messages = [last["messages"] / r["cpu_s"] for r in runs]
        table.append(
            (
                name,
                spread([items / r["cpu_s"] for r in runs]),
                spread(messages),
                spread(ratios, 2),
                spread([items / r["wall_s"] for r in runs]),
                spread([r["peak_mib"] for r in runs]) if name != "raw" else "-",
            )
        )
    show(("", "items per CPU s", "messages per CPU s", "× raw", "items per wall s", "peak RSS MiB"), table)


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--grow", type=int, metavar="MESSAGES", help="measure growth to this many messages instead")
    parser.add_argument("--cache-mib", type=int, default=64, help="page cache while growing")
    parser.add_argument("--with-search", action="store_true", help="also with the search index")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="one flow under cProfile, statistics to FILE")
    parser.add_argument("--folder", type=Path, help="where files go; the system's temporary folder otherwise")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    logs.configure("warning", "text")
    if options.child == "raw":
        print(json.dumps(raw(options.folder / "flow/chorally.db", options.folder / "raw/raw.db", options.items)))
    elif options.child:
        place = options.folder / options.child
        print(json.dumps(run(flow(place, options.items, with_search=options.with_search, profile=None))))
    elif options.grow:
        with scratch(options.folder) as place:
            print(machine(place, "pydantic", "msgspec", "apsw", "uvloop"), flush=True)
            run(grow(place, options.grow, options.cache_mib))
    elif options.profile:
        with scratch(options.folder) as place:
            print(run(flow(place, options.items, with_search=options.with_search, profile=options.profile)))
    else:
        compare(options.rounds, options.items, options.folder, options.with_search)


if __name__ == "__main__":
    main()
