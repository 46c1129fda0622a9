"""Every endpoint of every service, asked with one tenant's ids by a caller of another, who may do everything (G7)."""

import json
import random
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from chorally_core.bootstrap.kinds import kinds
from chorally_core.ports.documents import Query

from tests.support.api import Api, a_note, an_api
from tests.support.credentials import UNBOUNDED, Endpoint, endpoints
from tests.support.everything import CANARY, NAMED, OF_NOBODY, WITHIN, example, fill, named, parts_of
from tests.support.plaza import Plaza, PlazaPlatform

SEEDS = range(2)
_QUERY = {
    "/search/v1/results": {"q": CANARY}, "/media/v1/files": {"name": "a.png"},
    "/publishing/v1/calendar": {"from": "2026-11-01T00:00:00Z", "to": "2026-11-30T00:00:00Z"},
    "/rule/v1/countries/{country}/holidays": {"year": "2026"},
}  # fmt: skip
"""What requests must ask for."""
SHOWN_TO_NOBODY = {"GET /rule/v1/countries/{country}/holidays"}
"""Paths whose parts name nobody's record."""


class Asked(NamedTuple):
    """A request, and what came of it."""

    endpoint: Endpoint
    path: str
    body: Any
    answer: httpx.Response

    def __str__(self) -> str:
        return f"{self.endpoint} as {self.path} with {self.body}: {self.answer.status_code} {self.answer.text[:300]}"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system in which ``acme`` has everything, and ``globex`` nothing."""
    async with an_api(tmp_path, connector=Plaza, platform=PlazaPlatform(), **UNBOUNDED) as made:
        yield made


class Requests:
    """Makes a request for each endpoint, out of ids of records."""

    def __init__(self, api: Api, ids: dict[str, list[str]], chance: random.Random) -> None:
        self._documents = {name: service.openapi() for name, service in api.system.services.items()}
        self._ids = ids
        self._chance = chance

    def of(self, endpoint: Endpoint) -> tuple[str, dict[str, str], Any]:
        """Return the path, the query and the body."""
        _, name, _, rest = endpoint.path.split("/", 3)
        document = self._documents[name]
        told = document["paths"][re.sub(r":path\}", "}", f"/{rest}")][endpoint.method.lower()]
        path = re.sub(r"\{([^}:]+)[^}]*\}", lambda part: self._chance.choice(self._ids[part[1]]), endpoint.path)
        query = {
            each["name"]: self._chance.choice(self._ids[each["name"]])
            for each in told.get("parameters", [])
            if each["in"] == "query" and each["name"] in self._ids and self._chance.random() < 0.7
        }
        query |= _QUERY.get(endpoint.path, {})
        schema = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        schemas = document.get("components", {}).get("schemas", {})
        body = None if schema is None else example(schema, schemas, self._ids, self._chance)
        return path, query, body


async def ask(http: httpx.AsyncClient, requests: Requests, endpoint: Endpoint) -> Asked:
    """Send the request for an endpoint."""
    path, query, body = requests.of(endpoint)
    answer = await http.request(endpoint.method, path, params=query, json=body)
    return Asked(endpoint, path, body, answer)


async def stored(api: Api, tenant: str) -> dict[tuple[str, str], Any]:
    """Return all that is stored of a tenant."""
    documents, found = api.system.ledger.documents, dict[tuple[str, str], Any]()
    for of in kinds():
        for each in await documents.find(Query(of, tenant, limit=10_000)):
            found[of.kind, each.id] = each
    return found


def asked_alone(api: Api) -> Iterator[Endpoint]:
    """Return the endpoints that answer and end."""
    return (each for each in sorted(endpoints(api)) if not each.is_stream)


def test_every_kind_of_a_tenants_records_is_named_by_something() -> None:
    """Whoever adds a kind that paths name says so in ``NAMED``; none of the kinds there has gone."""
    assert {kind for kind, _ in (*NAMED.values(), *WITHIN.values())} <= {of.kind for of in kinds()} - OF_NOBODY


@pytest.mark.parametrize("seed", SEEDS)
async def test_no_endpoint_shows_or_changes_anything_of_another_tenant(api: Api, seed: int) -> None:
    """No word of it in any answer, no record changed, and a path that names one is answered as if it were not there."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    await fill(api, chance)
    ids, http = await named(api), api.agent("installation-operator", "globex")
    before = await stored(api, "acme")
    assert {kind for kind, _ in before} >= {of.kind for of in kinds()} - OF_NOBODY
    requests, all_asked = Requests(api, ids, chance), list[Asked]()
    order = list(asked_alone(api))
    chance.shuffle(order)
    for endpoint in order:
        for _ in range(2):
            asked = await ask(http, requests, endpoint)
            all_asked.append(asked)
            shown = asked.answer.text.replace(str(httpx.URL(asked.path)), "")
            assert CANARY not in _without(shown, asked.body), str(asked)
            assert asked.answer.status_code < 500, str(asked)
            if any(parts_of(endpoint.path)) and str(endpoint) not in SHOWN_TO_NOBODY:
                assert asked.answer.status_code >= 400, str(asked)
    await api.settle()
    after = await stored(api, "acme")
    assert {key for key in before if before[key] != after.get(key)} == set()
    assert set(after) - set(before) == set()
    _reached(all_asked)


def _without(text: str, body: Any) -> str:
    """An answer without what the request itself said, which it may repeat."""
    for said in re.findall(rf'"([^"]*{CANARY}[^"]*)"', json.dumps(body)):
        text = text.replace(said, "")
    return text


def _reached(all_asked: list[Asked]) -> None:
    """Nearly every request fits its schema, so that it is refused for whom it names, not for how it is written."""
    unfit = {
        str(asked.endpoint)
        for asked in all_asked
        if asked.answer.status_code == 422
        and asked.answer.json().get("detail") == "the request does not fit; see errors"
    }
    reached = {str(asked.endpoint) for asked in all_asked} - unfit
    assert len(unfit) < 0.12 * (len(unfit) + len(reached)), sorted(unfit)


@pytest.mark.parametrize("seed", SEEDS[:1])
async def test_their_own_people_see_all_of_it_by_the_same_requests(api: Api, seed: int) -> None:
    """The words are there to be seen, and the ids lead to them: else the test above would show nothing."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    await fill(api, chance)
    requests, http = Requests(api, await named(api), chance), api.agent("installation-operator")
    seen, found = set[str](), set[str]()
    for endpoint in asked_alone(api):
        if endpoint.method == "GET":
            asked = await ask(http, requests, endpoint)
            if asked.answer.status_code == 200:
                found.add(str(endpoint))
            if CANARY in asked.answer.text:
                seen.add(str(endpoint))
    reads = {str(each) for each in asked_alone(api) if each.method == "GET"}
    assert len(found) > 0.75 * len(reads), sorted(reads - found)
    assert len(seen) > 0.5 * len(reads), sorted(reads - seen)


async def test_the_stream_of_events_tells_nothing_of_another_tenant(api: Api) -> None:
    """Neither what happened, behind an entry of theirs, nor what happens now."""
    await fill(api, random.Random(7))  # noqa: S311 - no secret
    entry = (await api.agent().get("/log/v1/logs", params={"limit": 50})).json()["items"][-1]["id"]
    stranger, own = api.system.feed.follow("globex"), api.system.feed.follow("acme")
    assert (await stranger.begin(entry))[1]
    assert not (await own.begin(entry))[1]
    await api.hook(a_note("later", CANARY, CANARY))
    told = await own.next(10)
    assert told
    assert CANARY in str(told)
    assert await stranger.next(0.05) == []
    stranger.close()
    own.close()
