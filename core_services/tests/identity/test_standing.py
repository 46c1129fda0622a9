"""Whether users may still use their tokens, where other processes change them."""

from typing import Any

import msgspec
from chorally_core.adapters.sqlite import Database, SqliteDocuments
from chorally_core.ports.documents import Write
from chorally_core.services.identity import Standing, User


class Seconds:
    """Seconds that pass when told to."""

    at = 100.0

    def __call__(self) -> float:
        """Return them."""
        return self.at


async def _stored(documents: SqliteDocuments, clock: Any) -> User:
    user = User(
        id="u1", tenant="acme", login="acme/ada", email="ada@example.com", name="Ada", password_hash="x", roles=(),
        created_at=clock(), updated_at=clock(), version=1,
    )  # fmt: skip
    await documents.write([Write(user, 0)])
    return user


async def _disabled(documents: SqliteDocuments, user: User) -> None:
    await documents.write([Write(msgspec.structs.replace(user, disabled=True, version=2), 1)])


async def test_what_another_process_changes_is_seen_after_a_moment(database: Database, clock: Any) -> None:
    """A user who was disabled elsewhere is refused here, too; one who was removed as well."""
    documents, seconds = SqliteDocuments(database), Seconds()
    user = await _stored(documents, clock)
    here = Standing(documents, kept_s=1.0, monotonic=seconds)
    generation = user.token_generation
    assert await here.is_valid("u1", "acme", generation)

    await _disabled(documents, user)
    assert await here.is_valid("u1", "acme", generation)
    seconds.at += 1.0
    assert not await here.is_valid("u1", "acme", generation)
    await documents.delete(User, ["u1"])
    seconds.at += 1.0
    assert not await here.is_valid("u1", "acme", generation)


async def test_one_process_alone_reads_a_user_once(database: Database, clock: Any) -> None:
    """It makes all changes itself, and is told of them."""
    documents, seconds = SqliteDocuments(database), Seconds()
    user = await _stored(documents, clock)
    alone = Standing(documents, monotonic=seconds)
    assert await alone.is_valid("u1", "acme", user.token_generation)
    await _disabled(documents, user)
    seconds.at += 3600
    assert await alone.is_valid("u1", "acme", user.token_generation)
