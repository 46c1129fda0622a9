"""Where signing keys lie, and that what was signed before goes on to be good."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from chorally_core.adapters.identity import Keyring, SharedKeyring
from chorally_core.adapters.local import FernetVault
from chorally_core.adapters.sqlite import Database
from chorally_core.adapters.sqlite.ledger import SqliteLedger
from chorally_core.bootstrap import new_id, utc_now
from chorally_core.bootstrap.trust import Trust, keyring_of, load, told
from chorally_core.ports.documents import Documents
from chorally_core.runner import Actions
from chorally_core.settings import Settings

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
VAULT = FernetVault([KEY])


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    """Return what processes share."""
    database = Database(tmp_path / "shared.db")
    yield SqliteLedger(database)
    database.close()


@pytest.fixture
def documents(ledger: SqliteLedger) -> Documents:
    """Return documents that processes share."""
    return ledger.documents


def _settings(folder: Path) -> Settings:
    return Settings(data=folder, secret_keys=[KEY])


async def test_keys_of_a_folder_go_on_where_documents_are_shared(documents: Documents, tmp_path: Path) -> None:
    """Nobody is signed out by the move to several processes."""
    before = keyring_of(_settings(tmp_path), VAULT, None)
    assert isinstance(before, Keyring)
    after = keyring_of(_settings(tmp_path), VAULT, documents)
    assert isinstance(after, SharedKeyring)
    await load(after, _settings(tmp_path), VAULT)
    assert after.signing.kid == before.signing.kid


async def test_processes_take_each_others_tokens_and_need_no_folder(
    documents: Documents, ledger: SqliteLedger, tmp_path: Path
) -> None:
    """Each begins by itself; whoever begins first makes the key."""
    nowhere = tmp_path / "nowhere"
    here, there = (
        Trust(_settings(nowhere), VAULT, documents, actions=Actions(ledger), shared=True, now=utc_now, ids=new_id)
        for _ in range(2)
    )
    await here.start()
    await there.start()
    token = told(here.issuer, "acme", "admin")
    assert (await there.identity.authenticate(f"Bearer {token}")).tenant == "acme"
    assert not nowhere.exists()
