"""OpenSearch as it is when it stops, has no room, meets what it cannot take, or is filled anew under load."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest
from chorally_core.adapters.opensearch import OpenSearchIndex, parse
from chorally_core.adapters.opensearch.bulk import bulk
from chorally_core.ports.search import Asked, Entry, SearchUnavailable
from chorally_core.ports.words import read_words
from structlog.testing import capture_logs

from tests.support import opensearch
from tests.support.api import a_note, an_api
from tests.support.entries import a_message, found
from tests.support.redis import _free_ports

pytestmark = pytest.mark.real

_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def server() -> str:
    """The server that the environment tells of."""
    return opensearch.server_url()


@dataclass
class Own:
    """A server of a test's own, to be stopped and started."""

    script: Path
    environment: dict[str, str]
    port: int

    async def do(self, what: str) -> None:
        """Start or stop it."""
        done = await asyncio.create_subprocess_exec(
            *(self.script, what), env=self.environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await done.communicate()
        assert done.returncode == 0, said.decode()


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Own]:
    """A server that keeps its data while it is stopped."""
    script = Path(os.environ.get("CHORALLY_SHARED") or _ROOT.parent / "shared") / "services" / "opensearch"
    if not os.access(script, os.X_OK):
        pytest.skip("no script to start OpenSearch: set CHORALLY_SHARED")
    port = _free_ports()
    (tmp_path / "data").mkdir()
    given = {
        "CHORALLY_SERVICES_STATE": str(tmp_path / "state"), "CHORALLY_OPENSEARCH_PORT": str(port),
        "CHORALLY_OPENSEARCH_TRANSPORT_PORT": str(port + 1), "CHORALLY_OPENSEARCH_DATA": str(tmp_path / "data"),
        "CHORALLY_OPENSEARCH_HEAP": "256m",
    }  # fmt: skip
    server = Own(script, {**os.environ, **given}, port)
    await server.do("start")
    try:
        yield server
    finally:
        await server.do("stop")


async def test_while_it_is_away_everything_else_goes_on_and_the_index_catches_up(own: Own, tmp_path: Path) -> None:
    """Messages come in and are listed; the search says 503, the process is ready and says what it goes without."""
    setting = f"opensearch://127.0.0.1:{own.port}/?prefix=own&replicas=0&refresh=now&timeout_s=5"
    async with an_api(tmp_path, search=setting) as api:
        agent = api.agent()

        async def search(text: str) -> httpx.Response:
            return await agent.get("/search/v1/results", params={"text": text, "kind": "message"})

        await api.hook(a_note("1", "ada", "Il mio ordine non arriva"))
        assert (await search("ordini")).json()["total"] == 1
        await own.do("stop")
        assert (await api.hook(a_note("2", "bob", "Due ordini persi"))).status_code == 200
        assert len((await agent.get("/message/v1/tickets")).json()["items"]) == 2
        refused = await search("ordini")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
        listed = await agent.get("/message/v1/tickets", params={"text": "ordini"})
        assert listed.status_code == 503
        assert any("OpenSearch" in reason for reason in api.system.stores.degraded())
        assert api.system.stores.troubles() == []
        await own.do("start")
        found = 0
        async with asyncio.timeout(60):
            while found != 2:
                await api.system.behind.drain()
                await asyncio.sleep(0.2)  # until the indexer tries again
                found = (await search("ordini")).json().get("total", 0)
        assert api.system.stores.degraded() == []


async def test_what_it_cannot_take_is_told_of_and_holds_up_nothing() -> None:
    """A poison document is left out; the others of its batch are found."""
    async with opensearch.indexes() as opened, opened() as index:
        poison = msgspec.structs.replace(a_message("m2", "parcel"), tags=({"no": "tag"},))
        with capture_logs() as logs:
            await index.put([a_message("m1", "parcel"), poison, a_message("m3", "parcel")])
        assert sorted(await found(index, "parcel")) == ["m1", "m3"]
        assert [(log["document_id"], log["event"]) for log in logs] == [("m2", "cannot be indexed")]


