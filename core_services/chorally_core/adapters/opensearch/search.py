"""The index on OpenSearch: an alias for each kind, behind it the index that serves, beside it the one being made.

Whoever puts something looks before and after which aliases there are, and puts it again where that has changed. So
an index that is made anew has everything that came meanwhile before it takes over; versions keep what is older out.
"""

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from opensearchpy import AsyncHttpConnection, AsyncOpenSearch
from opensearchpy.exceptions import RequestError

from chorally_core.adapters.opensearch import asking
from chorally_core.adapters.opensearch.bulk import Missing, bulk
from chorally_core.adapters.opensearch.errors import reached, type_of
from chorally_core.adapters.opensearch.indexes import at_of, micros, template
from chorally_core.adapters.opensearch.settings import OpenSearchSettings
from chorally_core.ports.search import INDEX_SCHEMA, KINDS, OF_TICKET, Asked, Entry, Hit, Hits, SearchUnavailable
from chorally_core.ports.words import Wanted

_MOST_TICKETS = 1000
_TRIES = 5
_REMEMBERED_S = 60.0  # for which a call that failed counts; an indexer tries again sooner


class OpenSearchIndex:
    """Serves the search port from OpenSearch."""

    in_turns = False
    bears_tickets = True

    def __init__(self, settings: OpenSearchSettings) -> None:
        """Prepare; nothing is connected yet."""
        self._settings = settings
        self._client: AsyncOpenSearch | None = None
        self._ready = False
        self._one = asyncio.Lock()
        self._trouble = ("", 0.0)

    @property
    def trouble(self) -> str:
        """Why the last call could not be made; empty where it could, or where nobody has called for a while."""
        why, at = self._trouble
        return why if time.monotonic() - at < _REMEMBERED_S else ""

    @property
    def client(self) -> AsyncOpenSearch:
        """The driver, made when it is first used."""
        if self._client is None:
            given = self._settings
            self._client = AsyncOpenSearch(
                hosts=[{"host": host, "port": port} for host, port in given.servers],
                connection_class=AsyncHttpConnection,
                http_auth=(given.user, given.password.get_secret_value()) if given.user else None,
                use_ssl=given.tls,
                verify_certs=given.tls,
                ca_certs=str(given.ca) if given.ca else None,
                timeout=given.timeout_s,
                max_retries=len(given.servers) - 1,
                retry_on_timeout=False,
                http_compress=True,
            )
        return self._client

    def _alias(self, kind: str) -> str:
        return f"{self._settings.prefix}-{kind}"

    def _building(self, kind: str) -> str:
        return f"{self._settings.prefix}-{kind}-building"

    async def start(self) -> bool:
        """Make what is missing; return whether an index has never been filled."""
        async with self._one:
            return bool(await self._told(self._prepared()))

    async def _told(self, call: Any) -> Any:
        """What a call gives; what keeps it from being made is remembered until one can be."""
        try:
            with reached():
                given = await call
        except SearchUnavailable as error:
            self._trouble = (str(error), time.monotonic())
            raise
        self._trouble = ("", 0.0)
        return given

    async def _prepared(self) -> bool:
        indices = self.client.indices
        await indices.put_index_template(name=f"{self._settings.prefix}-search", body=template(self._settings))
        aliases = await self._aliases()
        for kind in KINDS:
            if self._alias(kind) not in aliases:
                first = f"{self._alias(kind)}-1"
                try:
                    await indices.create(index=first)  # returns once its shards are there
                except RequestError as error:
                    if type_of(error) != "resource_already_exists_exception":
                        raise
                await indices.put_alias(index=first, name=self._alias(kind))  # not before: searches would fail
        found = await indices.get_mapping(index=",".join(map(self._alias, KINDS)))
        self._ready = True
        made = [index["mappings"].get("_meta", {}).get("filled") for index in found.values()]
        return any(schema != INDEX_SCHEMA for schema in made)

    async def _aliases(self) -> dict[str, str]:
        """The index of each alias of ours."""
        ours = {name for kind in KINDS for name in (self._alias(kind), self._building(kind))}
        found = await self.client.indices.get_alias(name=f"{self._settings.prefix}-*")
        return {alias: index for index, told in found.items() for alias in told["aliases"] if alias in ours}

    async def put(self, entries: Sequence[Entry]) -> None:
        """Index entries, in the index that is being made too."""
        if entries:
            await self._told(self._put(entries))

    async def _put(self, entries: Sequence[Entry]) -> None:
        if not self._ready:
            async with self._one:
                await self._prepared()
        refresh = self._settings.refresh == "now"
        for _ in range(_TRIES):
            before = await self._aliases()
            try:
                await bulk(self.client, entries, self._alias, refresh=refresh)
                beside = [entry for entry in entries if self._building(entry.kind) in before]
                await bulk(self.client, beside, self._building, refresh=refresh)
            except Missing:
                self._ready = self._alias("message") in before
                if not self._ready:
                    await self._prepared()
                continue
            if await self._aliases() == before:
                return
        raise SearchUnavailable("the indexes of OpenSearch change all the time")

    async def find(self, tenant: str, asked: Asked) -> Hits:
        """Return a page of what is found."""
        behind = asked.behind
        if behind is not None and asked.sort == "relevance":  # counts of words change: where does it stand now?
            only = asking.query(tenant, asked, {"term": {"name": behind.name}})
            hits = (await self._searched(asked, {"query": only, "size": 1, "_source": False}))["hits"]["hits"]
            behind = behind._replace(score=hits[0]["_score"]) if hits else behind
        found = await self._searched(asked, asking.page(tenant, asked, behind))
        counted = {
            field: [(bucket["key"], bucket["doc_count"]) for bucket in told["buckets"]]
            for field, told in found.get("aggregations", {}).items()
        }
        return Hits([_hit(hit) for hit in found["hits"]["hits"]], found["hits"]["total"]["value"], counted)

    async def _searched(self, asked: Asked, body: dict[str, Any]) -> Any:
        """What a request gives; words weigh the same whichever index and shard they are in."""
        options = {"search_type": "dfs_query_then_fetch", "ignore_unavailable": "true", "preference": "chorally"}
        index = ",".join(self._alias(kind) for kind in asked.kinds)
        return await self._told(self.client.search(index=index, body=body, params=options))

    async def tickets(self, tenant: str, wanted: Wanted, *, limit: int) -> list[str]:
        """Return the tickets in which something is found, the newest hits first."""
        if not wanted.all_of:
            return []
        asked = Asked(wanted, ("ticket", "message"), sort="newest")
        within = {"exists": {"field": "ticket_id"}}
        found = await self._searched(
            asked,
            {
                "query": asking.query(tenant, asked, within), "collapse": {"field": "ticket_id"},
                "sort": asking.ORDERS["newest"], "size": min(limit, _MOST_TICKETS), "_source": False,
            },
        )  # fmt: skip
        return [hit["fields"]["ticket_id"][0] for hit in found["hits"]["hits"]]

    async def bear(self, tickets: Sequence[Entry]) -> set[str]:
        """Return the tickets that the index knows otherwise than they are now, or not at all."""
        return await self._told(self._borne(tickets)) if tickets else set()

    async def _borne(self, tickets: Sequence[Entry]) -> set[str]:
        body = {"docs": [{"_index": self._alias("ticket"), "_id": ticket.id} for ticket in tickets]}
        found = (await self.client.mget(body=body, params={"_source_includes": ",".join(OF_TICKET)}))["docs"]
        known = {told["_id"]: told.get("_source") for told in found if told.get("found")}
        now = {
            ticket.id: {name: list(v) if name == "tags" else v for name in OF_TICKET if (v := getattr(ticket, name))}
            for ticket in tickets
        }
        return {name for name, fields in now.items() if known.get(name) != fields}

    async def forget(self, tenant: str, author_id: str, until: datetime) -> None:
        """Remove what an author said until then, and the author."""
        asked = Asked(where={"author_id": [author_id]})
        query = asking.query(tenant, asked, {"range": {"at": {"lte": micros(until)}}})
        await self._told(self._forgotten(query))

    async def _forgotten(self, query: dict[str, Any]) -> None:
        every = ",".join(name for kind in KINDS for name in (self._alias(kind), self._building(kind)))
        await self.client.indices.refresh(index=every, params={"ignore_unavailable": "true"})
        options = {"conflicts": "proceed", "refresh": "true", "ignore_unavailable": "true"}
        await self.client.delete_by_query(index=every, body={"query": query}, params=options)

    async def begin_rebuild(self, name: str) -> None:
        """Have new indexes beside those that serve; those that an earlier rebuild left are removed."""
        await self.start()
        await self._told(self._begun(name))

    async def _begun(self, name: str) -> None:
        aliases = await self._aliases()
        for kind in KINDS:
            known, mine = aliases.get(self._building(kind)), f"{self._alias(kind)}-{name}"
            if known == mine or aliases.get(self._alias(kind)) == mine:
                continue
            if known is not None:
                await self.client.indices.delete(index=known, params={"ignore_unavailable": "true"})
            await self.client.indices.create(index=mine, body={"aliases": {self._building(kind): {}}})

    async def fill(self, name: str, entries: Sequence[Entry]) -> None:
        """Index entries in the new indexes only."""
        try:
            await self._told(bulk(self.client, entries, self._building, refresh=False))
        except Missing:
            raise LookupError(f"the index {name} is not being rebuilt") from None

    async def end_rebuild(self, name: str) -> None:
        """Have the new indexes serve, all at once, and remove the old ones."""
        await self._told(self._ended(name))

    async def _ended(self, name: str) -> None:
        indices, aliases = self.client.indices, await self._aliases()
        actions: list[dict[str, Any]] = []
        for kind in KINDS:
            mine = f"{self._alias(kind)}-{name}"
            if aliases.get(self._building(kind)) != mine:
                continue
            await indices.refresh(index=mine)
            await indices.put_mapping(index=mine, body={"_meta": {"filled": INDEX_SCHEMA}})
            if (before := aliases.get(self._alias(kind))) is not None:
                actions.append({"remove": {"index": before, "alias": self._alias(kind)}})
            actions.append({"remove": {"index": mine, "alias": self._building(kind)}})
            actions.append({"add": {"index": mine, "alias": self._alias(kind)}})
        if actions:
            await indices.update_aliases(body={"actions": actions})
        serving = set((await self._aliases()).values())
        every = await indices.get(index=",".join(f"{self._alias(kind)}-*" for kind in KINDS))
        left = sorted(set(every) - serving)
        if left:
            await indices.delete(index=",".join(left), params={"ignore_unavailable": "true"})

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None


def _hit(hit: dict[str, Any]) -> Hit:
    at, name = hit["sort"][-2:]
    kind, _, document_id = name.partition("/")
    return Hit(kind, document_id, at_of(at), float(hit.get("_score") or 0.0))
