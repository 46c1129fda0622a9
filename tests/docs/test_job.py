"""The job of the how-to, through hands of its own, over tickets of the real flow's kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chorally_core.adapters.sqlite import Database
from chorally_core.adapters.sqlite.ledger import SqliteLedger
from chorally_core.ports.ledger import Step, Work
from chorally_core.services.message.model import Ticket

from docs.examples.jobs import counting as example
from docs.examples.jobs.counting import CountTickets
from tests.support.jobs import Office
from tests.support.world import START


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """A store with five open tickets of one tenant, and one of another."""
    database = Database(tmp_path / "jobs.db")
    office = Office(SqliteLedger(database))
    for number, tenant in enumerate(["acme"] * 5 + ["umbrella"], 1):
        ticket = Ticket(
            id=f"t{number}", tenant=tenant, number=number, account_id="a", platform="wall", channel="wall_note",
            conversation_key="ada", created_at=START, updated_at=START,
        )  # fmt: skip
        await office.ledger.commit(Work([Step.of([ticket])]))
    yield office
    await office.close()
    database.close()


async def test_the_job_counts_page_by_page_and_refuses_what_makes_no_sense(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps its place after each page; a status that there is not is no matter of trying again."""
    monkeypatch.setattr(example, "PAGE", 2)
    process = office.process("one", kind := example.counting(office.ledger.documents))
    job = await process.jobs.submit(kind, CountTickets(), tenant="acme")
    odd = await process.jobs.submit(kind, CountTickets("lost"), tenant="acme")
    await process.drain()
    done, dead = await office.job(job), await office.job(odd)
    assert (done.state, done.result, done.kept) == ("done", {"counted": 5}, {"counted": 5, "last": "t5"})
    assert (dead.state, dead.error) == ("dead", "there is no status lost; ask for open, waiting or resolved")
