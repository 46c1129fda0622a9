"""What the core knows in the end: by its API, and in its data folder once it has stopped."""

import json
import sqlite3
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
from chorally_core.adapters.sqlite.database import Database
from chorally_core.adapters.sqlite.ledger import SqliteLedger
from chorally_core.events import Event, topics
from chorally_core.ports.documents import Document, Query
from chorally_core.ports.parking import DeadLetter, Parked
from chorally_core.services.author.model import Author
from chorally_core.services.io.model import Delivery, Held, Hook, Nudge
from chorally_core.services.log.model import LogEntry
from chorally_core.services.message.model import Message, Ticket

DocT = TypeVar("DocT", bound=Document)

FILE = "chorally.db"


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A comment within a hook of the journal."""

    place: int
    """Counts up through the journal."""
    comment_id: str
    verb: str
    received_at: Any
    same: str
    """Equal for equal changes."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that is stored."""

    integrity: str
    tickets: list[Ticket]
    messages: list[Message]
    authors: list[Author]
    deliveries: list[Delivery]
    log: list[LogEntry]
    said: list[str]
    """Ids of messages in the order in which ``messages: add`` came to the bus, repetitions included."""
    triggers: list[Event[Any]]
    journal: list[Arrival]
    hooks: Counter[bytes]
    """Bodies of the journal, and how often each came."""
    left_over: list[Document]
    shown: dict[str, dict[str, Any]]
    """Messages as the API shows them, by id."""


async def read(data: Path, shown: dict[str, dict[str, Any]]) -> Evidence:
    """Return what is in the data folder of a process that has ended."""
    with sqlite3.connect(data / FILE) as raw:
        integrity = "; ".join(row[0] for row in raw.execute("pragma integrity_check"))
    raw.close()
    database = Database(data / FILE)
    ledger = SqliteLedger(database)

    async def every(of: type[DocT]) -> list[DocT]:
        return await ledger.documents.find(Query(of, None, limit=10_000_000))

    async def events(topic: str) -> list[Event[Any]]:
        batch = await ledger.bus.consumer("evidence", [topic]).poll(10_000_000)
        return [found.event for found in batch.delivered if isinstance(found.event, Event)]

    try:
        hooks = await every(Hook)
        return Evidence(
            integrity=integrity,
            tickets=await every(Ticket),
            messages=await every(Message),
            authors=await every(Author),
            deliveries=await every(Delivery),
            log=await every(LogEntry),
            said=[event.data.id for event in await events(topics.MESSAGES) if event.name == "add"],
            triggers=await events(topics.RULE_TRIGGERS),
            journal=list(_arrivals(hooks)),
            hooks=Counter(hook.body for hook in hooks),
            left_over=[*await every(Parked), *await every(DeadLetter), *await every(Held), *await every(Nudge)],
            shown=shown,
        )
    finally:
        database.close()


def _arrivals(hooks: list[Hook]) -> list[Arrival]:
    found: list[Arrival] = []
    for hook in sorted(hooks, key=lambda hook: hook.id):
        for entry in json.loads(hook.body)["entry"]:
            for change in entry["changes"]:
                value = change["value"]
                same = json.dumps([entry["time"], value], sort_keys=True)
                at = Arrival(
                    place=len(found), comment_id=value["comment_id"], verb=value["verb"],
                    received_at=hook.received_at, same=same,
                )  # fmt: skip
                found.append(at)
    return found


async def shown(api: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
    """Return all messages of all tickets as the API shows them, by id."""
    found = {}
    for ticket in await listed(api, "/message/v1/tickets"):
        for message in await listed(api, f"/message/v1/tickets/{ticket['id']}/messages"):
            found[message["id"]] = message
    return found


async def listed(api: httpx.AsyncClient, path: str, **params: str) -> list[dict[str, Any]]:
    """Return a listing to its end."""
    found: list[dict[str, Any]] = []
    params["limit"] = "200"
    while True:
        answer = await api.get(path, params=params)
        answer.raise_for_status()
        page = answer.json()
        found += page["items"]
        if page["next"] is None:
            return found
        params["cursor"] = page["next"]


def counted(data: Path, *tables: str) -> list[int]:
    """Count the rows of some tables beside the process that writes them; a table that is not there has none."""
    with sqlite3.connect(f"file:{data / FILE}?mode=ro", uri=True, timeout=10) as raw:
        known = {row[0] for row in raw.execute("select name from sqlite_master where type = 'table'")}
        counts = [
            int(next(raw.execute(f"select count(*) from {name}"))[0]) if name in known else 0  # noqa: S608 - our names
            for name in tables
        ]
    raw.close()
    return counts
