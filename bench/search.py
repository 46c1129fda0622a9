"""The search indexes beside each other: messages indexed a second, queries, and room on disk.

Ours over SQLite's FTS5 always; OpenSearch where ``CHORALLY_OPENSEARCH_URL`` names a server; tantivy where
``pip install tantivy`` was run, with the same texts, words and stems. Texts are made up, a third each in Italian,
English and neither, with words as frequent as in any language. All answers are counted, and must be the same.
"""

import argparse
import asyncio
import importlib
import importlib.util
import os
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from chorally_core.adapters.sqlite.database import Database
from chorally_core.adapters.sqlite.search import SqliteSearch
from chorally_core.ports.search import Asked, Entry
from chorally_core.ports.stems import stem, stems
from chorally_core.ports.words import read_words, said

from bench.common import Spent

START = datetime(2026, 1, 1, tzinfo=UTC)
TENANTS = 4
BATCH = 400
ENDINGS = {
    "it": ("o", "i", "a", "e", "are", "ato", "azione"),
    "en": ("", "s", "ed", "ing", "er"),
    "": ("", "en", "ung"),
}
FACETS = ("status", "channel", "tags")


def messages(count: int, rng: random.Random) -> list[Entry]:
    """Return messages of some tenants: 25 words each, of a vocabulary of 30,000 forms in each language."""
    letters = "bcdfglmnprstv"
    roots = [
        "".join(rng.choice(letters) + rng.choice("aeiou") for _ in range(3)) + rng.choice(letters) for _ in range(6000)
    ]
    weights = [1 / (rank + 3) for rank in range(len(roots))]
    made = []
    for number in range(count):
        language = ("it", "en", "")[number % 3]
        words = [root + rng.choice(ENDINGS[language]) for root in rng.choices(roots, weights, k=25)]
        made.append(
            Entry(
                kind="message", id=f"m{number:08}", tenant=f"t{number % TENANTS}", version=1, language=language,
                at=START + timedelta(seconds=number), body=" ".join(words), names=f"name{number % 5000}",
                ticket_id=f"k{number // 4}", channel=("note", "chat", "mail")[number % 3], direction="inbound",
                status=("open", "waiting", "resolved")[number // 4 % 3], tags=(f"tag{number // 4 % 40}",),
            )
        )  # fmt: skip
    return made


def tickets(entries: Sequence[Entry]) -> list[Entry]:
    """Return the tickets of messages."""
    first = {entry.ticket_id: entry for entry in entries}
    return [
        Entry(
            kind="ticket", id=name, ticket_id=name, tenant=of.tenant, version=1, at=of.at, status=of.status,
            tags=of.tags, channel=of.channel, title=of.body[:60], language=of.language,
        )
        for name, of in first.items()
    ]  # fmt: skip


def questions(entries: Sequence[Entry], count: int, rng: random.Random) -> list[tuple[str, str]]:
    """Return questions with their tenants: a word, two words, a phrase, the beginning of a word."""
    asked = []
    for number in range(count):
        entry = rng.choice(entries)
        words = entry.body.split()
        at = rng.randrange(len(words) - 1)
        kinds = (words[at], f"{words[at]} {words[at - 1]}", f'"{words[at]} {words[at + 1]}"', f"{words[at][:5]}*")
        asked.append((entry.tenant, kinds[number % 4]))
    return asked


async def measured(
    name: str,
    put: Callable[[Sequence[Entry]], Awaitable[object]],
    ask: Callable[[str, str, bool], Awaitable[int]],
    entries: Sequence[Entry],
    asked: Sequence[tuple[str, str]],
    others_cpu: Callable[[], float] = lambda: 0.0,
) -> list[int]:
    """Index and ask, print what it took, and return how many there were for each question."""
    spent, before = Spent(), others_cpu()
    with spent:
        for begin in range(0, len(entries), BATCH):
            await put(entries[begin : begin + BATCH])
    cpu = spent.cpu_s + others_cpu() - before
    a_second, a_cpu_s, alone = (f"{len(entries) / seconds:,.0f}" for seconds in (spent.wall_s, cpu, spent.cpu_s))
    print(f"{name}: indexed {a_second}/s, {a_cpu_s} a CPU s (of this process alone {alone})", flush=True)
    totals: list[int] = []
    for with_facets in (False, True):
        walls, cpu_s, before = [], time.process_time(), others_cpu()
        totals = []
        for tenant, text in asked:
            began = time.perf_counter()
            totals.append(await ask(tenant, text, with_facets))
            walls.append((time.perf_counter() - began) * 1000)
        cpu = (time.process_time() - cpu_s + others_cpu() - before) * 1000 / len(asked)
        cuts = statistics.quantiles(walls, n=100)
        what = "20 hits and 3 facets" if with_facets else "20 hits"
        print(f"{name}: {what}: p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms, {cpu:.1f} CPU ms each", flush=True)
    return totals


async def sqlite(folder: Path, entries: Sequence[Entry], asked: Sequence[tuple[str, str]]) -> list[int]:
    """Measure FTS5."""
    database = Database(folder / "search.db")
    index = SqliteSearch(database)

    async def ask(tenant: str, text: str, facets: bool) -> int:
        return await _asked(index, tenant, text, facets)

    totals = await measured("SQLite FTS5", index.put, ask, entries, asked)
    database.close()
    print(f"SQLite FTS5: {_mib(folder):.0f} MiB on disk")
    return totals


async def opensearch(url: str, entries: Sequence[Entry], asked: Sequence[tuple[str, str]]) -> list[int]:
    """Measure OpenSearch, with the processor time of the server."""
    from chorally_core.adapters.opensearch import OpenSearchIndex, parse

    prefix = f"bench_{uuid4().hex[:8]}"
    index = OpenSearchIndex(parse(f"opensearch://{urlsplit(url).netloc}/?prefix={prefix}&replicas=0&timeout_s=60"))

    def cpu() -> float:
        nodes = httpx.get(f"{url}/_nodes/stats/process").json()["nodes"].values()
        return float(sum(node["process"]["cpu"]["total_in_millis"] for node in nodes)) / 1000

    async def ask(tenant: str, text: str, facets: bool) -> int:
        return await _asked(index, tenant, text, facets)

    await index.start()
    await index.put(entries[:BATCH])
    try:
        pattern = f"{prefix}-*"

        async def put(part: Sequence[Entry]) -> None:
            await index.put(part)
            if part[-1] is entries[-1]:
                await index.client.indices.refresh(index=pattern)

        totals = await measured("OpenSearch", put, ask, entries, asked, cpu)
        await index.client.indices.forcemerge(index=pattern, params={"max_num_segments": "1"})
        told = await index.client.indices.stats(index=pattern)
        print(f"OpenSearch: {told['_all']['primaries']['store']['size_in_bytes'] / 2**20:.0f} MiB on disk, merged")
    finally:
        await index.client.indices.delete(index=",".join(await index.client.indices.get(index=pattern)))
        await index.aclose()
    return totals


async def tantivy(folder: Path, entries: Sequence[Entry], asked: Sequence[tuple[str, str]]) -> list[int]:
    """Measure tantivy with our words and stems, each batch committed, which is when it is durable."""
    of: Any = importlib.import_module("tantivy")
    builder = of.SchemaBuilder()
    for field in ("body", "names", "it", "en"):
        builder.add_text_field(field, tokenizer_name="whitespace")
    for field in ("id", "tenant", "status", "channel", "tags"):
        builder.add_text_field(field, stored=field == "id", tokenizer_name="raw", fast=True)
    schema = builder.build()
    index = of.Index(schema, path=str(folder))
    writer = index.writer(heap_size=64_000_000, num_threads=1)

    async def put(part: Sequence[Entry]) -> None:
        for entry in part:
            words = said(entry.body)
            given: dict[str, Any] = {"body": " ".join(words), "names": entry.names}
            if entry.language:
                given[entry.language] = " ".join(stems(words, entry.language))
            for field in ("id", "tenant", "status", "channel"):
                given[field] = getattr(entry, field)
            writer.add_document(of.Document(**given, tags=list(entry.tags)))
        writer.commit()

    must, should = of.Occur.Must, of.Occur.Should

    async def ask(tenant: str, text: str, facets: bool) -> int:
        if not facets:
            index.reload()
        searcher = index.searcher()
        parts = [(must, of.Query.term_query(schema, "tenant", tenant))]
        for (term,) in read_words(text).all_of:
            word = term.words[0]
            fields = ("body", "names")
            if term.begins:
                either = [(should, of.Query.regex_query(schema, field, f"{word}.*")) for field in fields]
            elif term.exact and len(term.words) > 1:
                either = [(should, of.Query.phrase_query(schema, field, list(term.words))) for field in fields]
            else:
                either = [(should, of.Query.term_query(schema, field, word)) for field in fields]
                either += [(should, of.Query.term_query(schema, name, stem(word, name))) for name in ("it", "en")]
            parts.append((must, of.Query.boolean_query(either)))
        query = of.Query.boolean_query(parts)
        found = searcher.search(query, 20, count=True)
        [searcher.doc(address)["id"] for _, address in found.hits]
        if facets:
            searcher.aggregate(query, {field: {"terms": {"field": field, "size": 50}} for field in FACETS})
        return int(found.count)

    totals = await measured("tantivy", put, ask, entries, asked)
    writer.wait_merging_threads()
    print(f"tantivy: {_mib(folder):.0f} MiB on disk")
    return totals


def _made(folder: str, name: str) -> Path:
    place = Path(folder, name)
    place.mkdir()
    return place


def _mib(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.iterdir()) / 2**20


async def _asked(index: Any, tenant: str, text: str, facets: bool) -> int:
    counted = FACETS if facets else ()
    found = await index.find(tenant, Asked(read_words(text), kinds=("message",), limit=20, facets=counted))
    return int(found.total)


async def main() -> None:
    """Measure each, by turns."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=100_000)
    options.add_argument("--questions", type=int, default=400)
    options.add_argument("--only", nargs="*", default=["sqlite", "tantivy", "opensearch"])
    given = options.parse_args()
    rng = random.Random(7)
    entries = messages(given.messages, rng)
    asked = questions(entries, given.questions, rng)
    every = [*entries, *tickets(entries)]
    totals: dict[str, list[int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in given.only:
            place = _made(folder, name)
            if name == "sqlite":
                totals[name] = await sqlite(place, every, asked)
            elif name == "tantivy" and importlib.util.find_spec("tantivy"):
                totals[name] = await tantivy(place, entries, asked)
            elif name == "opensearch" and (url := os.environ.get("CHORALLY_OPENSEARCH_URL", "")):
                totals[name] = await opensearch(url, every, asked)
    first, *others = totals.values()
    for number, (tenant, text) in enumerate(asked):
        if any(other[number] != first[number] for other in others):
            raise SystemExit(f"{text!r} of {tenant}: {[(name, found[number]) for name, found in totals.items()]}")
    print(f"the same {sum(first):,} answers to {len(asked)} questions from {', '.join(totals)}")


if __name__ == "__main__":
    asyncio.run(main())
