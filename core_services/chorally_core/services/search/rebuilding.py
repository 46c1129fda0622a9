"""Makes the index anew from the documents, beside the one that serves, which is then replaced at once.

It is a job: it is seen, goes on where it was when its process ends, and waits while the index cannot be reached.
What is indexed while it runs goes into both.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog

from chorally_core.ports.documents import Conflict, Documents, Query
from chorally_core.ports.erasure import Erasure
from chorally_core.ports.indexing import Source
from chorally_core.ports.job_kinds import Context, JobKind, Later, NoArguments, Outcome
from chorally_core.ports.jobs import NOBODY, Actor, Job, open_key, queued
from chorally_core.ports.ledger import Ledger, Step, Work
from chorally_core.ports.search import Search, SearchUnavailable
from chorally_core.services.search.entries import Entries

log = structlog.get_logger(__name__)

SERVICE = "search-service"
JOB = "search/rebuild"
KEY = "index"
_PAGE = 500
_AGAIN_AFTER = timedelta(seconds=30)


class Rebuilding:
    """Does the job, and sees that it is done where an index is new."""

    def __init__(
        self,
        ledger: Ledger,
        search: Search,
        sources: Sequence[Source],
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        page: int = _PAGE,
    ) -> None:
        """Prepare.

        Args:
            ledger: Where jobs and documents lie.
            search: The index.
            sources: What is searched.
            now: The clock.
            new_id: Gives ids that nobody else gives.
            page: Documents that are read at once.
        """
        self._ledger = ledger
        self._documents: Documents = ledger.documents
        self._search = search
        self._sources = sources
        self._entries = Entries(ledger.documents, sources)
        self._now = now
        self._new_id = new_id
        self._page = page
        self.kind = JobKind(name=JOB, service=SERVICE, arguments=NoArguments, run=self._run, attempts=8)

    async def ask(self, by: Actor = NOBODY) -> Job:
        """Queue the job and return it; the one that is not over where there is one."""
        job = queued(JOB, SERVICE, "", {}, self._now(), self._new_id(), key=KEY, created_by=by)
        fact = job.told("index_rebuild_asked", by, self._now())
        while True:
            try:
                await self._ledger.commit(Work([Step.of([job], [fact] if by != NOBODY else [])]))
            except Conflict:
                there = await self._documents.get(Job, open_key("", JOB, KEY) or "", "open_key")
                if there is None:
                    continue  # it has ended in between
                return there
            return await self._documents.get(Job, job.id) or job

    async def see_to_it(self) -> int:
        """Queue the job where the index was never made from everything; return whether it did."""
        try:
            lacks = await self._search.start()
        except SearchUnavailable:
            return 0
        if lacks:
            await self.ask()
        return int(lacks)

    async def _run(self, arguments: NoArguments, context: Context) -> Outcome:
        """Fill the new index page by page, and have it serve."""
        kept: dict[str, Any] = dict(context.kept)
        name = kept.setdefault("name", re.sub(r"[^a-z0-9]", "", context.job_id.lower())[-32:])
        try:
            await self._search.begin_rebuild(name)
            counts = [await self._documents.count(Query(source.of, None)) for source in self._sources]
            for number in range(kept.get("source", 0), len(self._sources)):
                source = self._sources[number]
                after = kept.get("after", "")
                while True:
                    entries, last = await self._entries.page(source, after, self._page)
                    if not last:
                        break
                    await self._search.fill(name, [entry for entry in entries if not entry.gone])
                    after = last
                    done = min(kept.get("done", 0) + self._page, sum(counts[: number + 1]))
                    kept |= {"source": number, "after": after, "done": done}
                    await context.progress(done, sum(counts), f"{source.kind}s", keep=kept)
                kept |= {"source": number + 1, "after": "", "done": sum(counts[: number + 1])}
                await context.progress(kept["done"], sum(counts), f"{source.kind}s are done", keep=kept)
            await self._search.end_rebuild(name)
        except SearchUnavailable as error:
            log.warning("the index is made anew once it can be reached", why=str(error))
            return Later(self._now() + _AGAIN_AFTER)
        return {"name": name, "documents": kept.get("done", 0)}


class EraseFromIndex:
    """The index's part of an erasure: what facts have not removed yet."""

    name = "search"

    def __init__(self, search: Search) -> None:
        self._search = search

    async def step(self, erasure: Erasure, place: str) -> str | None:
        """Forget what the person said until the erasure was asked for."""
        await self._search.forget(erasure.tenant, erasure.id, erasure.at)
        return None