class Full:
    """A server that has no room for some entries for a while."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.sent: list[list[str]] = []

    async def bulk(self, body: bytes, params: Any) -> dict[str, Any]:
        """Refuse the second of a part as long as there is no room."""
        lines = [msgspec.json.decode(line) for line in body.splitlines()]
        names = [line["index"]["_id"] for line in lines if "index" in line]
        self.sent.append(names)
        self.refusals -= 1
        statuses = [429 if name == "m2" and self.refusals >= 0 else 200 for name in names]
        error = {"type": "rejected_execution_exception"}
        return {"items": [{"index": {"status": s, **({"error": error} if s == 429 else {})}} for s in statuses]}


async def test_what_there_is_no_room_for_is_sent_again_alone() -> None:
    """After a wait that grows; in the end the log waits."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    server: Any = Full(2)
    entries = [a_message("m1"), a_message("m2")]
    await bulk(server, entries, lambda kind: kind, refresh=False, sleep=sleep)
    assert server.sent == [["m1", "m2"], ["m2"], ["m2"]]
    assert waits == [0.2, 0.4]
    server = Full(99)
    with pytest.raises(SearchUnavailable, match="no room"):
        await bulk(server, entries, lambda kind: kind, refresh=False, sleep=sleep)


async def test_an_index_is_filled_anew_while_another_process_indexes() -> None:
    """Nothing that is put in those seconds is missing afterwards, and nothing that was removed is back."""
    async with opensearch.indexes(refresh="interval") as opened, opened() as index, opened() as other:
        kept = {f"m{number}": a_message(f"m{number}", "parcel", minutes=number) for number in range(300)}
        await index.put(list(kept.values()))
        is_over = asyncio.Event()
        put: dict[str, Entry] = {}

        async def indexes_on() -> None:
            number = 0
            while not is_over.is_set():
                names = [f"n{number}", f"m{number % 300}"]
                entries = [a_message(names[0], "parcel"), a_message(names[1], "box", version=2, gone=number % 3 == 0)]
                await other.put(entries)
                put.update({entry.id: entry for entry in entries})
                number += 1

        task = asyncio.create_task(indexes_on())
        await index.begin_rebuild("anew")
        for begin in range(0, 300, 30):  # read after it began, as documents are
            page = [put.get(name, entry) for name, entry in list(kept.items())[begin : begin + 30]]
            await index.fill("anew", [entry for entry in page if not entry.gone])
        await index.fill("anew", [entry for entry in put.values() if not entry.gone])
        await index.end_rebuild("anew")
        for _ in range(5):  # some more that go to the new one only
            await asyncio.sleep(0)
        is_over.set()
        await task
        await index.client.indices.refresh(index=f"{index._settings.prefix}-*")
        expected = {name for name, entry in {**kept, **put}.items() if not entry.gone}
        hits = (await index.find("acme", Asked(limit=5000))).hits
        assert {hit.id for hit in hits} == expected
        assert len(put) > 20
        assert len(await index.client.indices.get(index=f"{index._settings.prefix}-message-*")) == 1


async def test_an_index_that_is_lost_is_made_and_filled_by_itself(tmp_path: Path) -> None:
    """As after a cluster was set up anew."""
    setting = opensearch.a_setting()
    prefix = parse(setting).prefix
    try:
        async with an_api(tmp_path, search=setting) as api:
            await api.hook(a_note("1", "ada", "Il mio ordine non arriva"))
            await api.system.upkeep.due()
            await opensearch.remove(prefix)
            agent = api.agent()
            assert (await agent.get("/search/v1/results", params={"text": "ordine"})).json()["total"] == 0
            await api.system.upkeep.due()
            api.clock.forward(seconds=60)
            await api.system.upkeep.due()
            found = (await agent.get("/search/v1/results", params={"text": "ordini"})).json()
            assert {hit["kind"] for hit in found["items"]} == {"message", "ticket"}
    finally:
        await opensearch.remove(prefix)


async def test_nobody_searches_an_index_before_its_shards_are_there() -> None:
    """Whoever asks while another process makes the indexes finds nothing, and is not told of an outage."""
    settings = parse(opensearch.a_setting(f"young_{uuid4().hex[:8]}", refresh="interval"))
    making, asking = OpenSearchIndex(settings), OpenSearchIndex(settings)
    asked = 0
    try:
        made = asyncio.create_task(making.start())
        while not made.done():
            assert await asking.tickets("acme", read_words("parcel"), limit=5) == []
            asked += 1
        assert await made, "it has never been filled"
        assert asked > 5
    finally:
        await asyncio.gather(making.aclose(), asking.aclose())
        await opensearch.remove(settings.prefix)


async def test_two_processes_that_begin_at_once_make_one_index() -> None:
    """Whoever comes second finds it."""
    prefix = parse(opensearch.a_setting()).prefix
    first, second = (OpenSearchIndex(parse(opensearch.a_setting(prefix))) for _ in range(2))
    try:
        await asyncio.gather(first.start(), second.start())
        await asyncio.gather(first.put([a_message("m1", "parcel")]), second.put([a_message("m2", "parcel")]))
        assert sorted(await found(first, "parcel")) == ["m1", "m2"]
    finally:
        await first.aclose()
        await second.aclose()
        await opensearch.remove(prefix)
