"""Signing keys that several processes share: made once, taken up everywhere, sealed."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from chorally_core.adapters.identity import InvalidKeyring, Issuer, Keyring, SharedKeyring, Verifier
from chorally_core.adapters.identity.shared_keyring import SigningKeys
from chorally_core.adapters.local.vault import FernetVault
from chorally_core.adapters.sqlite import Database, SqliteDocuments
from chorally_core.ports.documents import Query
from cryptography.fernet import Fernet

VAULT = FernetVault([Fernet.generate_key().decode()])


@pytest.fixture
def documents(database: Database) -> SqliteDocuments:
    """Return the documents that the processes share."""
    return SqliteDocuments(database)


async def test_processes_that_begin_at_once_have_the_same_key(documents: SqliteDocuments, clock: Any) -> None:
    """Each finds none and makes one; the first that is stored is everybody's."""

    class Slow(SqliteDocuments):
        async def get(self, of: Any, value: str, field: str = "id") -> Any:
            found = await documents.get(of, value, field)
            await asyncio.sleep(0)
            return found

        async def write(self, writes: Any) -> Any:
            return await documents.write(writes)

    rings = [SharedKeyring(Slow(documents._database), clock, VAULT) for _ in range(3)]
    await asyncio.gather(*(ring.load() for ring in rings))

    assert len({ring.signing.kid for ring in rings}) == 1
    assert len(await documents.find(Query(SigningKeys, None))) == 1


async def test_a_token_of_a_new_key_is_good_in_other_processes_at_once(
    documents: SqliteDocuments, keyring: Keyring, clock: Any
) -> None:
    """Another process meets a key that it does not know, and asks the store; not again for each unknown one."""
    here, there = (SharedKeyring(documents, clock, VAULT) for _ in range(2))
    await here.load(keyring)
    await there.load()
    verifier = Verifier(there, issuer="us", audience="chorally", clock=clock)
    issuer = Issuer(here, issuer="us", audience="chorally", clock=clock, ids=lambda: "id")
    clock.advance(minutes=5)
    await here.rotate(keep=issuer.life)

    token = issuer.issue(subject="u", tenant="acme", name="", roles=(), generation=1).access_token
    assert (await verifier.verify(token)).subject == "u"

    reads = 0

    class Counting(SqliteDocuments):
        async def get(self, of: Any, value: str, field: str = "id") -> Any:
            nonlocal reads
            reads += 1
            return await documents.get(of, value, field)

    there._documents = Counting(documents._database)
    for kid in ("unknown", "also-unknown"):
        assert await there.key(kid) is None
    assert reads == 0
    clock.advance(seconds=2)
    for kid in ("unknown", "also-unknown"):
        assert await there.key(kid) is None
    assert reads == 1


async def test_a_withdrawn_key_verifies_nothing_once_it_was_heard_of(
    documents: SqliteDocuments, keyring: Keyring, clock: Any
) -> None:
    """A refresh drops it, makes verifiers ask again, and signs with the new one."""
    here, there = (SharedKeyring(documents, clock, VAULT) for _ in range(2))
    await here.load(keyring)
    await there.load()
    old = str(here.signing.kid)
    clock.advance(minutes=5)
    new = await here.rotate(keep=timedelta(0))

    await there.refresh()
    assert (there.signing.kid, await there.key(old), there.revision) == (new, None, 1)


async def test_two_rotations_at_once_lose_no_key(documents: SqliteDocuments, keyring: Keyring, clock: Any) -> None:
    """Whoever comes second puts its key behind the first one's."""
    here, there = (SharedKeyring(documents, clock, VAULT) for _ in range(2))
    await here.load(keyring)
    await there.load()
    first = await here.rotate()
    there._version = 1  # as if it had read before the first one was stored
    second = await there._store(there)
    assert not second
    last = await there.rotate()
    await here.refresh()
    assert {first, last} <= set(here._keys)


async def test_the_document_says_nothing_and_opens_with_the_right_keys_only(
    documents: SqliteDocuments, keyring: Keyring, clock: Any
) -> None:
    """It is sealed; a process with other secret keys does not begin, and says what to set."""
    ring = SharedKeyring(documents, clock, VAULT)
    await ring.load(keyring)
    stored = await documents.get(SigningKeys, "signing-keys")
    assert stored is not None
    assert '"kty"' not in stored.sealed
    assert "sealed" not in repr(ring)

    other = SharedKeyring(documents, clock, FernetVault([Fernet.generate_key().decode()]))
    with pytest.raises(InvalidKeyring, match="CHORALLY_SECRET_KEYS"):
        await other.load()


async def test_the_keys_are_sealed_anew_under_the_newest_key(
    documents: SqliteDocuments, keyring: Keyring, clock: Any
) -> None:
    """Afterwards the old secret key is not needed."""
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    await SharedKeyring(documents, clock, FernetVault([old])).load(keyring)
    await SharedKeyring(documents, clock, FernetVault([new, old])).reseal()

    ring = SharedKeyring(documents, clock, FernetVault([new]))
    await ring.load()
    assert ring.signing.kid == keyring.signing.kid
