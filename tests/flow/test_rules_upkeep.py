"""What rules did is kept for a while, and tells nothing of a person who was erased."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from chorally_core.ports.documents import Query
from chorally_core.services.rule_engine.model import Execution, Person
from chorally_core.settings import Retention

from tests.support.api import Api, a_note, an_api

TAG = {"name": "Tag", "actions": [{"type": "add_tags", "tags": ["seen"]}],
       "conditions": {"field": "message.text", "op": "contains", "value": "secret"}}  # fmt: skip


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    """A system with a rule that fired on Ada and on Bob."""
    async with an_api(tmp_path, retention_days=Retention(logs=30)) as api:
        await api.agent().post("/rule-engine/v1/rules", json=TAG)
        await api.hook(a_note("n1", "ada", "a secret of Ada"), a_note("n2", "bob", "a secret of Bob"))
        yield api


async def _executions(api: Api) -> list[Execution]:
    return await api.system.ledger.documents.find(Query(Execution, None))


async def test_what_conditions_met_of_an_erased_person_is_forgotten(api: Api) -> None:
    """That a rule fired stays; what was said, and who said it, does not."""
    people = (await api.agent().get("/author/v1/authors")).json()["items"]
    (ada,) = [person["id"] for person in people if person["name"] == "Ada"]
    assert (await api.agent().post(f"/author/v1/authors/{ada}/erase")).status_code == 202
    await api.settle()
    await api.system.upkeep.due()

    met = {execution.author_id == ada: str(execution.conditions) for execution in await _executions(api)}
    assert met[True] == "{}"
    assert "bob" in met[False]
    known: list[Person] = await api.system.ledger.documents.find(Query(Person, None))
    assert sorted(person.name for person in known) == ["", "Bob"]


async def test_a_tenant_s_first_rule_knows_the_authors_of_before(tmp_path: Path) -> None:
    """A job learns them, whom nobody has told of since; who is blocked too."""
    async with an_api(tmp_path) as api:
        http = api.agent()
        await api.hook(a_note("n1", "ada", "hello"), a_note("n2", "bob", "hello"))
        tickets = (await http.get("/message/v1/tickets")).json()["items"]
        (bob,) = [ticket["id"] for ticket in tickets if ticket["author_name"] == "Bob"]
        await http.put(f"/message/v1/tickets/{bob}/block", json={"reason": "rude"})
        assert await api.system.ledger.documents.find(Query(Person, None)) == []
        await http.post("/rule-engine/v1/rules", json=TAG)
        await api.system.upkeep.due()

        known: list[Person] = await api.system.ledger.documents.find(Query(Person, None))
        assert sorted((person.name, person.author_version, person.blocked) for person in known) == [
            ("Ada", 1, False), ("Bob", 1, True),
        ]  # fmt: skip
        await api.system.upkeep.due()
        assert await api.system.ledger.documents.find(Query(Person, None)) == known


async def test_executions_go_with_the_history(api: Api) -> None:
    """They are kept as long as the log is (G13)."""
    await api.system.upkeep.due()
    assert len(await _executions(api)) == 2
    api.clock.forward(days=31)
    await api.system.upkeep.due()
    assert await _executions(api) == []


async def test_why_rules_did_not_fire_is_found_without_going_through_all_that_did(tmp_path: Path) -> None:
    """What is removed each hour, and shown to whoever asks, has an index of its own."""
    async with an_api(tmp_path) as api:
        await api.agent().get("/rule-engine/v1/executions")
        with closing(sqlite3.connect(f"file:{tmp_path}/chorally.db?mode=ro", uri=True)) as database:
            asked = "select doc from doc_rule_execution where fired = 0 and id < 'z' order by id"
            plan = str(database.execute(f"explain query plan {asked}").fetchall())
    assert "doc_rule_execution_s_fired" in plan
