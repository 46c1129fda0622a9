"""An office: processes over one store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chorally_core.adapters.sqlite import Database
from chorally_core.adapters.sqlite.ledger import SqliteLedger

from tests.support.jobs import Counting, Office


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """Processes over one store in a file."""
    database = Database(tmp_path / "jobs.db")
    office = Office(SqliteLedger(database))
    yield office
    await office.close()
    database.close()


@pytest.fixture
def counting() -> Counting:
    """A job that counts."""
    return Counting()
